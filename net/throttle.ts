// Token buckets: how much is given to one place on the network, and to all of them.

import type { Clock } from './ports.ts'

/** Places remembered at a time. The one that was quiet for longest is forgotten; it would start again with a full bucket. */
const MAX_PLACES = 10_000

/** `burst` and `perSecond` are read each time. What a bucket holds above a lower `burst` is lost. */
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
  /** The one that was used last. */
  #newest: string | undefined

  constructor(init: ThrottleInit) {
    this.#init = init
  }

  /** Takes a token. False when there is none. */
  take(key: string): boolean {
    const { tokens, at } = this.#fill(key)
    const enough = tokens >= 1
    if (key !== this.#newest) this.#buckets.delete(key)
    this.#newest = key
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
  if (family !== 'ip6') return `${family} ${host}`
  const groups = groupsOf(host)
  return mappedIp4(groups) ?? `ip6 ${groups.slice(0, 4).join(':')}`
}

/** The IPv4 address in ::ffff:a.b.c.d, as which a socket for both families shows its peers: they must not share one bucket. */
function mappedIp4(groups: readonly string[]): string | undefined {
  if (groups.slice(0, 6).join(':') !== '0:0:0:0:0:ffff') return undefined
  const [high = '', low = ''] = groups.slice(6)
  if (high.includes('.')) return `ip4 ${high}`
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return `ip4 ${[a >> 8, a & 255, b >> 8, b & 255].join('.')}`
}

/** The groups of an IPv6 address, without leading zeros. */
function groupsOf(host: string): readonly string[] {
  const [head = '', tail] = host.toLowerCase().split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const dotted = back.at(-1)?.includes('.') === true ? 1 : 0 // stands for two groups
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - dotted - front.length - back.length)
  const groups = [...front, ...Array.from({ length: zeros }, () => '0'), ...back]
  return groups.map((group) => group.replace(/^0+(?=.)/, ''))
}
