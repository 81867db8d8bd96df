// Whether something that was measured again and again has grown.

export interface Series {
  readonly name: string
  readonly values: readonly number[]
  /** By how much it may be more in the end than after the beginning. */
  readonly bound: number
}

export interface Flatness {
  readonly name: string
  /** The middle value of the second sixth, and of the last. */
  readonly early: number
  readonly late: number
  readonly most: number
  readonly bound: number
  readonly isFlat: boolean
}

/** Of fewer values nothing can be said. */
export const LEAST_VALUES = 12

/**
 * The first sixth is the warm-up: caches fill up, code is compiled. Medians, so that peaks do not decide: a collection of garbage that
 * came late, a compaction, a burst after somebody was away.
 */
export function flatness({ name, values, bound }: Series): Flatness {
  if (values.length < LEAST_VALUES) throw new RangeError(`${name} was measured too few times`)
  const sixth = Math.floor(values.length / 6)
  const early = median(values.slice(sixth, 2 * sixth))
  const late = median(values.slice(-sixth))
  return { name, early, late, most: Math.max(...values), bound, isFlat: late - early <= bound }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2
}
