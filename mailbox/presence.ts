// Which owners are logged in, and under how many instances.

import { toHex } from '../protocol/bytes.ts'
import type { AccountKey } from '../protocol/account.ts'

/** A logged-in channel. */
export interface Guest {
  readonly account: AccountKey
  /** Chosen at random by each running copy of the owner's node. */
  readonly instance: string
  /** Ends the channel. */
  readonly leave: () => void
}

export class Presence {
  readonly #byAccount = new Map<string, Set<Guest>>()
  readonly #onAway: (account: AccountKey) => void

  /** `onAway` is told when the last channel of an owner has gone. */
  constructor(onAway: (account: AccountKey) => void) {
    this.#onAway = onAway
  }

  /** An older channel of the same instance is a dead one that nobody has noticed yet: it is ended. */
  enter(guest: Guest): void {
    const key = toHex(guest.account)
    const guests = this.#byAccount.get(key) ?? new Set()
    const old = [...guests].filter(({ instance }) => instance === guest.instance)
    this.#byAccount.set(key, guests.add(guest))
    for (const { leave } of old) leave()
  }

  exit(guest: Guest): void {
    const key = toHex(guest.account)
    const guests = this.#byAccount.get(key)
    if (guests?.delete(guest) !== true || guests.size > 0) return
    this.#byAccount.delete(key)
    this.#onAway(guest.account)
  }

  isHere(account: AccountKey): boolean {
    return this.#byAccount.has(toHex(account))
  }

  /** How many other running copies of this guest's owner are logged in. */
  othersOf(guest: Guest): number {
    const guests = this.#byAccount.get(toHex(guest.account)) ?? []
    const instances = new Set([...guests].map(({ instance }) => instance))
    instances.delete(guest.instance)
    return instances.size
  }
}
