// Signing promises. A signature costs as much as all else that is done for a deposit, so those that are committed together share one.

import { gathered } from '../net/gathered.ts'
import { signCustody } from '../protocol/receipt.ts'
import type { Account } from '../protocol/account.ts'
import type { Custody } from '../protocol/receipt.ts'

/** Under one signature. More would save little of it, and make each receipt longer and dearer to verify. */
const TOGETHER = 32

/** More than what is committed at the same moment needs until it is with the disk, which then works while this signs. */
const TURNS = 32

interface Waiting {
  readonly custody: Custody
  readonly resolve: (receipt: Uint8Array) => void
  readonly reject: (cause: unknown) => void
}

export class Receipts {
  readonly #account: Account
  #waiting: Waiting[] = []

  constructor(account: Account) {
    this.#account = account
  }

  /** The receipt of a promise. It must not leave before that is on the disk. */
  sign(custody: Custody): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    this.#waiting.push({ custody, resolve, reject })
    if (this.#waiting.length === 1) void this.#run()
    return promise
  }

  async #run(): Promise<void> {
    await gathered(() => this.#waiting.length, TOGETHER)
    for (let turn = 0; turn < TURNS; turn++) await Promise.resolve()
    const all = this.#waiting
    this.#waiting = []
    for (let from = 0; from < all.length; from += TOGETHER) {
      this.#signAll(all.slice(from, from + TOGETHER))
    }
  }

  #signAll(group: readonly Waiting[]): void {
    try {
      const promises = group.map(({ custody }) => custody)
      const receipts = signCustody(this.#account, promises)
      for (const [i, receipt] of receipts.entries()) group[i]?.resolve(receipt)
    } catch (cause) {
      for (const { reject } of group) reject(cause)
    }
  }
}
