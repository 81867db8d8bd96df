/**
 * A real mailbox on a real folder, killed at random points of deposit, fetch, acknowledgement, prekey hand-out and expiry.
 *
 *   npm run campaign -- mailbox-kills [--kills 500] [--from 0] [--for 60m] [--seed S]
 *
 * One mailbox lives through `EPISODE` kills, and is then asked for everything that it has promised. The seed and the number of the
 * first kill decide when each life ends; when the operating system does what is not in anybody's hands. A campaign that was ended
 * goes on with `--from`.
 */
import { parseArgs } from 'node:util'
import { parseDuration } from '../cli/duration.ts'
import { ready } from '../protocol/crypto.ts'
import { Dice } from '../test/campaign/dice.ts'
import { killMailbox, type KillReport } from '../test/support/mailbox-kills.ts'

/** Kills of one mailbox. */
const EPISODE = 50

/** MiB that a mailbox may have resident at the end of any life. */
const MAX_MEMORY = 400

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string', default: '500' },
    from: { type: 'string', default: '0' },
    for: { type: 'string' },
    seed: { type: 'string', default: 'sotto' },
  },
})
const [kills, from] = [Number(values.kills), Number(values.from)]
const limit = values.for === undefined ? Infinity : (parseDuration(values.for) ?? 0)
if (!Number.isSafeInteger(kills) || !Number.isSafeInteger(from) || from < 0 || limit === 0) {
  process.stderr.write(
    'npm run campaign -- mailbox-kills [--kills 500] [--from 0] [--for 60m] [--seed S]\n',
  )
  process.exit(2)
}

const NOTHING: KillReport = {
  faults: [],
  ...{ promised: 0, received: 0, settled: 0, expired: 0, pairs: 0, memory: 0 },
  expiry: { after: 0, during: 0, mail: 0, pairs: 0 },
}

await ready
process.exitCode = await campaign()

/** The exit code: 1 where a promise was broken. */
async function campaign(): Promise<number> {
  let stopped = false
  process.once('SIGINT', () => (stopped = true)).once('SIGTERM', () => (stopped = true))
  const began = performance.now()
  const reports: KillReport[] = []
  let next = from
  while (next < kills && !stopped && performance.now() - began < limit) {
    const count = Math.min(EPISODE, kills - next)
    const dice = new Dice(`${values.seed} ${next}`)
    const report = await killMailbox(count, (below) => dice.below(below))
    next += count
    reports.push(report)
    write(`${next} of ${kills} kills, seed ${values.seed}: ${told(report)}`)
    for (const fault of report.faults) write(`  ${fault}`)
  }
  if (next < kills) write(`go on with --seed '${values.seed}' --from ${next}`)
  const all = reports.reduce(joined, NOTHING)
  write(`${next - from} kills: ${told(all)}`)
  const { during, mail, pairs } = all.expiry
  const hasMetExpiry = during > 0 && mail > 0 && pairs > 0
  if (!hasMetExpiry) write('no kill has met expiry, which is what half of them are for')
  return all.faults.length > 0 || all.memory > MAX_MEMORY || !hasMetExpiry ? 1 : 0
}

function joined(a: KillReport, b: KillReport): KillReport {
  return {
    faults: [...a.faults, ...b.faults],
    promised: a.promised + b.promised,
    received: a.received + b.received,
    settled: a.settled + b.settled,
    expired: a.expired + b.expired,
    pairs: a.pairs + b.pairs,
    expiry: {
      after: a.expiry.after + b.expiry.after,
      during: a.expiry.during + b.expiry.during,
      mail: a.expiry.mail + b.expiry.mail,
      pairs: a.expiry.pairs + b.expiry.pairs,
    },
    memory: Math.max(a.memory, b.memory),
  }
}

function told({ promised, received, expired, pairs, expiry, ...report }: KillReport): string {
  const { faults, memory } = report
  return (
    `${promised} promises, ${received} delivered, ${expired} ended before their owner came; ` +
    `${expiry.mail} envelopes and ${expiry.pairs} pairs expired, ` +
    `${expiry.during} kills while something did, ${expiry.after} after something had; ` +
    `${pairs} pairs taken, at most ${memory.toFixed(0)} MiB, ${faults.length} faults`
  )
}

function write(line: string): void {
  process.stdout.write(`${line}\n`)
}
