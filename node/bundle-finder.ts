/**
 * Finds the bundle of an account: asks the owner, its mailboxes and the DHT at once, checks each answer itself, takes the best.
 * No path is trusted; a bad answer is counted and otherwise means nothing (docs/protocol.md, "Prekey bundle").
 */
import { MAX_BUNDLE_BYTES, bundleKey, verifyBundle } from '../protocol/bundle.ts'
import { equalBytes, toHex } from '../protocol/bytes.ts'
import { fetchBundle } from '../net/bundle-service.ts'
import { peerName } from '../net/peer-name.ts'
import { timeoutError } from './deadline.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { VerifiedBundle } from '../protocol/bundle.ts'
import type { Clock, Directory, PeerName, Timer, Wire } from '../net/ports.ts'
import type { BundlePath } from './api.ts'
import type { MailboxHint, MailboxPool } from './mailbox-pool.ts'

export type { MailboxHint } from './mailbox-pool.ts'

/** Which path and which peer gave the bundle. Says who answered, not who is right: the signature is what counts. */
export interface BundleSource {
  readonly path: BundlePath
  readonly from: PeerName
}

export interface Found {
  readonly bundle: VerifiedBundle
  readonly source: BundleSource
}

/** Where the account may be asked besides the DHT, and the lowest sequence that is acceptable. */
export interface FindHints {
  readonly addresses: readonly string[]
  readonly mailboxes: readonly MailboxHint[]
  readonly minSequence: number
}

export interface BundleFinderInit {
  readonly wire: Wire
  readonly directory: Directory
  readonly clock: Clock
  readonly mailboxes: Pick<MailboxPool, 'bundle'>
}

/** Answers of all lookups so far: taken or as good, older than what is known, not valid, and peers that gave none. */
export interface AnswerCounts {
  readonly valid: number
  readonly stale: number
  readonly refused: number
  readonly failed: number
}

/** A lookup that found nothing ends after this. */
const DEADLINE = 10_000

/** After the first valid answer, time for a newer one from another path. */
const GRACE = 100

/** One lookup checks no more answers of one path and of one peer: nobody can use up what is for the others. */
const MAX_ANSWERS = 64
const MAX_ANSWERS_OF_PEER = 2

/** One owner names a handful of mailboxes; more in a hint are left out. */
const MAX_MAILBOXES = 4

/** Accounts whose highest sequence is remembered here; contacts have theirs in the store as well. */
const MAX_REMEMBERED = 1_000

export class BundleFinder {
  readonly #init: BundleFinderInit
  readonly #highest = new Map<string, { readonly sequence: number; readonly digest: Uint8Array }>()
  readonly #counts = { valid: 0, stale: 0, refused: 0, failed: 0 }

  constructor(init: BundleFinderInit) {
    this.#init = init
  }

  get counts(): AnswerCounts {
    return { ...this.#counts }
  }

  /**
   * The valid bundle with the highest sequence of those that answered in time; `undefined` when there was none after all paths
   * ended or 10 s. Never one below `minSequence` or below what this finder has given for the account before. Rejects only with
   * the reason of `signal`.
   */
  async find(
    account: AccountKey,
    hints: FindHints,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<Found | undefined> {
    signal.throwIfAborted()
    const lookup = new Lookup(this.#init.clock, signal, (bytes) =>
      this.#check(account, bytes, hints.minSequence),
    )
    const found = await lookup.run([
      this.#askOwner(account, hints.addresses, lookup),
      ...hints.mailboxes
        .slice(0, MAX_MAILBOXES)
        .map((hint) => this.#askMailbox(account, hint, lookup)),
      this.#askDirectory(account, lookup),
    ])
    if (found !== undefined) this.#remember(account, found.bundle)
    return found
  }

  async #askOwner(account: AccountKey, addresses: readonly string[], lookup: Lookup) {
    const from = peerName(account)
    await this.#count(lookup, async () => {
      const bytes = await fetchBundle(this.#init.wire, from, { addresses, signal: lookup.signal })
      lookup.offer(bytes, { path: 'direct', from })
    })
  }

  async #askMailbox(account: AccountKey, hint: MailboxHint, lookup: Lookup) {
    await this.#count(lookup, async () => {
      const bytes = await this.#init.mailboxes.bundle(hint, account, { signal: lookup.signal })
      if (bytes !== undefined) {
        lookup.offer(bytes, { path: 'mailbox', from: peerName(hint.account) })
      }
    })
  }

  async #askDirectory(account: AccountKey, lookup: Lookup) {
    await this.#count(lookup, async () => {
      const answers = this.#init.directory.get(bundleKey(account), { signal: lookup.signal })
      for await (const { value, from } of answers) {
        if (!lookup.offer(value, { path: 'dht', from })) return
      }
    })
  }

  /** A path that fails is counted, unless it was ended by us. */
  async #count(lookup: Lookup, ask: () => Promise<void>): Promise<void> {
    try {
      await ask()
    } catch {
      // The next path may do better; a lookup that finds nothing says so by its result.
      if (!lookup.signal.aborted) this.#counts.failed += 1
    }
  }

  #check(account: AccountKey, bytes: Uint8Array, minSequence: number): VerifiedBundle | undefined {
    const bundle = this.#verify(account, bytes)
    if (bundle === undefined) {
      this.#counts.refused += 1
      return undefined
    }
    const known = this.#highest.get(toHex(account))
    const least = Math.max(minSequence, known?.sequence ?? 0)
    // Two bundles with one sequence: the owner signs only one, so the second is not followed.
    const twin = known?.sequence === bundle.sequence && !equalBytes(known.digest, bundle.digest)
    const good = bundle.sequence >= least && !twin
    this.#counts[good ? 'valid' : 'stale'] += 1
    return good ? bundle : undefined
  }

  #verify(account: AccountKey, bytes: Uint8Array): VerifiedBundle | undefined {
    if (bytes.length > MAX_BUNDLE_BYTES) return undefined
    try {
      return verifyBundle(bytes, { account, now: this.#init.clock.now() })
    } catch {
      return undefined // counted by the caller; why a peer's answer is bad changes nothing
    }
  }

  #remember(account: AccountKey, { sequence, digest }: VerifiedBundle): void {
    const key = toHex(account)
    const known = this.#highest.get(key)
    if (known !== undefined && known.sequence > sequence) return
    this.#highest.delete(key) // to the end of the order: the one not asked for longest goes first
    this.#highest.set(key, { sequence, digest })
    const [oldest] = this.#highest.keys()
    if (this.#highest.size > MAX_REMEMBERED && oldest !== undefined) this.#highest.delete(oldest)
  }
}

/** One lookup: collects answers until all paths ended, the grace after the first valid one is over, or the deadline. */
class Lookup {
  readonly #clock: Clock
  readonly #caller: AbortSignal
  readonly #check: (bytes: Uint8Array) => VerifiedBundle | undefined
  readonly #stop = new AbortController()
  readonly #finished = Promise.withResolvers<void>()
  readonly #timers: Timer[] = []
  readonly #answers = new Map<string, number>()
  #best: Found | undefined

  constructor(
    clock: Clock,
    caller: AbortSignal,
    check: (bytes: Uint8Array) => VerifiedBundle | undefined,
  ) {
    this.#clock = clock
    this.#caller = caller
    this.#check = check
  }

  /** Aborted when the lookup is over, for whatever reason. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** Takes an answer into account. False when no further one is wanted. */
  offer(bytes: Uint8Array, source: BundleSource): boolean {
    if (this.#stop.signal.aborted || this.#more(source.path) > MAX_ANSWERS) return false
    if (this.#more(`${source.path} ${source.from}`) > MAX_ANSWERS_OF_PEER) return true
    const bundle = this.#check(bytes)
    if (bundle === undefined) return true
    if (this.#best === undefined) this.#after(GRACE)
    if (this.#best === undefined || bundle.sequence > this.#best.bundle.sequence) {
      this.#best = { bundle, source }
    }
    return true
  }

  /** Waits for the paths, which never reject. Rejects with the reason of the caller's signal. */
  async run(paths: readonly Promise<void>[]): Promise<Found | undefined> {
    const quit = (): void => this.#finished.reject(this.#caller.reason)
    this.#caller.addEventListener('abort', quit)
    this.#after(DEADLINE)
    void Promise.all(paths).then(() => this.#finished.resolve())
    try {
      await this.#finished.promise
      return this.#best
    } finally {
      this.#caller.removeEventListener('abort', quit)
      for (const timer of this.#timers) timer.cancel()
      this.#stop.abort(timeoutError(DEADLINE))
    }
  }

  #more(of: string): number {
    const count = (this.#answers.get(of) ?? 0) + 1
    this.#answers.set(of, count)
    return count
  }

  #after(ms: number): void {
    this.#timers.push(this.#clock.after(ms, () => this.#finished.resolve()))
  }
}
