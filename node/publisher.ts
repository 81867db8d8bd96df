/**
 * Puts our bundle into the DHT and serves it to whoever asks us. The DHT forgets values and never repeats them by itself, so
 * this does: every 12 h at most, on every change, and sooner while few peers hold it.
 */
import { bundleKey } from '../protocol/bundle.ts'
import { serveBundle } from '../net/bundle-service.ts'
import { BUNDLE_PROTOCOL } from '../net/names.ts'
import { backoff } from '../net/backoff.ts'
import { withDeadline } from './deadline.ts'
import { BUNDLE_REPUBLISH } from './lifetimes.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Clock, Directory, PeerName, Timer, Wire } from '../net/ports.ts'
import type { OwnKeys } from './own-keys.ts'

export interface PublisherInit {
  readonly wire: Wire
  readonly directory: Directory
  readonly clock: Clock
  readonly random: RandomBytes
  readonly keys: Pick<OwnKeys, 'bundle' | 'watch'>
}

/** One put that somebody stored. */
export interface Published {
  readonly sequence: number
  readonly holders: readonly PeerName[]
  /** Unix ms. */
  readonly at: number
}

/** A put waits this long, also for a first DHT peer. */
const PUT_TIMEOUT = 30_000

/** While nobody holds the bundle: soon, then less and less often. */
const RETRY = { base: 1_000, max: 5 * 60_000 }

/** Held by fewer than this, it is put again before its time: the network may only just be forming. */
const ENOUGH_HOLDERS = 8
const SPREAD = { base: 30_000, max: BUNDLE_REPUBLISH }

/** From a new connection to the next try: time for the DHT to learn that the peer serves it. */
const AFTER_CONNECT = 500

export class Publisher {
  readonly #init: PublisherInit
  readonly #listeners = new Set<(published: Published) => void>()
  #shutdown = new AbortController()
  #last: Published | undefined
  #timer: Timer | undefined
  #putting = false
  #again = false
  /** Puts in a row that nobody, or too few, stored. */
  #unheld = 0
  #sparse = 0
  #unwatch: readonly (() => void)[] = []

  constructor(init: PublisherInit) {
    this.#init = init
  }

  /** Serves `/sotto/bundle/1` and begins to put. Does not wait for the first put. */
  async start(): Promise<void> {
    const { wire, keys } = this.#init
    this.#shutdown = new AbortController()
    await serveBundle(wire, () => keys.bundle.bytes)
    this.#unwatch = [
      keys.watch(() => this.publish()),
      wire.watch((_, connected) => {
        if (connected) this.#hurry()
      }),
    ]
    this.publish()
  }

  async stop(): Promise<void> {
    for (const unwatch of this.#unwatch) unwatch()
    this.#timer?.cancel()
    this.#timer = undefined
    this.#shutdown.abort()
    await this.#init.wire.unhandle(BUNDLE_PROTOCOL)
  }

  /** The last put that somebody stored, if there was one since the start. */
  get last(): Published | undefined {
    return this.#last
  }

  /** Told after each put that somebody stored. Returns the function that stops it. */
  watch(listener: (published: Published) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Puts the current bundle now, or right after the put that is on its way. */
  publish(): void {
    if (this.#shutdown.signal.aborted) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#again = this.#putting
    if (!this.#putting) void this.#put()
  }

  /** Never rejects. */
  async #put(): Promise<void> {
    const { signal } = this.#shutdown
    const { sequence } = this.#init.keys.bundle
    this.#putting = true
    const holders = await this.#store(signal)
    this.#putting = false
    if (signal.aborted) {
      if (this.#again) this.publish() // started again meanwhile
      return
    }
    this.#unheld = holders.length === 0 ? this.#unheld + 1 : 0
    this.#sparse = holders.length < ENOUGH_HOLDERS ? this.#sparse + 1 : 0
    if (holders.length > 0) this.#tell({ sequence, holders, at: this.#init.clock.now() })
    if (this.#again) this.publish()
    else this.#timer = this.#init.clock.after(this.#delay(), () => this.publish())
  }

  /** Who stored it; nobody, when the put failed. */
  async #store(stop: AbortSignal): Promise<readonly PeerName[]> {
    const { directory, clock, keys } = this.#init
    const { account, bytes } = keys.bundle
    try {
      return await withDeadline({ clock, timeout: PUT_TIMEOUT, signal: stop }, (signal) =>
        directory.put(bundleKey(account), bytes, { signal }),
      )
    } catch {
      return [] // no peer yet, or none that answers: tried again either way
    }
  }

  #delay(): number {
    const { random } = this.#init
    if (this.#unheld > 0) return backoff(this.#unheld - 1, { ...RETRY, random })
    if (this.#sparse > 0) return backoff(this.#sparse - 1, { ...SPREAD, random })
    const half = BUNDLE_REPUBLISH / 2
    return half + backoff(0, { base: half / 2, max: half, random })
  }

  #tell(published: Published): void {
    this.#last = published
    for (const listener of this.#listeners) listener(published)
  }

  /** A peer has come while nobody holds the bundle: do not wait for the back-off. */
  #hurry(): void {
    if (this.#unheld === 0 || this.#putting || this.#shutdown.signal.aborted) return
    this.#unheld = 1
    this.#timer?.cancel()
    this.#timer = this.#init.clock.after(AFTER_CONNECT, () => this.publish())
  }
}
