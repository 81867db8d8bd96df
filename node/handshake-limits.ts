// How many handshakes others may make us compute (docs/protocol.md, "First message"). Contacts, strangers and mailboxes have
// budgets of their own: what one of them uses up is not missing to the others.

import { addressPrefix, Throttle } from '../net/throttle.ts'
import type { Clock } from '../net/ports.ts'

/** Where a first message came from. */
export type Origin =
  /** A direct stream of an accepted contact. */
  | { readonly lane: 'contact'; readonly account: string }
  /** A direct stream of anybody else, who connects from this multiaddr. */
  | { readonly lane: 'stranger'; readonly account: string; readonly address: string }
  /** A mailbox that says it was left with the delivery token of this slot. If it lies, contacts' mail waits for each other's. */
  | { readonly lane: 'token'; readonly mailbox: string; readonly slot: number }
  /** A mailbox, which brings those of many people at once and limits strangers itself. */
  | { readonly lane: 'mailbox'; readonly mailbox: string }

const LIMITS = {
  contact: { burst: 10, perSecond: 2 },
  contacts: { burst: 100, perSecond: 10 },
  stranger: { burst: 10, perSecond: 2 },
  /** Accounts cost nothing, addresses do. */
  address: { burst: 50, perSecond: 5 },
  strangers: { burst: 100, perSecond: 10 },
  token: { burst: 10, perSecond: 2 },
  tokens: { burst: 100, perSecond: 10 },
  mailbox: { burst: 100, perSecond: 10 },
  mailboxes: { burst: 200, perSecond: 20 },
} as const

type LimitName = keyof typeof LIMITS

export class HandshakeLimits {
  readonly #throttles: Readonly<Record<LimitName, Throttle>>

  constructor(clock: Clock) {
    const throttle = (name: LimitName): Throttle => new Throttle({ clock, ...LIMITS[name] })
    this.#throttles = {
      contact: throttle('contact'),
      contacts: throttle('contacts'),
      stranger: throttle('stranger'),
      address: throttle('address'),
      strangers: throttle('strangers'),
      token: throttle('token'),
      tokens: throttle('tokens'),
      mailbox: throttle('mailbox'),
      mailboxes: throttle('mailboxes'),
    }
  }

  /** Whether `take` would succeed. Costs nothing, so it may be asked before anything is looked up. */
  allows(origin: Origin): boolean {
    return bindingOn(origin).every(([name, key]) => this.#throttles[name].allows(key))
  }

  /** Counts one handshake. False, and nothing is counted, when a limit does not allow it. */
  take(origin: Origin): boolean {
    if (!this.allows(origin)) return false
    for (const [name, key] of bindingOn(origin)) this.#throttles[name].take(key)
    return true
  }
}

/** Each limit that binds, and what it counts by. */
function bindingOn(origin: Origin): readonly (readonly [LimitName, string])[] {
  switch (origin.lane) {
    case 'contact':
      return [
        ['contact', origin.account],
        ['contacts', ''],
      ]
    case 'stranger':
      return [
        ['stranger', origin.account],
        ['address', addressPrefix(origin.address)],
        ['strangers', ''],
      ]
    case 'token':
      return [
        ['token', `${origin.mailbox} ${origin.slot}`],
        ['tokens', ''],
      ]
    case 'mailbox':
      return [
        ['mailbox', origin.mailbox],
        ['mailboxes', ''],
      ]
  }
}
