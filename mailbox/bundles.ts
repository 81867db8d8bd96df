// The newest signed bundle of each owner: verified before it is kept, and again before it is given away.

import { verifyBundle } from '../protocol/bundle.ts'
import { equalBytes, toHex } from '../protocol/bytes.ts'
import { RecordError } from '../protocol/errors.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { VerifiedBundle } from '../protocol/bundle.ts'
import type { Clock } from '../net/ports.ts'
import type { HeldBundle, MailboxStore } from './store.ts'

/** Verified bundles that are remembered: verifying one takes longer than reading it. */
const MAX_VERIFIED = 1000

export interface BundlesInit {
  readonly store: MailboxStore
  readonly clock: Clock
}

export class Bundles {
  readonly #init: BundlesInit
  /** By account, those of late. Counts only as long as the store has the same bytes. */
  readonly #verified = new Map<string, VerifiedBundle>()

  constructor(init: BundlesInit) {
    this.#init = init
  }

  /**
   * Keeps a bundle instead of the one before; durable when it resolves. Throws what `verifyBundle` throws, and `RecordError`
   * ERR_OLD_SEQUENCE for one that is older, or another one with the same sequence.
   */
  async put(account: AccountKey, bytes: Uint8Array): Promise<void> {
    const { store, clock } = this.#init
    const bundle = verifyBundle(bytes, { account, now: clock.now() })
    for (;;) {
      const instead = await store.bundle(account)
      const held = instead === undefined ? undefined : this.#verify(instead)
      if (held !== undefined && bundle.sequence <= held.sequence) {
        if (!equalBytes(bundle.bytes, held.bytes)) throw new RecordError('ERR_OLD_SEQUENCE')
        return
      }
      if (await store.replaceBundle(account, bundle.bytes, instead?.bytes)) return
    }
  }

  /** The bundle of a member, unless it has expired: then it is passed over, not deleted, as the clock may be wrong. */
  async get(account: Uint8Array): Promise<VerifiedBundle | undefined> {
    const held = await this.#init.store.bundle(account)
    const bundle = held === undefined ? undefined : this.#verify(held)
    return bundle === undefined || bundle.expiresAt <= this.#init.clock.now() ? undefined : bundle
  }

  #verify(held: HeldBundle): VerifiedBundle | undefined {
    const name = toHex(held.owner)
    const known = this.#verified.get(name)
    this.#verified.delete(name)
    const same = known !== undefined && equalBytes(known.bytes, held.bytes)
    const bundle = same ? known : verified(held, this.#init.clock.now())
    if (bundle !== undefined) this.#verified.set(name, bundle)
    const [oldest] = this.#verified.keys()
    if (this.#verified.size > MAX_VERIFIED && oldest !== undefined) this.#verified.delete(oldest)
    return bundle
  }
}

function verified({ owner, bytes }: HeldBundle, now: number): VerifiedBundle | undefined {
  try {
    return verifyBundle(bytes, { account: owner, now })
  } catch (cause) {
    if (!(cause instanceof RecordError)) throw cause
    return undefined
  }
}
