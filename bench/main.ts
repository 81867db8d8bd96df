/**
 * `npm run -s bench -- NAME [--json] [--rounds N]`. With `--json`, stdout is one document (`report.ts`); progress and
 * everything else goes to stderr.
 */
import { parseArgs } from 'node:util'
import { report, table } from './report.ts'
import { type Case, interleave } from './rounds.ts'

/** Each is loaded when asked for. */
const BENCHES: Readonly<Record<string, () => Promise<readonly Case[]>>> = {
  ratchet: async () => (await import('./ratchet.ts')).ratchetCases(),
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, rounds: { type: 'string', default: '5' } },
})
const name = positionals[0] ?? ''
const cases = BENCHES[name]
const rounds = Number(values.rounds)

if (
  cases === undefined ||
  positionals.length !== 1 ||
  !Number.isSafeInteger(rounds) ||
  rounds < 1
) {
  process.stderr.write(
    `usage: npm run -s bench -- ${Object.keys(BENCHES).join('|')} [--json] [--rounds N]\n`,
  )
  process.exit(2)
}

const results = await interleave(await cases(), rounds, (line) => {
  process.stderr.write(`${name}: ${line}\n`)
})
const finished = report(name, results)
process.stdout.write(`${values.json ? JSON.stringify(finished) : table(finished)}\n`)
process.exit(0) // peers may leave handles open
