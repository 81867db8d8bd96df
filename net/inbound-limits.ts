/**
 * How many connections others may open to this node: from one host at a time and in a second, and in all, where some room is kept
 * for those whom we know. Names are free, so nothing is counted by peer; a host is an IPv4 address or the first 64 bits of an
 * IPv6 address. Whoever connects from our own machine is counted in all but not by host: behind a proxy everybody does.
 */
import { scopeOf } from './dial-policy.ts'
import { addressPrefix, Throttle } from './throttle.ts'
import type { Clock } from './ports.ts'

export interface InboundLimits {
  /** Open from one host, or being set up. */
  readonly host: number
  /** New ones of one host: at once, and for each second after. */
  readonly hostBurst: number
  readonly hostPerSecond: number
  /** Open in all, or being set up. */
  readonly total: number
  /** Those of all that only known peers get; never more than half. */
  readonly reserved: number
}

/**
 * Of a chat node: one household or office has one address; each of its people needs one connection. The total stays below what
 * libp2p holds in both directions, so that we can still dial.
 */
export const NODE_INBOUND: InboundLimits = {
  ...{ host: 16, hostBurst: 32, hostPerSecond: 4 },
  ...{ total: 250, reserved: 50 },
}

export class InboundDoor {
  readonly #limits: InboundLimits
  readonly #pace: Throttle
  readonly #byHost = new Map<string, number>()
  #size = 0

  constructor(limits: InboundLimits, clock: Clock) {
    this.#limits = limits
    const { hostBurst: burst, hostPerSecond: perSecond } = limits
    this.#pace = new Throttle({ clock, burst, perSecond })
  }

  /**
   * Somebody connects from this multiaddr. Returns what is to be called when the connection ends, however far it came; undefined
   * when it is refused.
   */
  enter(address: string): (() => void) | undefined {
    const host = scopeOf(address) === 'loopback' ? undefined : addressPrefix(address)
    if (this.#size >= this.#limits.total) return undefined
    if (host !== undefined && !this.#admits(host)) return undefined
    this.#count(host, 1)
    let isOver = false
    return () => {
      if (!isOver) this.#count(host, -1)
      isOver = true
    }
  }

  /** Whether a peer that has shown its name may stay. It has entered already. */
  mayStay(isKnown: boolean): boolean {
    const { total, reserved } = this.#limits
    return isKnown || this.#size <= Math.max(total - reserved, total / 2)
  }

  #admits(host: string): boolean {
    return (this.#byHost.get(host) ?? 0) < this.#limits.host && this.#pace.take(host)
  }

  #count(host: string | undefined, by: 1 | -1): void {
    this.#size += by
    if (host === undefined) return
    const count = (this.#byHost.get(host) ?? 0) + by
    if (count > 0) this.#byHost.set(host, count)
    else this.#byHost.delete(host)
  }
}
