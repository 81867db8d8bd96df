/**
 * Two nodes that chat both ways and their mailbox, each a real process on a real folder, killed at random moments.
 *
 *   npm run campaign -- node-kills [--kills 1000] [--from 0] [--for 60m] [--seed S]
 *
 * Two people live through `EPISODE` kills, and then everything that was accepted must be shown to the other side, once. The seed and
 * the number of the first kill decide who is killed when; what the operating system does then is not in anybody's hands. A campaign
 * that was ended goes on with `--from`.
 */
import { parseArgs } from 'node:util'
import { parseDuration } from '../cli/duration.ts'
import { Dice } from '../test/campaign/dice.ts'
import { killNodes, type NodeKillReport } from '../test/support/node-kills.ts'

/** Kills of one pair. */
const EPISODE = 50

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string', default: '1000' },
    from: { type: 'string', default: '0' },
    for: { type: 'string' },
    seed: { type: 'string', default: 'sotto' },
  },
})
const [kills, from] = [Number(values.kills), Number(values.from)]
const limit = values.for === undefined ? Infinity : (parseDuration(values.for) ?? 0)
if (!Number.isSafeInteger(kills) || !Number.isSafeInteger(from) || from < 0 || limit === 0) {
  process.stderr.write(
    'npm run campaign -- node-kills [--kills 1000] [--from 0] [--for 60m] [--seed S]\n',
  )
  process.exit(2)
}

const NOTHING: NodeKillReport = { kills: 0, accepted: 0, lost: 0, doubled: 0, faults: [] }

process.exitCode = await campaign()

/** The exit code: 1 where something was lost, doubled or wrong. */
async function campaign(): Promise<number> {
  let stopped = false
  process.once('SIGINT', () => (stopped = true)).once('SIGTERM', () => (stopped = true))
  const began = performance.now()
  let all = NOTHING
  let next = from
  while (next < kills && !stopped && performance.now() - began < limit) {
    const count = Math.min(EPISODE, kills - next)
    const dice = new Dice(`${values.seed} ${next}`)
    const report = await killNodes(count, (below) => dice.below(below))
    next += count
    all = joined(all, report)
    write(`${next} of ${kills} kills, seed ${values.seed}: ${told(report)}`)
    for (const fault of report.faults) write(`  ${fault}`)
  }
  if (next < kills) write(`go on with --seed '${values.seed}' --from ${next}`)
  write(`${all.kills} kills: ${told(all)}`)
  return all.faults.length + all.lost + all.doubled > 0 ? 1 : 0
}

function joined(a: NodeKillReport, b: NodeKillReport): NodeKillReport {
  return {
    kills: a.kills + b.kills,
    accepted: a.accepted + b.accepted,
    lost: a.lost + b.lost,
    doubled: a.doubled + b.doubled,
    faults: [...a.faults, ...b.faults],
  }
}

function told({ accepted, lost, doubled, faults }: NodeKillReport): string {
  return `${accepted} messages accepted, ${lost} lost, ${doubled} doubled, ${faults.length} faults`
}

function write(line: string): void {
  process.stdout.write(`${line}\n`)
}
