/** Which key seals which record: the data key, or for records that must die the epoch key of now. */
import { openValue, sealValue } from './sealed-value.ts'
import { StoreError } from './store-error.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Secret } from '../protocol/secret.ts'
import type { EpochKeys } from './epoch-keys.ts'
import type { Write } from './operation.ts'

/** Records that must die, and their keys. */
export interface DyingRecords {
  /** Loaded before the first read or write of such a record. */
  readonly keys: EpochKeys
  /** How the names of such records begin. */
  readonly prefixes: readonly string[]
}

export interface RecordSealsInit {
  readonly dataKey: Secret<'DataKey'>
  readonly random: RandomBytes
  readonly dying: DyingRecords | undefined
}

export class RecordSeals {
  readonly #dataKey: Secret<'DataKey'>
  readonly #random: RandomBytes
  readonly #dying: DyingRecords | undefined
  /** Reads that may have fetched what is under an older key. */
  readonly #reads = new Set<Promise<void>>()

  constructor({ dataKey, random, dying }: RecordSealsInit) {
    this.#dataKey = dataKey
    this.#random = random
    this.#dying = dying
  }

  /** Whether a record must die. */
  dies(name: string): boolean {
    return this.#dying?.prefixes.some((prefix) => name.startsWith(prefix)) ?? false
  }

  seal(name: string, value: Uint8Array): Uint8Array {
    return this.dies(name)
      ? this.#epochs.seal(name, value, this.#random)
      : sealValue(this.#dataKey, name, value, this.#random)
  }

  /** A put of the value, sealed. */
  readonly put = (key: string, value: Uint8Array): Write => ({
    type: 'put',
    key,
    value: this.seal(key, value),
  })

  /** Throws `StoreError` ERR_CORRUPT, with the name. */
  open(name: string, sealed: Uint8Array): Uint8Array {
    return this.dies(name)
      ? this.#epochs.open(name, sealed)
      : openValue(this.#dataKey, name, sealed)
  }

  /** The value under the key of now; undefined where it is already, or does not open: whoever reads it finds it damaged. */
  again(name: string, sealed: Uint8Array): Uint8Array | undefined {
    const value = this.dies(name) ? this.#epochs.openOlder(name, sealed) : undefined
    if (value === undefined) return undefined
    const next = this.seal(name, value)
    value.fill(0)
    return next
  }

  /** Says that records with such names are being read, until what is returned is called. */
  reading(prefix: string): () => void {
    const within = this.#dying?.prefixes.some((one) => one.startsWith(prefix)) ?? false
    if (!within && !this.dies(prefix)) return () => undefined
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#reads.add(promise)
    return () => {
      this.#reads.delete(promise)
      resolve()
    }
  }

  /** Resolves when the reads of now have ended. */
  async readsEnded(): Promise<void> {
    await Promise.all(this.#reads)
  }

  get #epochs(): EpochKeys {
    if (this.#dying === undefined) throw new StoreError('ERR_CLOSED')
    return this.#dying.keys
  }
}
