// What one address, and everybody together, may ask for in a time. Names are free, addresses are not.

import { Throttle } from '../net/throttle.ts'
import { Refusal } from './refusal.ts'
import type { Clock } from '../net/ports.ts'
import type { MailboxLimits } from './limits.ts'
import type { Bucket, MailboxObserver } from './observer.ts'

/** The one key of the bucket that all addresses share. */
const EVERYBODY = ''

export interface ThrottlesInit {
  readonly clock: Clock
  /** Asked each time: an operator may change them. */
  readonly limits: MailboxLimits
  readonly observer: MailboxObserver
}

/** A place is the prefix of an address. What throws, throws `Refusal` tryLater. */
export class Throttles {
  readonly #observer: MailboxObserver
  readonly #joins: Throttle
  readonly #deposits: Throttle
  readonly #pairs: Throttle
  readonly #allPairs: Throttle

  constructor({ clock, limits, observer }: ThrottlesInit) {
    this.#observer = observer
    const bucket = (burst: keyof MailboxLimits, perSecond: keyof MailboxLimits) =>
      new Throttle({
        clock,
        get burst() {
          return limits[burst]
        },
        get perSecond() {
          return limits[perSecond]
        },
      })
    this.#joins = bucket('addressJoins', 'addressJoinsPerSecond')
    this.#deposits = bucket('addressDeposits', 'addressDepositsPerSecond')
    this.#pairs = bucket('addressPairs', 'addressPairsPerSecond')
    this.#allPairs = bucket('pairs', 'pairsPerSecond')
  }

  deposit(place: string): void {
    if (!this.#deposits.take(place)) this.#refuse('deposits')
  }

  takePair(place: string): void {
    if (!this.#pairs.take(place)) this.#refuse('prekeys')
  }

  /** False when everybody together asks for too much. */
  takeAnyPair(): boolean {
    const taken = this.#allPairs.take(EVERYBODY)
    if (!taken) this.#observer.observe({ kind: 'limit', bucket: 'all_prekeys' })
    return taken
  }

  /** After too many wrong secrets. */
  join(place: string): void {
    if (!this.#joins.allows(place)) this.#refuse('invitations')
  }

  wrongSecret(place: string): void {
    this.#joins.take(place)
  }

  #refuse(bucket: Bucket): never {
    this.#observer.observe({ kind: 'limit', bucket })
    throw new Refusal('tryLater')
  }
}
