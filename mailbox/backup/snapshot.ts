// The records of a mailbox at one moment, as they are stored: sealed. Whoever reads them needs the data key.

import { DecodeError } from '../../protocol/errors.ts'
import { READ_AHEAD, iteratorOptions } from '../../net/record-range.ts'
import { openValue } from '../../net/sealed-value.ts'
import { StoreError, storeError } from '../../net/store-error.ts'
import { check, insteadOf, isKept } from './refit.ts'
import type { Secret } from '../../protocol/secret.ts'
import type { Store } from '../../net/ports.ts'
import type { StoredRecord } from '../../net/records.ts'

const PREFIX = 'mailbox/'

/** In the order of their names, as of the first step, whatever is written meanwhile. Throws `StoreError`. */
export async function* sealedRecords(store: Store): AsyncGenerator<StoredRecord, void, undefined> {
  try {
    const iterator = store.iterator(iteratorOptions(PREFIX, {}))
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
  #damaged = 0

  constructor(dataKey: Secret<'DataKey'>) {
    this.#dataKey = dataKey
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
      const record = { key, value: openValue(this.#dataKey, key, sealed) }
      check(record)
      return record
    } catch (cause) {
      if (!(cause instanceof StoreError || cause instanceof DecodeError)) throw cause
      this.#damaged++
      return insteadOf(key)
    }
  }
}
