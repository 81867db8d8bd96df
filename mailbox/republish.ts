// Puts the bundles of owners who are away back into the DHT, where they lapse otherwise.

import { bundleKey } from '../protocol/bundle.ts'
import { toHex } from '../protocol/bytes.ts'
import { between } from '../net/backoff.ts'
import { StoreError } from '../net/store-error.ts'
import { SWEEP_MS } from './limits.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { VerifiedBundle } from '../protocol/bundle.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Clock, Directory } from '../net/ports.ts'
import type { Bundles } from './bundles.ts'
import type { MailboxLimits } from './limits.ts'
import type { Presence } from './presence.ts'
import type { MailboxStore } from './store.ts'

/** A put that takes longer has failed. */
const PUT_MS = 60_000

/** Members looked at together. */
const PAGE = 256

export interface RepublisherInit {
  readonly directory: Directory
  readonly store: MailboxStore
  readonly bundles: Bundles
  readonly presence: Presence
  readonly clock: Clock
  readonly random: RandomBytes
  readonly limits: MailboxLimits
}

/** One put at a time. An owner who is here publishes alone. */
export class Republisher {
  readonly #init: RepublisherInit
  /** By account. */
  readonly #due = new Map<string, number>()
  #running: AbortController | undefined
  #published = 0

  constructor(init: RepublisherInit) {
    this.#init = init
  }

  /** Puts that somebody stored, since the start. */
  get published(): number {
    return this.#published
  }

  /** An owner has gone, and published until now. */
  left(account: AccountKey): void {
    this.#due.set(toHex(account), this.#later(this.#init.limits.republishMs))
  }

  /** Publishes what is due. To be called every `SWEEP_MS`; does nothing while it still runs. Never rejects. */
  async run(): Promise<void> {
    if (this.#running !== undefined) return
    const running = new AbortController()
    this.#running = running
    try {
      for await (const account of this.#accounts()) {
        if (running.signal.aborted) return
        const bundle = await this.#dueBundle(account)
        if (bundle !== undefined && !(await this.#publish(account, bundle, running.signal))) return
      }
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause // the next round comes
    } finally {
      this.#running = undefined
    }
  }

  stop(): void {
    this.#running?.abort(new Error('stopped'))
  }

  async *#accounts(): AsyncGenerator<AccountKey> {
    const { store } = this.#init
    let page = await store.members(PAGE)
    while (page.length > 0) {
      for (const { account } of page) yield account
      page = await store.members(PAGE, page.at(-1)?.account)
    }
  }

  /** What is to be published now, if anything. */
  async #dueBundle(account: AccountKey): Promise<VerifiedBundle | undefined> {
    const { clock, presence, bundles } = this.#init
    if (presence.isHere(account)) return undefined
    const bundle = await bundles.get(account)
    if (bundle === undefined) return undefined
    const due = this.#due.get(toHex(account))
    // After a start nobody knows when it was published last: soon, but not all at once.
    if (due === undefined) this.#due.set(toHex(account), this.#later(SWEEP_MS))
    return due !== undefined && due <= clock.now() ? bundle : undefined
  }

  /** False when nobody could be reached: then the next owner's bundle would only wait as long. */
  async #publish(account: AccountKey, bundle: VerifiedBundle, stop: AbortSignal): Promise<boolean> {
    const { directory, clock, limits } = this.#init
    this.#due.set(toHex(account), this.#later(limits.republishMs))
    const late = new AbortController()
    const timer = clock.after(PUT_MS, () => late.abort(new Error('timed out')))
    try {
      const signal = AbortSignal.any([stop, late.signal])
      const holders = await directory.put(bundleKey(account), bundle.bytes, { signal })
      if (holders.length > 0) this.#published++
      else this.#retry(account)
      return true
    } catch {
      this.#retry(account) // the network may be back at the next round
      return false
    } finally {
      timer.cancel()
    }
  }

  #retry(account: AccountKey): void {
    this.#due.set(toHex(account), this.#init.clock.now())
  }

  /** Between a half and all of `ms` from now. */
  #later(ms: number): number {
    return this.#init.clock.now() + between(ms / 2, ms, this.#init.random)
  }
}
