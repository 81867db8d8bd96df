import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { ProtocolCounts } from './test/support/protocol-counts.ts'
import {
  CHROMIUM_ARGUMENTS,
  findAge,
  findCaddy,
  findChromium,
  findMounts,
  findPromtool,
  findStrace,
  findSystemdAnalyze,
} from './tools/programs.ts'

/** Where `npm run verify` wants the counts as JSON. */
const report = process.env['SOTTO_TEST_REPORT']

const chromium = findChromium()
if (chromium === undefined) {
  process.stderr.write(
    'No Chromium found: test/protocol runs in Node only. Install it (Debian: apt-get install ' +
      'chromium) or name it in CHROMIUM to run the project "browser" too.\n',
  )
}

const strace = findStrace()
if (strace === undefined) {
  process.stderr.write(
    'No strace found: test/traced does not run. Install it (Debian: apt-get install strace).\n',
  )
}

const promtool = findPromtool()
if (promtool === undefined) {
  process.stderr.write(
    'No promtool found: test/ops/promtool does not run. Install it (Debian: apt-get install prometheus).\n',
  )
}

const age = findAge()
if (age === undefined) {
  process.stderr.write(
    'No age found: test/ops/age does not run. Install it (Debian: apt-get install age).\n',
  )
}

const caddy = findCaddy()
if (caddy === undefined) {
  process.stderr.write(
    'No Caddy found: test/ops/caddy does not run. Install it (Debian: apt-get install caddy).\n',
  )
}

const mounts = findMounts()
if (mounts === undefined) {
  process.stderr.write(
    'No file system can be mounted here: test/node/hurt-disk does not run. It needs root on Linux, in a namespace of its own.\n',
  )
}

/** Tests of programs that are not here, and of figures that only Linux gives. Without systemd there is nothing to check a unit for. */
const MISSING = [
  ...(promtool === undefined ? ['test/ops/promtool.test.ts'] : []),
  ...(age === undefined ? ['test/ops/age.test.ts'] : []),
  ...(caddy === undefined ? ['test/ops/caddy.test.ts'] : []),
  ...(findSystemdAnalyze() === undefined ? ['test/ops/systemd.test.ts'] : []),
  ...(process.platform === 'linux' ? [] : ['test/support/process-figures.test.ts']),
]

const MISSING_ALONE = [
  ...(strace === undefined ? ['test/traced/**'] : []),
  ...(mounts === undefined ? ['test/node/hurt-disk.test.ts'] : []),
  ...(process.platform === 'linux' ? [] : ['test/node/soak.test.ts']),
]

/**
 * Tests with processes or whole networks of their own: one file at a time, after the others, so that they measure what they
 * mean to and not how busy the machine is.
 */
const ALONE = [
  'test/{examples,scenario,testnet,traced}/**/*.test.ts',
  'test/canaries/processes.test.ts',
  'test/cli/{bin,mailbox-processes,processes}.test.ts',
  'test/mailbox/{dht,kill,libp2p,load-*}.test.ts',
  'test/net/{dht,full-disk,lan}.test.ts',
  'test/node/{hurt-disk,kill,soak}.test.ts',
]

/** Minutes of one worker each. A fresh clone knows no durations: what begins last ends last. */
const LONG = /\/test\/sim\/sim/

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const [long, others] = [true, false].map((is) =>
      sorted.filter(({ moduleId }) => LONG.test(moduleId) === is),
    )
    return [...(long ?? []), ...(others ?? [])]
  }
}

function jsonReport(outputFile: string): ['json', { outputFile: string }] {
  return ['json', { outputFile }]
}

/** The same files as in Node, in the browser that the machine has. */
const browser = (executablePath: string) => ({
  optimizeDeps: {
    include: [
      'libsodium-wrappers',
      '@bufbuild/protobuf',
      '@bufbuild/protobuf/codegenv2',
      'fast-check',
    ],
  },
  test: {
    name: 'browser',
    include: ['test/protocol/**/*.test.ts'],
    testTimeout: 60_000,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        launchOptions: {
          executablePath,
          args: [...CHROMIUM_ARGUMENTS],
        },
      }),
      instances: [{ browser: 'chromium' as const }],
    },
  },
})

/** What stands outside of a profile: no test leaves anything there unless it names a place. */
const NO_STATE = { XDG_STATE_HOME: '/dev/null/none' }

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    reporters: [
      'default',
      new ProtocolCounts(),
      ...(report === undefined ? [] : [jsonReport(report)]),
    ],
    projects: [
      {
        test: {
          name: 'node',
          include: ['test/**/*.test.ts'],
          exclude: [...ALONE, ...MISSING],
          testTimeout: 60_000,
          env: NO_STATE,
        },
      },
      {
        test: {
          name: 'alone',
          include: ALONE,
          exclude: MISSING_ALONE,
          testTimeout: 60_000,
          env: NO_STATE,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      ...(chromium === undefined ? [] : [browser(chromium)]),
    ],
  },
})
