// What an engine must be able to do to hold a mailbox: named values, each of which is written only by those who know what they
// replace. No transactions, no batches, and any number of processes at once.

import { openValue, sealValue } from '../../net/sealed-value.ts'
import { StoreError, storeError } from '../../net/store-error.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import type { Secret } from '../../protocol/secret.ts'

export interface Entry {
  readonly value: Uint8Array
  /** Above 0, and of one name never the same again, not even after a deletion. */
  readonly revision: number
}

/** Whoever reads after a write was answered sees it, in every process. A write that fails may have happened. */
export interface ConditionalEntries {
  get(name: string): Promise<Entry | undefined>
  /** Writes if this is still the revision, with 0 if there is none, durably. False: it is another. */
  put(name: string, value: Uint8Array, revision: number): Promise<boolean>
  /** Deletes if this is still the revision. False: it is another, or there is none. */
  delete(name: string, revision: number): Promise<boolean>
  /** Names that begin with `prefix`, behind `after`, in the order of their characters; at most `limit`. */
  list(prefix: string, after: string, limit: number): Promise<readonly string[]>
}

/** An entry as it was found. */
export interface Held {
  /** Undefined when it is damaged. */
  readonly value: Uint8Array | undefined
  readonly revision: number
}

export interface SealedEntriesInit {
  readonly entries: ConditionalEntries
  /** 32 bytes, the same for all front ends. */
  readonly dataKey: Secret<'DataKey'>
  readonly random: RandomBytes
}

/** More names of damaged entries are not remembered. */
const MAX_NAMES = 10_000

/** The engine learns names and sizes, and a value that was moved or changed does not open. All methods throw `StoreError`. */
export class SealedEntries {
  readonly #init: SealedEntriesInit
  readonly #damaged = new Set<string>()
  readonly #failureListeners: (() => void)[] = []

  constructor(init: SealedEntriesInit) {
    this.#init = init
  }

  get damaged(): number {
    return this.#damaged.size
  }

  /** Told of writes that failed. */
  onFailure(listener: () => void): void {
    this.#failureListeners.push(listener)
  }

  /** Something that must be there is missing, or is not what its name says. */
  note(name: string): void {
    if (this.#damaged.size < MAX_NAMES) this.#damaged.add(name)
  }

  async get(name: string): Promise<Held | undefined> {
    const { entries, dataKey } = this.#init
    const entry = await entries.get(name).catch(fail)
    if (entry === undefined) return undefined
    try {
      return { value: openValue(dataKey, name, entry.value), revision: entry.revision }
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause
      this.note(name)
      return { value: undefined, revision: entry.revision }
    }
  }

  async put(name: string, value: Uint8Array, revision: number): Promise<boolean> {
    const { entries, dataKey, random } = this.#init
    return await this.#write(entries.put(name, sealValue(dataKey, name, value, random), revision))
  }

  async delete(name: string, revision: number): Promise<boolean> {
    return await this.#write(this.#init.entries.delete(name, revision))
  }

  /** Whatever is there under this name, it is gone afterwards. For names that are not used again. */
  async clear(name: string): Promise<void> {
    for (;;) {
      const entry = await this.#init.entries.get(name).catch(fail)
      if (entry === undefined || (await this.delete(name, entry.revision))) return
    }
  }

  async list(prefix: string, after: string, limit: number): Promise<readonly string[]> {
    return await this.#init.entries.list(prefix, after, limit).catch(fail)
  }

  async #write(written: Promise<boolean>): Promise<boolean> {
    try {
      return await written
    } catch (cause) {
      for (const listener of this.#failureListeners) listener()
      throw storeError(cause)
    }
  }
}

function fail(cause: unknown): never {
  throw storeError(cause)
}
