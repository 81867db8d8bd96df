// When an offer or answer of the post-quantum ratchet rides in a message, and when it has waited too
// long for the other side. A part is repeated until the other side shows that it has it, at growing
// intervals: often enough for loss to cost little time, seldom enough for a long burst to cost few
// bytes.

/** How a part of ours has travelled. */
export interface Riding {
  /** How often it rode. */
  readonly rides: number
  /** Messages that we sent without it since it last rode. */
  readonly passed: number
  /** Unix ms when it first rode; 0 before. */
  readonly firstAt: number
  /** Unix ms when it last rode; 0 before. */
  readonly lastAt: number
  /** Ordinal of the sending chain in which it last rode. */
  readonly chain: number
  /** Sending chains in which it rode and which the peer has answered. */
  readonly answeredChains: number
  /** Messages sent and opened since it first rode. */
  readonly messages: number
}

/** The message that is about to be sealed. */
export interface Departure {
  /** Unix ms. */
  readonly now: number
  /** Ordinal of our sending chain. */
  readonly chain: number
  /** Position in it. */
  readonly number: number
}

/** After so much time a part rides again. */
export const RIDE_AGAIN_AFTER = 60 * 60 * 1000

/** A part that has ridden in so many answered chains was not lost by chance. */
export const STALLED_CHAINS = 8
export const STALLED_MESSAGES = 200
export const STALLED_AFTER = 7 * 24 * 60 * 60 * 1000

/** A part that was just made. */
export const NEVER_RODE: Riding = {
  rides: 0,
  passed: 0,
  firstAt: 0,
  lastAt: 0,
  chain: 0,
  answeredChains: 0,
  messages: 0,
}

/** Whether a part rides in this message: at once, then after 1, 2, 4, 8, ... messages of ours. */
export function isRideDue(riding: Riding, { now, number }: Departure): boolean {
  if (riding.rides === 0 || number === 0) return true
  if (riding.passed + 1 >= 2 ** (riding.rides - 1)) return true
  return hasPassed(RIDE_AGAIN_AFTER, riding.lastAt, now)
}

/** After a message that carried the part. */
export function rode(riding: Riding, { now, chain }: Departure): Riding {
  const isFirst = riding.rides === 0
  return {
    ...riding,
    rides: riding.rides + 1,
    passed: 0,
    firstAt: isFirst ? now : riding.firstAt,
    lastAt: now,
    chain,
    messages: isFirst ? 0 : riding.messages + 1,
  }
}

/** After a message of ours without it. */
export function passedBy(riding: Riding): Riding {
  if (riding.rides === 0) return riding
  return { ...riding, passed: riding.passed + 1, messages: riding.messages + 1 }
}

/**
 * After a message of theirs; `answeredChain` is the ordinal of our sending chain if that message
 * ended it, which proves that they have opened something of it.
 */
export function heard(riding: Riding, answeredChain: number | undefined): Riding {
  if (riding.rides === 0) return riding
  const counts = answeredChain === riding.chain
  return {
    ...riding,
    messages: riding.messages + 1,
    answeredChains: riding.answeredChains + (counts ? 1 : 0),
  }
}

/** Whether the other side answers, but never to this part. */
export function isStalled(riding: Riding, now: number): boolean {
  if (riding.answeredChains < STALLED_CHAINS) return false
  return riding.messages >= STALLED_MESSAGES || now - riding.firstAt >= STALLED_AFTER
}

/** Whether so much time lies between; a clock that was set back far counts as time that has passed. */
export function hasPassed(duration: number, since: number, now: number): boolean {
  return Math.abs(now - since) >= duration
}
