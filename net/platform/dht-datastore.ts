/**
 * The datastore that the DHT gets: what it writes under its own prefix must pass our policy, everything else goes through. This is
 * where the policy holds for certain, also for our own records, whatever the DHT checked before.
 */
import { Record } from '@libp2p/kad-dht'
import { Key } from 'interface-datastore'
import { toString } from 'uint8arrays/to-string'
import { toHex } from '../../protocol/bytes.ts'
import { DecodeError } from '../../protocol/errors.ts'
import { RECORD_LIFETIME_MS } from '../dht-policy.ts'
import { RecordShelf } from '../dht-shelf.ts'
import { KeyedLock } from '../lock.ts'
import type { AbortOptions } from '@libp2p/interface'
import type { Batch, Datastore, KeyQuery, Pair, Query } from 'interface-datastore'
import type { RecordPolicy } from '../dht-policy.ts'
import type { ShelfLimits } from '../dht-shelf.ts'
import type { Clock } from '../ports.ts'

export interface DhtDatastoreInit {
  readonly inner: Datastore
  /** The DHT's prefix, for instance `/dht`. */
  readonly prefix: string
  /** Place of this node in the DHT: the bytes of its PeerId. */
  readonly self: Uint8Array
  readonly policy: RecordPolicy
  readonly clock: Clock
  readonly limits?: ShelfLimits | undefined
}

/** Lapsed records are looked for when something is stored, at most this often. */
const SWEEP_MS = 60 * 60 * 1000

export class DhtDatastore implements Datastore {
  readonly #init: DhtDatastoreInit
  readonly #shelf: RecordShelf
  readonly #lock = new KeyedLock()
  readonly #bringing = new KeyedLock()
  /** Who brings the record of a key right now. */
  readonly #sources = new Map<string, string>()
  #loaded: Promise<void> | undefined
  #sweptAt = 0

  constructor(init: DhtDatastoreInit) {
    this.#init = init
    this.#shelf = new RecordShelf(init.limits)
  }

  /** Runs a task during which the record of `key` counts as brought by `source`. */
  async bringing<T>(key: Uint8Array, source: string, task: () => Promise<T>): Promise<T> {
    const name = toHex(key)
    // One at a time: of two that bring the same record, each counts for itself.
    return await this.#bringing.run(name, async () => {
      this.#sources.set(name, source)
      try {
        return await task()
      } finally {
        this.#sources.delete(name)
      }
    })
  }

  /** The value that is stored here, if it is valid and has not lapsed. */
  async local(key: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      const record = Record.deserialize(await this.get(this.#nameOf(key)))
      if (receivedAt(record) <= this.#init.clock.now() - RECORD_LIFETIME_MS) return undefined
      this.#init.policy.validate(key, record.value)
      return record.value
    } catch {
      return undefined // not found, or not valid any more
    }
  }

  /** Throws `DecodeError`, `RecordError` or `ShelfFullError` for what the policy does not allow. */
  async put(name: Key, value: Uint8Array, options?: AbortOptions): Promise<Key> {
    if (!this.#isOurs(name)) return await this.#init.inner.put(name, value, options)
    const record = Record.deserialize(value)
    if (this.#nameOf(record.key).toString() !== name.toString()) {
      throw new DecodeError('ERR_MALFORMED')
    }
    const bundle = this.#init.policy.validate(record.key, record.value)
    await this.#ready()
    await this.#lock.run(name.toString(), async () => {
      const held = await this.#held(name)
      if (held !== undefined) this.#init.policy.checkOrder(record.key, bundle, held)
      await this.#admit(name, record)
      await this.#init.inner.put(name, value, options)
    })
    await this.#sweep()
    return name
  }

  get(name: Key, options?: AbortOptions): Uint8Array | Promise<Uint8Array> {
    return this.#init.inner.get(name, options)
  }

  has(name: Key, options?: AbortOptions): boolean | Promise<boolean> {
    return this.#init.inner.has(name, options)
  }

  async delete(name: Key, options?: AbortOptions): Promise<void> {
    await this.#init.inner.delete(name, options)
    this.#shelf.forget(name.toString())
  }

  async *putMany(source: Iterable<Pair> | AsyncIterable<Pair>, options?: AbortOptions) {
    for await (const { key, value } of source) yield await this.put(key, value, options)
  }

  async *getMany(source: Iterable<Key> | AsyncIterable<Key>, options?: AbortOptions) {
    for await (const key of source) yield { key, value: await this.get(key, options) }
  }

  async *deleteMany(source: Iterable<Key> | AsyncIterable<Key>, options?: AbortOptions) {
    for await (const key of source) {
      await this.delete(key, options)
      yield key
    }
  }

  /** Not atomic: each write has to pass the policy on its own. */
  batch(): Batch {
    const writes: ((options?: AbortOptions) => Promise<unknown>)[] = []
    return {
      put: (key, value) => void writes.push((options) => this.put(key, value, options)),
      delete: (key) => void writes.push((options) => this.delete(key, options)),
      commit: async (options) => {
        for (const write of writes) await write(options)
      },
    }
  }

  query(query: Query, options?: AbortOptions) {
    return this.#init.inner.query(query, options)
  }

  queryKeys(query: KeyQuery, options?: AbortOptions) {
    return this.#init.inner.queryKeys(query, options)
  }

  #isOurs(name: Key): boolean {
    return name.toString().startsWith(`${this.#init.prefix}/`)
  }

  /** As the DHT names the record of a key. */
  #nameOf(key: Uint8Array): Key {
    return new Key(`${this.#init.prefix}/record/${toString(key, 'base32')}`, false)
  }

  async #held(name: Key): Promise<Uint8Array | undefined> {
    try {
      return Record.deserialize(await this.#init.inner.get(name)).value
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'NotFoundError') return undefined
      throw cause
    }
  }

  async #admit(name: Key, record: Record): Promise<void> {
    const evicted = this.#shelf.admit(name.toString(), {
      source: this.#sources.get(toHex(record.key)) ?? '',
      at: this.#init.clock.now(),
      distance: await this.#distance(record.key),
    })
    for (const other of evicted) await this.#init.inner.delete(new Key(other, false))
  }

  async #ready(): Promise<void> {
    try {
      await (this.#loaded ??= this.#load())
    } catch (cause) {
      this.#loaded = undefined // the next one tries again
      throw cause
    }
  }

  /** Notes what an earlier run has left, as far as there is room now. */
  async #load(): Promise<void> {
    const { inner, prefix } = this.#init
    for await (const { key, value } of inner.query({ prefix: `${prefix}/` })) {
      const record = read(value)
      const evicted = record === undefined ? [key.toString()] : await this.#note(key, record)
      for (const name of evicted) await inner.delete(new Key(name, false))
    }
  }

  /** Names of what has to go: others, or the record itself. */
  async #note(name: Key, record: Record): Promise<readonly string[]> {
    const distance = await this.#distance(record.key)
    try {
      return this.#shelf.admit(name.toString(), { source: '', at: receivedAt(record), distance })
    } catch {
      return [name.toString()] // the limits are smaller than they were
    }
  }

  async #sweep(): Promise<void> {
    const now = this.#init.clock.now()
    if (now - this.#sweptAt < SWEEP_MS) return
    this.#sweptAt = now
    for (const name of this.#shelf.olderThan(now - RECORD_LIFETIME_MS)) {
      await this.delete(new Key(name, false))
    }
  }

  /** XOR of the SHA-256 of both: the measure of the DHT itself. */
  async #distance(key: Uint8Array): Promise<Uint8Array> {
    const [here, there] = await Promise.all([sha256(this.#init.self), sha256(key)])
    return here.map((byte, at) => byte ^ (there[at] ?? 0))
  }
}

function read(value: Uint8Array): Record | undefined {
  try {
    return Record.deserialize(value)
  } catch {
    return undefined // nothing that the DHT could read either
  }
}

function receivedAt(record: Record): number {
  return record.timeReceived?.getTime() ?? 0
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes.slice()))
}
