// What was read of envelopes a moment ago. Owners acknowledge what they have just been handed, and each would be looked for and opened again.

import { ShortLived } from '../../net/short-lived.ts'

/** More are not remembered at a time: a few megabytes. */
const MOST = 16 * 1024

/**
 * Holds nothing that is gone: who removes an envelope takes it from here first, and who reads is told what has gone meanwhile. In doubt
 * it knows nothing, and the store is asked.
 */
export class RecentItems<T> {
  /** By `member/id`. */
  readonly #items = new ShortLived<string, T>()
  /** Of each member, what has gone since somebody began to read. */
  readonly #readers = new Map<number, Set<Set<string>>>()
  readonly #isLeaving: (name: string) => boolean
  /** How often all was forgotten. */
  #age = 0

  /** `isLeaving` says whether something is being removed, from before it is taken until `gone` was told. */
  constructor(isLeaving: (name: string) => boolean) {
    this.#isLeaving = isLeaving
  }

  /** To be called before the first look into the store. Remembers what is found there, unless it may have gone. */
  reading(member: number): Reading<T> {
    const age = this.#age
    const gone = new Set<string>()
    const readers = this.#readers.get(member) ?? new Set()
    this.#readers.set(member, readers.add(gone))
    return {
      found: (name, item) => {
        const isSure = age === this.#age && !gone.has(name) && !this.#isLeaving(name)
        if (isSure) this.#remember(name, item)
      },
      end: () => {
        readers.delete(gone)
        if (readers.size === 0) this.#readers.delete(member)
      },
    }
  }

  /** What was read of it, once: for who removes it. */
  take(name: string): T | undefined {
    return this.#items.take(name)
  }

  /** These are no longer in the store, as far as one can tell. */
  gone(member: number, names: readonly string[]): void {
    for (const reader of this.#readers.get(member) ?? []) for (const name of names) reader.add(name)
  }

  /** The store has failed: what it refused may have happened all the same, and shows when it is opened again. */
  forget(): void {
    this.#age++
    this.#items.clear()
  }

  #remember(name: string, item: T): void {
    if (this.#items.size >= MOST) this.#items.clear()
    this.#items.set(name, item)
  }
}

export interface Reading<T> {
  readonly found: (name: string, item: T) => void
  readonly end: () => void
}
