/**
 * `npm run -s bench -- NAME [--json] [--rounds N]`. With `--json`, stdout is one document (`report.ts`); progress and
 * everything else goes to stderr.
 */
import { parseArgs } from 'node:util'
import { report, table } from './report.ts'
import { type Bench, interleave } from './rounds.ts'

/** Each is loaded when asked for. */
const BENCHES: Readonly<Record<string, () => Promise<Bench>>> = {
  ratchet: async () => (await import('./ratchet.ts')).ratchetBench(),
  delivery: async () => (await import('./delivery.ts')).deliveryBench(),
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '5' } },
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
  process.stderr.write(
    `usage: npm run -s bench -- ${Object.keys(BENCHES).join('|')} [--json] [--rounds N]\n`,
  )
  process.exit(2)
}

const bench = await start()
try {
  const results = await interleave(bench.cases, rounds, (line) => {
    process.stderr.write(`${name}: ${line}\n`)
  })
  const finished = report(name, results)
  await printed(`${values.json ? JSON.stringify(finished) : table(finished)}\n`)
} finally {
  bench.end?.()
}
process.exit(0) // peers may leave handles open

/** Writes to stdout and waits until it has been taken, for the process is about to end. */
function printed(text: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(text, () => resolve()))
}
