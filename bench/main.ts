/**
 * `npm run -s bench -- NAME [--json | --markdown] [--update] [--rounds N]`. With `--json`, stdout is one document
 * (`report.ts`), with `--markdown` a section of docs/benchmarks.md; `--update` writes that section there. Progress and
 * everything else goes to stderr.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { replaceSection, section, type Run } from './page.ts'
import { report, table } from './report.ts'
import { type Bench, interleave } from './rounds.ts'

/** Each is loaded when asked for. */
const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  ratchet: async () => (await import('./ratchet.ts')).ratchetBench(),
  delivery: async () => (await import('./delivery.ts')).deliveryBench(),
  mailbox: async () => (await import('./mailbox.ts')).mailboxBench(),
  deposit: async () => (await import('./deposit.ts')).depositBench(),
  oracle: async () => (await import('./oracle.ts')).oracleBench(),
  capacity: async () => (await import('./capacity.ts')).capacityBench(),
  names: async () => (await import('./names.ts')).namesBench(),
  flood: async () => (await import('./flood.ts')).floodBench(),
}

const PAGE = new URL('../docs/benchmarks.md', import.meta.url)

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
  },
})
const name = positionals[0] ?? ''
const start = BENCHES[name]
const rounds = Number(values.rounds)

if (
  start === undefined ||
  positionals.length !== 1 ||
  !Number.isSafeInteger(rounds) ||
  rounds < 1
) {
  const names = Object.keys(BENCHES).join('|')
  process.stderr.write(
    `usage: npm run -s bench -- ${names} [--json | --markdown] [--update] [--rounds N]\n`,
  )
  process.exit(2)
}

const before = load()
const bench = await start()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void interrupt())
try {
  const results = await interleave(bench.cases, rounds, (line) => {
    process.stderr.write(`${name}: ${line}, load average ${load().toFixed(1)}\n`)
  })
  const finished = report(name, results)
  const text = section(finished, runOf(bench))
  if (values.update) {
    writeFileSync(PAGE, replaceSection(readFileSync(PAGE, 'utf8'), name, text))
  }
  if (values.json) await printed(JSON.stringify(finished))
  else await printed(values.markdown ? text : table(finished))
} finally {
  await bench.end?.()
}
process.exit(0) // peers may leave handles open

/** Leaves no process and no folder behind. */
async function interrupt(): Promise<never> {
  await bench.end?.()
  process.exit(130)
}

function runOf({ notes = [] }: Bench): Run {
  return {
    command: `npm run -s bench -- ${name} --rounds ${rounds}`,
    date: new Date().toISOString().slice(0, 10),
    rounds,
    load: [before, load()],
    notes,
  }
}

/** Over the last minute. */
function load(): number {
  return loadavg()[0] ?? Number.NaN
}

/** Writes a line to stdout and waits until it has been taken, for the process is about to end. */
function printed(text: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${text}\n`, () => resolve()))
}
