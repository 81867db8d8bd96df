// One-time pairs: verified and kept for their owners, handed out once each with a signed note.

import { signHandOut, tokenHash } from '../protocol/custody.ts'
import { verifyOneTimePair } from '../protocol/prekeys.ts'
import { TAKEN_PAIR_MS } from './limits.ts'
import type { Account, AccountKey } from '../protocol/account.ts'
import type { Clock } from '../net/ports.ts'
import type { MailboxLimits } from './limits.ts'
import type { Restored } from './restored.ts'
import type { MailboxStore, NewPair } from './store.ts'
import type { TimeBase } from './time-base.ts'

export interface PrekeyShelfInit {
  readonly account: Account
  readonly store: MailboxStore
  readonly clock: Clock
  readonly time: TimeBase
  readonly limits: MailboxLimits
  readonly restored: Restored
}

/** A pair on its way to the one who asked, with the mailbox's signed note that it was handed out. */
export interface HandOut {
  readonly pair: Uint8Array
  readonly note: Uint8Array
}

export class PrekeyShelf {
  readonly #init: PrekeyShelfInit

  constructor(init: PrekeyShelfInit) {
    this.#init = init
  }

  /**
   * Verifies and keeps all of the pairs, or none. Those that are here already, or were handed out, or may have been handed out
   * before a restore, are passed over: an upload can be repeated. What is on the shelf and expires at `voidUntil` (Unix ms) or before is
   * taken off. Throws `RecordError` or `DecodeError` for a pair that is not this owner's for this mailbox, `Refusal` quota
   * when the shelf is full.
   */
  async put(
    owner: AccountKey,
    signedPairs: readonly Uint8Array[],
    voidUntil: number,
  ): Promise<void> {
    const { store, time, limits, restored } = this.#init
    const pairs = signedPairs
      .map((signed) => this.#verify(owner, signed))
      .filter(({ issuedAt }) => !restored.hasForgotten(issuedAt))
    await store.putPairs(owner, pairs, time.now() + limits.keepPairsMs, voidUntil)
  }

  /** Removes the oldest pair for good, then gives it. Undefined when there is none for the one who asks. */
  async take(
    owner: AccountKey,
    nonce: Uint8Array,
    token: Uint8Array,
  ): Promise<HandOut | undefined> {
    const { account, store, clock, time } = this.#init
    const at = clock.now()
    // Remembered for as long as its signature could still be accepted.
    const shown = token.length === 0 ? undefined : tokenHash(token)
    const pair = await store.takePair(owner, at, time.now() + TAKEN_PAIR_MS, shown)
    if (pair === undefined) return undefined
    return { pair: pair.signed, note: signHandOut(account, { owner, keyId: pair.id, at, nonce }) }
  }

  #verify(owner: AccountKey, signed: Uint8Array): NewPair & { readonly issuedAt: number } {
    const { account, clock } = this.#init
    const expected = { account: owner, mailbox: account.key, now: clock.now() }
    const { id, issuedAt, expiresAt } = verifyOneTimePair(signed, expected)
    return { id, issuedAt, expiresAt, signed }
  }
}
