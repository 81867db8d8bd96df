// MKSKIPPED: the keys of messages that have not come yet, in the order in which they were skipped.
//
// Gaps are made in rising positions of rising chains, so (chain, number) is also the order of age:
// the list is sorted, its head is the oldest, and a lookup is a binary search. It is copied when it
// changes, not per message.

import type { BodyKey } from './message-keys.ts'

/**
 * Kept keys of one session: the longest jump, so that one gap never drives out its own beginning.
 */
export const MAX_SKIPPED_KEYS = 4000

/** A place in the receiving direction of a session. */
export interface Position {
  /** Ordinal of the receiving chain. */
  readonly chain: number
  readonly number: number
}

/**
 * What opens one message that was passed over. Only BK: mk, CK and the epoch's key are not kept for
 * it.
 */
export interface SkippedKey extends Position {
  readonly kind: 'skipped'
  /** The receive epoch before the header that made the gap. */
  readonly epoch: number
  readonly bodyKey: BodyKey
  /** For the epoch after it, if that header named it: nobody knows where in the gap it began. */
  readonly nextBodyKey: BodyKey | undefined
  /** Unix ms. */
  readonly skippedAt: number
}

/** Index of the first entry at or after a position, in a list sorted by position. */
export function lowerBound(list: readonly Position[], { chain, number }: Position): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = list[middle]
    if (entry !== undefined && comparePositions(entry, { chain, number }) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** Negative if `a` comes before `b`. */
export function comparePositions(a: Position, b: Position): number {
  return a.chain - b.chain || a.number - b.number
}

/** The key of exactly this position. */
export function findSkipped(list: readonly SkippedKey[], at: Position): SkippedKey | undefined {
  const entry = list[lowerBound(list, at)]
  return entry !== undefined && comparePositions(entry, at) === 0 ? entry : undefined
}

/** The key of a skipped message, if it says that it is of this epoch. */
export function skippedBodyKey(skipped: SkippedKey, epoch: number): BodyKey | undefined {
  if (epoch === skipped.epoch) return skipped.bodyKey
  return epoch === skipped.epoch + 1 ? skipped.nextBodyKey : undefined
}

/** The secrets of skipped messages. */
export function skippedSecrets(list: readonly SkippedKey[]): readonly BodyKey[] {
  const secrets: BodyKey[] = []
  for (const { bodyKey, nextBodyKey } of list) {
    secrets.push(bodyKey)
    if (nextBodyKey !== undefined) secrets.push(nextBodyKey)
  }
  return secrets
}

/** The list without one of its keys. */
export function withoutSkipped(
  list: readonly SkippedKey[],
  key: SkippedKey,
): readonly SkippedKey[] {
  return list.toSpliced(lowerBound(list, key), 1)
}

/** The list with these in the place of the keys of the same positions. */
export function replaceSkipped(
  list: readonly SkippedKey[],
  changed: readonly SkippedKey[],
): readonly SkippedKey[] {
  return list.map((key) => findSkipped(changed, key) ?? key)
}

/** Whether any key of this chain is kept. */
export function hasSkipped(list: readonly SkippedKey[], chain: number): boolean {
  return list[lowerBound(list, { chain, number: 0 })]?.chain === chain
}

/** A list, and what had to leave it. */
export interface Evicted {
  readonly kept: readonly SkippedKey[]
  readonly evicted: readonly SkippedKey[]
}

/** Adds newer keys at the end; the oldest leave when there are more than `MAX_SKIPPED_KEYS`. */
export function addSkipped(list: readonly SkippedKey[], added: readonly SkippedKey[]): Evicted {
  if (added.length === 0) return { kept: list, evicted: [] }
  const all = [...list, ...added]
  return splitAt(all, Math.max(0, all.length - MAX_SKIPPED_KEYS))
}

/** Splits off the keys of chains before this one. */
export function evictChainsBefore(list: readonly SkippedKey[], chain: number): Evicted {
  return splitAt(list, lowerBound(list, { chain, number: 0 }))
}

/** Splits off the keys that were skipped before a time (Unix ms). Each by its own time: clocks jump. */
export function expireSkipped(list: readonly SkippedKey[], skippedBefore: number): Evicted {
  const isOld = ({ skippedAt }: SkippedKey): boolean => skippedAt < skippedBefore
  const evicted = list.filter(isOld)
  return { kept: evicted.length === 0 ? list : list.filter((key) => !isOld(key)), evicted }
}

/** The keys that a clock has dated after `latest` (Unix ms), as if they had been skipped then. */
export function redateSkipped(list: readonly SkippedKey[], latest: number): readonly SkippedKey[] {
  return list
    .filter(({ skippedAt }) => skippedAt > latest)
    .map((key) => ({ ...key, skippedAt: latest }))
}

function splitAt(list: readonly SkippedKey[], index: number): Evicted {
  if (index === 0) return { kept: list, evicted: [] }
  return { kept: list.slice(index), evicted: list.slice(0, index) }
}
