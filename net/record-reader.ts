/** Committed records, opened. Whoever reads while the database is being opened again waits for that. */
import { READ_AHEAD, iteratorOptions } from './record-range.ts'
import type { Store } from './ports.ts'
import type { Range } from './record-range.ts'
import type { RecordSeals } from './record-seals.ts'
import type { StoreError } from './store-error.ts'

/** Names fetched at a time when nobody says how many. */
const NAMES_AHEAD = 4096

export interface StoredRecord {
  readonly key: string
  readonly value: Uint8Array
}

export interface RecordReaderInit {
  readonly store: Store
  readonly seals: RecordSeals
  /** What a failure of the database means. */
  readonly explain: (cause: unknown) => StoreError
}

export class RecordReader {
  readonly #store: Store
  readonly #seals: RecordSeals
  readonly #explain: (cause: unknown) => StoreError
  /** A read from LevelDB's cache takes less time than a turn through its threads. */
  readonly #readsAtOnce: boolean
  /** When the database is open, as far as is known. */
  #opened: Promise<void> | undefined

  constructor({ store, seals, explain }: RecordReaderInit) {
    this.#store = store
    this.#seals = seals
    this.#explain = explain
    this.#readsAtOnce = 'getSync' in store.supports && store.supports.getSync === true
  }

  /** Whoever reads waits for that; where it fails, they meet the closed database. */
  waitFor(opened: Promise<void>): void {
    this.#opened = opened.catch(() => undefined)
  }

  /** As the database has it, whether or not it is being opened again. Rejects as the database does. */
  async sealed(key: string): Promise<Uint8Array | undefined> {
    return this.#readsAtOnce ? this.#store.getSync(key) : await this.#store.get(key)
  }

  /** Throws `StoreError`: `ERR_CORRUPT` if it does not open, or as the database fails. */
  async get(key: string): Promise<Uint8Array | undefined> {
    await this.#opened
    const ended = this.#seals.reading(key)
    try {
      const sealed = await this.sealed(key)
      return sealed === undefined ? undefined : this.#seals.open(key, sealed)
    } catch (cause) {
      throw this.#explain(cause)
    } finally {
      ended()
    }
  }

  /** Records whose key starts with `prefix`, in key order, as of the first step. Throws like `get`. */
  async *range(prefix: string, options: Range = {}): AsyncGenerator<StoredRecord, void, undefined> {
    await this.#opened
    let { limit: left = Number.POSITIVE_INFINITY } = options
    const ended = this.#seals.reading(prefix)
    try {
      const iterator = this.#store.iterator(iteratorOptions(prefix, options))
      try {
        while (left > 0) {
          const entries = await iterator.nextv(Math.min(READ_AHEAD, left))
          if (entries.length === 0) return
          for (const [key, sealed] of entries) {
            const value = this.#open(key, sealed, options.damaged)
            if (value === undefined) continue
            left--
            yield { key, value }
          }
        }
      } finally {
        await iterator.close()
      }
    } catch (cause) {
      throw this.#explain(cause)
    } finally {
      ended()
    }
  }

  /** How many records there are whose key starts with `prefix`, sound or not. Throws as the database fails. */
  async count(prefix: string): Promise<number> {
    let count = 0
    for await (const names of this.names(prefix)) count += names.length
    return count
  }

  /** The names of records whose key starts with `prefix`, so many at a time, as of the first step. Throws as the database fails. */
  async *names(prefix: string, atOnce = NAMES_AHEAD): AsyncGenerator<string[], void, undefined> {
    await this.#opened
    try {
      const iterator = this.#store.keys(iteratorOptions(prefix, {}))
      try {
        for (;;) {
          const names = await iterator.nextv(atOnce)
          if (names.length === 0) return
          yield names
        }
      } finally {
        await iterator.close()
      }
    } catch (cause) {
      throw this.#explain(cause)
    }
  }

  #open(key: string, sealed: Uint8Array, damaged: Range['damaged']): Uint8Array | undefined {
    try {
      return this.#seals.open(key, sealed)
    } catch (cause) {
      if (damaged === undefined) throw cause
      damaged(key)
      return undefined
    }
  }
}
