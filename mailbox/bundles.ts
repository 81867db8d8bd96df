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

/** A bundle that is of no use is looked at again after so long: it may have been replaced elsewhere, or the clock been wrong. */
const USELESS_MS = 60_000

/** A look into the store that finds nothing. */
const NOBODY = new Uint8Array(32)

export interface BundlesInit {
  readonly store: MailboxStore
  readonly clock: Clock
}

export class Bundles {
  readonly #init: BundlesInit
  /** By account, those of late. Counts only as long as the store has the same bytes. */
  readonly #verified = new Map<string, VerifiedBundle>()

  /** By account, when its bundle was found to be of no use: it is then answered as one that is not there, in the same time. */
  readonly #useless = new Map<string, number>()

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
      if (!(await store.replaceBundle(account, bundle.bytes, instead?.bytes))) continue
      this.#useless.delete(toHex(account))
      return
    }
  }

  /** The bundle of a member, unless it has expired: then it is passed over, not deleted, as the clock may be wrong. */
  async get(account: Uint8Array): Promise<VerifiedBundle | undefined> {
    const { store, clock } = this.#init
    const name = toHex(account)
    const held = await store.bundle(this.#isUseless(name) ? NOBODY : account)
    if (held === undefined) return undefined
    const bundle = this.#verify(held)
    if (bundle !== undefined && bundle.expiresAt > clock.now()) return bundle
    this.#useless.set(name, clock.now())
    return undefined
  }

  #isUseless(name: string): boolean {
    const since = this.#init.clock.now() - (this.#useless.get(name) ?? Number.NEGATIVE_INFINITY)
    return since >= 0 && since < USELESS_MS
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
