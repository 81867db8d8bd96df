import type { RandomBytes } from '../protocol/bytes.ts'

/** How long to wait before one more attempt. */
export interface BackoffOptions {
  /** Milliseconds before the first repetition, on average. */
  readonly base: number
  /** No delay is longer. */
  readonly max: number
  readonly random: RandomBytes
}

/** 2^30 times the base is longer than any `max` in use. */
const MAX_DOUBLINGS = 30

/**
 * Exponential delay in ms with jitter: between a half and three halves of `base * 2^attempt`, at most `max`. `attempt` counts
 * failures, from 0. Does not throw. The jitter keeps many nodes from coming back to one restarted peer at the same moment.
 */
export function backoff(attempt: number, { base, max, random }: BackoffOptions): number {
  const middle = Math.min(max, base * 2 ** Math.min(Math.max(attempt, 0), MAX_DOUBLINGS))
  return Math.min(max, Math.round(middle * (0.5 + fraction(random))))
}

/** A number of ms in [from, to), so that others cannot tell when. Does not throw. */
export function between(from: number, to: number, random: RandomBytes): number {
  return Math.floor(from + (to - from) * fraction(random))
}

/** A number in [0, 1) with 32 bits; a half where the generator fails, since what is to come again must come all the same. */
function fraction(random: RandomBytes): number {
  try {
    const bytes = random(4)
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32
  } catch {
    return 0.5
  }
}
