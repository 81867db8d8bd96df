import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** They replace libsodium, so they need modules that nothing else has loaded. */
const APART = ['test/protocol/crypto-start.test.ts', 'test/native/*.test.ts']

/** Long histories and every bit of everything: most of the time, and a fault that only they notice lacks a test that names it. */
const LEFT_OUT = [
  ...['session-model', 'session-epochs', 'bit-flips', 'hostile-contact', 'hostile-histories'],
].map((name) => `test/protocol/${name}.test.ts`)

/** They take longer than the others of their size. */
const SLOW = /\/(?:begin-session|bytes|padding|ratchet|session)\.test\.ts$/

/** Names of the files that have mutants, from `mutate.ts`. */
const mutated = (process.env['SOTTO_MUTATED'] ?? '').split(',')

/** The first failure ends a run, so that the tests that mirror these files go first, and then the quick ones. */
class QuickFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return Promise.resolve(files.toSorted((a, b) => cost(a) - cost(b)))
  }
}

function cost({ moduleId }: TestSpecification): number {
  const [name = ''] = basename(moduleId).split('.')
  if (mutated.includes(name)) return 0
  return statSync(moduleId).size * (SLOW.test(moduleId) ? 1000 : 1)
}

/** The tests that each mutant runs against: `npm run mutate`. Modules are loaded once for all files of a run. */
export default defineConfig({
  test: {
    sequence: { sequencer: QuickFirst },
    projects: [
      {
        test: {
          name: 'together',
          include: ['test/protocol/**/*.test.ts'],
          exclude: [...APART, ...LEFT_OUT],
          isolate: false,
          setupFiles: ['tools/mutation-setup.ts'],
          testTimeout: 60_000,
        },
      },
      { test: { name: 'apart', include: APART } },
    ],
  },
})
