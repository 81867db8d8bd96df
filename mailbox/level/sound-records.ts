// Records, but for those that are damaged: one of them must not stop what is behind it.

import { DecodeError } from '../../protocol/errors.ts'
import { StoreError } from '../../net/store-error.ts'
import type { Range } from '../../net/record-range.ts'
import type { Records } from '../../net/records.ts'

/** More names of damaged records are not remembered. */
const MAX_NAMES = 10_000

/** A record that does not open, or is not what its name says. */
export class Damaged {
  /** How long its value was, as far as can be told. */
  readonly bytes: number

  constructor(bytes: number) {
    this.bytes = bytes
  }
}

export interface SoundRecord<T> {
  readonly key: string
  readonly value: T
}

export class SoundRecords {
  readonly #records: Records
  readonly #damaged = new Set<string>()

  constructor(records: Records) {
    this.#records = records
  }

  /** Damaged records that were met since the start. The operator should know. */
  get damaged(): number {
    return this.#damaged.size
  }

  /** Throws `StoreError` when the database fails. */
  async get<T>(key: string, decode: (value: Uint8Array) => T): Promise<T | Damaged | undefined> {
    try {
      const value = await this.#records.get(key)
      return value === undefined ? undefined : decode(value)
    } catch (cause) {
      if (!isDamage(cause)) throw cause
      this.#note(key)
      return new Damaged(cause instanceof StoreError ? (cause.bytes ?? 0) : 0)
    }
  }

  /** The sound records of a range. `passed` is told about each that is not. Throws `StoreError` when the database fails. */
  async *range<T>(
    prefix: string,
    decode: (value: Uint8Array) => T,
    { passed, ...options }: Range & { readonly passed?: (key: string) => void } = {},
  ): AsyncGenerator<SoundRecord<T>, void, undefined> {
    const damaged = (key: string): void => {
      this.#note(key)
      passed?.(key)
    }
    for await (const { key, value } of this.#records.range(prefix, { ...options, damaged })) {
      const decoded = sound(() => decode(value))
      if (decoded === undefined) damaged(key)
      else yield { key, value: decoded }
    }
  }

  #note(key: string): void {
    if (this.#damaged.size < MAX_NAMES) this.#damaged.add(key)
  }
}

function sound<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (cause) {
    if (isDamage(cause)) return undefined
    throw cause
  }
}

/** A damaged database, which names no record, is not meant. */
function isDamage(cause: unknown): boolean {
  if (cause instanceof DecodeError) return true
  return cause instanceof StoreError && cause.code === 'ERR_CORRUPT' && cause.key !== undefined
}
