// Records of a store at one moment, as they are stored: sealed. Whoever reads them needs the data key.

import { DecodeError } from '../../protocol/errors.ts'
import { READ_AHEAD, iteratorOptions } from '../record-range.ts'
import { openValue } from '../sealed-value.ts'
import { StoreError, storeError } from '../store-error.ts'
import type { Secret } from '../../protocol/secret.ts'
import type { Store } from '../ports.ts'
import type { StoredRecord } from '../records.ts'

/** Which records go into a backup. */
export interface Selection {
  /** Of all their names. */
  readonly prefix: string
  readonly isKept: (key: string) => boolean
}

/** What becomes of the records that go into one. */
export interface Packing {
  /** The record as it stands in a backup, with its own value or a copy. Throws `DecodeError` for one that is not what its name says. */
  readonly pack: (record: StoredRecord) => StoredRecord
  /** What stands in a backup for a damaged record; nothing for most. */
  readonly insteadOf: (key: string) => StoredRecord | undefined
}

/** In the order of their names, as of the first step, whatever is written meanwhile. Throws `StoreError`. */
export async function* sealedRecords(
  store: Store,
  { prefix, isKept }: Selection,
): AsyncGenerator<StoredRecord, void, undefined> {
  try {
    const iterator = store.iterator(iteratorOptions(prefix, {}))
    try {
      for (;;) {
        const entries = await iterator.nextv(READ_AHEAD)
        if (entries.length === 0) return
        for (const [key, value] of entries) if (isKept(key)) yield { key, value }
      }
    } finally {
      await iterator.close()
    }
  } catch (cause) {
    throw storeError(cause)
  }
}

/** Opens records of a snapshot. Damaged ones are left out and counted. */
export class OpenedRecords {
  readonly #dataKey: Secret<'DataKey'>
  readonly #packing: Packing
  #damaged = 0

  constructor(dataKey: Secret<'DataKey'>, packing: Packing) {
    this.#dataKey = dataKey
    this.#packing = packing
  }

  get damaged(): number {
    return this.#damaged
  }

  async *of(sealed: AsyncIterable<StoredRecord>): AsyncGenerator<StoredRecord, void, undefined> {
    for await (const { key, value } of sealed) {
      const record = this.#open(key, value)
      if (record !== undefined) yield record
    }
  }

  #open(key: string, sealed: Uint8Array): StoredRecord | undefined {
    try {
      const value = openValue(this.#dataKey, key, sealed)
      const packed = this.#packing.pack({ key, value })
      if (packed.value !== value) value.fill(0) // it may hold what is left out
      return packed
    } catch (cause) {
      if (!(cause instanceof StoreError || cause instanceof DecodeError)) throw cause
      this.#damaged++
      return this.#packing.insteadOf(key)
    }
  }
}
