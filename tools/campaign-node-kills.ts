/**
 * Two nodes that chat both ways and their mailbox, each a real process on a real folder, killed at random moments.
 *
 *   npm run campaign -- node-kills [--kills 1000] [--from 0] [--for 60m] [--seed S]
 *
 * Two people live through `EPISODE` kills, and then everything that was accepted must be shown to the other side, once. The seed and
 * the number of the first kill decide who is killed when; what the operating system does then is not in anybody's hands. A campaign
 * that was ended goes on with `--from`.
 */
import { killNodes, type NodeKillReport } from '../test/support/node-kills.ts'
import { killEpisodes, write } from './kill-episodes.ts'

const NOTHING: NodeKillReport = { kills: 0, accepted: 0, lost: 0, doubled: 0, faults: [] }

process.exitCode = await campaign()

/** The exit code: 1 where something was lost, doubled or wrong. */
async function campaign(): Promise<number> {
  const { reports } = await killEpisodes({
    ...{ name: 'node-kills', kills: 1000, run: killNodes, told },
  })
  const all = reports.reduce(joined, NOTHING)
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
