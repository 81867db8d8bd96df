import type { RandomBytes } from '../../protocol/bytes.ts'

/** One call of Web Crypto gives no more. */
const MAX_DRAW = 65_536

/** The platform's generator. For keys, seeds and encapsulations, which never come from a pool. */
export const platformRandom: RandomBytes = (length) => {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at += MAX_DRAW) {
    crypto.getRandomValues(bytes.subarray(at, Math.min(length, at + MAX_DRAW)))
  }
  return bytes
}

const POOL_BYTES = 4096

/** A pool that nobody drew from for this long is dropped. */
const POOL_MS = 1000

/**
 * Random bytes from a pool, many times cheaper: for salts, ids, nonces and jitter only. A byte is wiped from the pool as it is
 * drawn, and a pool older than a second is thrown away, so that a snapshot of the memory tells nothing about later draws.
 */
export function pooled(
  random: RandomBytes,
  now: () => number = () => performance.now(),
): RandomBytes {
  let pool = new Uint8Array(0)
  let used = 0
  let filledAt = 0
  return (length) => {
    if (length > POOL_BYTES / 4) return random(length)
    if (used + length > pool.length || now() - filledAt > POOL_MS) {
      pool.fill(0)
      pool = new Uint8Array(random(POOL_BYTES))
      used = 0
      filledAt = now()
    }
    const drawn = pool.slice(used, used + length)
    pool.fill(0, used, used + length)
    used += length
    return drawn
  }
}
