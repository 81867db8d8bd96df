/**
 * A real mailbox on a real folder, killed at random points of deposit, fetch, acknowledgement, prekey hand-out and expiry.
 *
 *   npm run campaign -- mailbox-kills [--kills 500] [--from 0] [--for 60m] [--seed S]
 *
 * One mailbox lives through `EPISODE` kills, and is then asked for everything that it has promised. The seed and the number of the
 * first kill decide when each life ends; when the operating system does what is not in anybody's hands. A campaign that was ended
 * goes on with `--from`.
 */
import { ready } from '../protocol/crypto.ts'
import { killMailbox, type KillReport } from '../test/support/mailbox-kills.ts'
import { killEpisodes, write } from './kill-episodes.ts'

/** MiB that a mailbox may have resident at the end of any life. */
const MAX_MEMORY = 400

const NOTHING: KillReport = {
  faults: [],
  ...{ promised: 0, received: 0, settled: 0, expired: 0, pairs: 0, memory: 0 },
  expiry: { after: 0, during: 0, mail: 0, pairs: 0 },
}

await ready
process.exitCode = await campaign()

/** The exit code: 1 where a promise was broken. */
async function campaign(): Promise<number> {
  const { kills, reports } = await killEpisodes({
    ...{ name: 'mailbox-kills', kills: 500, run: killMailbox, told },
  })
  const all = reports.reduce(joined, NOTHING)
  write(`${kills} kills: ${told(all)}`)
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
