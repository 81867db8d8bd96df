// What the judge says, and how it is shown.

export interface Verdict {
  readonly sent: number
  /** Of a crash: proved to the sender when the recipient died, and not; of the latter, sent before it died. */
  readonly acknowledgedAtKill: number
  readonly notAcknowledgedAtKill: number
  readonly underWayAtKill: number
  /** In the inbox of the recipient. */
  readonly delivered: number
  readonly lost: number
  readonly doubled: number
  /** In an inbox, but never sent by the one it is said to be from. */
  readonly foreign: number
  /** Entries of a history that do not stand in the order of their sender's counters. */
  readonly outOfOrder: number
  /** Delivered or not, the sender's store does not say so. */
  readonly unproved: number
}

/** Whether all that was sent was delivered, once, and its senders know. */
export function exactlyOnce(verdict: Verdict): boolean {
  const { sent, delivered, lost, doubled, foreign, outOfOrder, unproved } = verdict
  return sent === delivered && lost + doubled + foreign + outOfOrder + unproved === 0
}

/** The verdict for people. */
export function table(verdict: Verdict): string {
  const rows: readonly (readonly [string, number])[] = [
    ['sent', verdict.sent],
    ['  acknowledged when bob was killed', verdict.acknowledgedAtKill],
    ['  not acknowledged when bob was killed', verdict.notAcknowledgedAtKill],
    ['    of these under way at that moment', verdict.underWayAtKill],
    ['delivered', verdict.delivered],
    ['lost', verdict.lost],
    ['doubled', verdict.doubled],
    ['out of order', verdict.outOfOrder],
  ]
  const extra: readonly (readonly [string, number])[] = [
    ['never sent, but in an inbox', verdict.foreign],
    ['delivered without proof for the sender', verdict.unproved],
  ]
  return [...rows, ...extra.filter(([, count]) => count > 0)]
    .map(([name, count]) => `  ${name.padEnd(42)}${String(count).padStart(7)}`)
    .join('\n')
}
