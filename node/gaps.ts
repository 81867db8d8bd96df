// What of a contact's messages is known to be missing, as a value: counters that were passed over, and how far asking for them
// has got (docs/protocol.md, "Missing messages"). Who asks and who answers is missing.ts.

import { equalBytes } from '../protocol/bytes.ts'
import type { CounterRange } from '../protocol/content.ts'
import { hasPassed } from '../protocol/riding.ts'
import { DAY, HOUR } from './lifetimes.ts'

/** A run of counters that are missing, and are asked for. */
export interface Gap extends CounterRange {
  /** Unix ms when it was noticed or last got smaller; 0: it is to be asked for at once. */
  readonly since: number
  /** The session that sent when it was noticed or last asked for; empty if there was none. */
  readonly sessionId: Uint8Array
  /** Reports in that session that have named it. */
  readonly asks: number
  /** Unix ms of the last one; 0 before. */
  readonly askedAt: number
  /** Our sending chain at the first one: what they send after a turn of the ratchet, they send after they have heard of it. */
  readonly chain: number
  /** Unix ms of the first message after such a turn; 0 before. */
  readonly heardAt: number
  /** The session was replaced because of it. */
  readonly replaced: boolean
}

/** More than this are not kept for a contact; the oldest is given up. */
export const MAX_GAPS = 128

/** How long the first report waits, and each one after it for what the one before brings. There are no more in one session. */
const PATIENCE = [10 * 60_000, HOUR, 4 * HOUR] as const

/** How long they have, after they must have heard of it. */
const ANSWER_AWAITED = DAY

/** No chain of ours is as far: nothing counts as an answer any more in this session. */
const NEVER = 2 ** 32 - 1

/** A gap that was just noticed, or what is left of one that got smaller. */
export function newGap(range: CounterRange, since: number, sessionId: Uint8Array): Gap {
  const { first, last } = range
  const unasked = { asks: 0, askedAt: 0, chain: 0, heardAt: 0, replaced: false }
  return { first, last, since, sessionId, ...unasked }
}

/** What is left of the gaps without a range, and what of the range was missing. */
export function closeGaps(
  gaps: readonly Gap[],
  { first, last }: CounterRange,
  now: number,
): { readonly left: readonly Gap[]; readonly closed: readonly CounterRange[] } {
  const left: Gap[] = []
  const closed: CounterRange[] = []
  for (const gap of gaps) {
    if (gap.last < first || gap.first > last) {
      left.push(gap)
      continue
    }
    // Something came of it: what is left has time again.
    const rest = { ...gap, since: now, asks: 0, heardAt: 0 }
    if (gap.first < first) left.push({ ...rest, last: first - 1 })
    if (gap.last > last) left.push({ ...rest, first: last + 1 })
    closed.push({ first: Math.max(first, gap.first), last: Math.min(last, gap.last) })
  }
  return { left, closed }
}

/** What is to be done about a gap now. `undefined`: nothing. */
export type NextStep = 'ask' | 'replace' | 'give-up' | undefined

export function nextStep(gap: Gap, now: number): NextStep {
  const due = dueAt(gap)
  if (due === undefined || !hasPassed(due.after, due.from, now)) return undefined
  return due.step
}

/** Unix ms when something is to be done about a gap; undefined while it waits for them. */
export function nextStepAt(gap: Gap): number | undefined {
  const due = dueAt(gap)
  return due && due.from + due.after
}

function dueAt(
  gap: Gap,
): { readonly step: NextStep; readonly from: number; readonly after: number } | undefined {
  if (gap.heardAt !== 0) {
    const step = gap.replaced ? 'give-up' : 'replace'
    return { step, from: gap.heardAt, after: ANSWER_AWAITED }
  }
  const after = PATIENCE[gap.asks]
  if (after === undefined) return undefined
  return { step: 'ask', from: gap.asks === 0 ? gap.since : gap.askedAt, after }
}

/** The gap in a session: another one than before has been asked for nothing yet, and is asked at once. */
export function inSession(gap: Gap, sessionId: Uint8Array): Gap {
  if (equalBytes(gap.sessionId, sessionId)) return gap
  return { ...newGap(gap, 0, sessionId), replaced: gap.replaced }
}

/** A report has named it. */
export function asked(gap: Gap, chain: number, now: number): Gap {
  return { ...gap, asks: gap.asks + 1, askedAt: now, chain: gap.asks === 0 ? chain : gap.chain }
}

/** Nothing more is expected of this session. */
export function waitingForAnother(gap: Gap): Gap {
  return { ...gap, asks: PATIENCE.length, chain: NEVER, heardAt: 0, replaced: true }
}

/** They have answered our sending chain `chain` in a session. */
export function heardIn(gap: Gap, sessionId: Uint8Array, chain: number, now: number): Gap {
  const late = gap.asks === 0 || gap.heardAt !== 0 || chain < gap.chain
  return late || !equalBytes(gap.sessionId, sessionId) ? gap : { ...gap, heardAt: now }
}

/** Rising ranges, with those that touch in one. */
export function joined(ranges: readonly CounterRange[]): readonly CounterRange[] {
  const list: CounterRange[] = []
  for (const { first, last } of ranges) {
    const before = list.at(-1)
    if (before !== undefined && before.last + 1 >= first) {
      list[list.length - 1] = { first: before.first, last: Math.max(before.last, last) }
    } else list.push({ first, last })
  }
  return list
}
