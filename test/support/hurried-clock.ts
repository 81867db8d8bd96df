// A clock by which a day passes in less than two seconds, the same in every process that knows when it began.
import { systemClock } from '../../net/platform/clock.ts'
import type { MailboxLimits } from '../../mailbox/limits.ts'
import type { Clock } from '../../net/ports.ts'

const PACE = 60_000

const HOUR = 3_600_000

/** Timers of at least so many ms keep pace; those of streams and requests do not. */
const LONG = 10 * 60_000

/** What a mailbox by this clock promises: a few lives of one that is killed. */
export const KEPT = {
  keepMessagesMs: 16 * HOUR,
  keepFirstMessagesMs: 12 * HOUR,
  keepPairsMs: 12 * HOUR,
} satisfies Partial<MailboxLimits>

/** `began` is a Unix time in ms; at that moment it shows the same as every clock. */
export function hurriedClock(began: number): Clock {
  return {
    now: () => began + (systemClock.now() - began) * PACE,
    after: (ms, run) => systemClock.after(ms < LONG ? ms : ms / PACE, run),
  }
}
