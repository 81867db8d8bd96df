// Token buckets against work that strangers can cause: one for each source and one for all together.

import type { Clock } from '../net/ports.ts'

export interface Rate {
  /** Tokens a full bucket holds. */
  readonly burst: number
  readonly perSecond: number
}

interface Bucket {
  tokens: number
  at: number
}

/** Sources that are remembered; the one that was quiet for longest goes first. */
const MAX_SOURCES = 1024

export class RateLimit {
  readonly #clock: Clock
  readonly #each: Rate
  readonly #all: Rate
  readonly #total: Bucket
  readonly #sources = new Map<string, Bucket>()

  constructor(clock: Clock, each: Rate, all: Rate) {
    this.#clock = clock
    this.#each = each
    this.#all = all
    this.#total = { tokens: all.burst, at: clock.now() }
  }

  /** Takes one token of `source` and one of the total; false when either is empty. */
  take(source: string): boolean {
    const bucket = this.#bucket(source)
    this.#fill(bucket, this.#each)
    this.#fill(this.#total, this.#all)
    if (bucket.tokens < 1 || this.#total.tokens < 1) return false
    bucket.tokens--
    this.#total.tokens--
    return true
  }

  #bucket(source: string): Bucket {
    const found = this.#sources.get(source) ?? { tokens: this.#each.burst, at: this.#clock.now() }
    this.#sources.delete(source)
    this.#sources.set(source, found)
    if (this.#sources.size > MAX_SOURCES) {
      for (const oldest of this.#sources.keys()) {
        this.#sources.delete(oldest)
        break
      }
    }
    return found
  }

  #fill(bucket: Bucket, rate: Rate): void {
    const now = this.#clock.now()
    const passed = Math.max(0, now - bucket.at) / 1000
    bucket.tokens = Math.min(rate.burst, bucket.tokens + passed * rate.perSecond)
    bucket.at = now
  }
}
