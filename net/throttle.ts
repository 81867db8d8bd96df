// Token buckets: how much is given to one place on the network, and to all of them.

import type { Clock } from './ports.ts'

/** Places remembered at a time. The one that was quiet for longest is forgotten; it would start again with a full bucket. */
const MAX_PLACES = 10_000

export interface ThrottleInit {
  readonly clock: Clock
  readonly burst: number
  readonly perSecond: number
}

interface Bucket {
  readonly tokens: number
  readonly at: number
}

/** One bucket for each key. A bucket holds `burst` tokens and gains `perSecond`. A clock set back adds nothing. */
export class Throttle {
  readonly #init: ThrottleInit
  /** In the order of their last use. */
  readonly #buckets = new Map<string, Bucket>()

  constructor(init: ThrottleInit) {
    this.#init = init
  }

  /** Takes a token. False when there is none. */
  take(key: string): boolean {
    const { tokens, at } = this.#fill(key)
    const enough = tokens >= 1
    this.#buckets.delete(key)
    this.#buckets.set(key, { tokens: enough ? tokens - 1 : tokens, at })
    this.#forget()
    return enough
  }

  /** Whether `take` would succeed. */
  allows(key: string): boolean {
    return this.#fill(key).tokens >= 1
  }

  #fill(key: string): Bucket {
    const { clock, burst, perSecond } = this.#init
    const at = clock.now()
    const bucket = this.#buckets.get(key)
    if (bucket === undefined) return { tokens: burst, at }
    const gained = (Math.max(0, at - bucket.at) / 1000) * perSecond
    return { tokens: Math.min(burst, bucket.tokens + gained), at }
  }

  #forget(): void {
    if (this.#buckets.size <= MAX_PLACES) return
    for (const key of this.#buckets.keys()) {
      this.#buckets.delete(key)
      return
    }
  }
}

/**
 * The part of a multiaddr that limits bind on: an IPv4 address, the first 64 bits of an IPv6 address, else the first two
 * components. Never the peer: names are free.
 */
export function addressPrefix(address: string): string {
  const [, family = '', host = ''] = address.split('/')
  return family === 'ip6' ? `ip6 ${first64Bits(host)}` : `${family} ${host}`
}

function first64Bits(host: string): string {
  const [head = '', tail] = host.toLowerCase().split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length)
  const groups = [...front, ...Array.from({ length: zeros }, () => '0'), ...back]
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
