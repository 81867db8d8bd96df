/**
 * A map of what comes and goes all the time.
 *
 * V8 gives a `Map` a new table whenever the old one is full of what was deleted, and the old one refers to the new. Once a single
 * table has become old, all that was ever in those behind it stays in memory until everything is searched. A copy begins afresh.
 */
export class ShortLived<Key, Value> {
  #items = new Map<Key, Value>()
  /** Since the last copy. */
  #added = 0

  get size(): number {
    return this.#items.size
  }

  has(key: Key): boolean {
    return this.#items.has(key)
  }

  get(key: Key): Value | undefined {
    return this.#items.get(key)
  }

  set(key: Key, value: Value): void {
    this.#items.set(key, value)
    this.#added++
    if (this.#added < COPY_AFTER + 2 * this.size) return
    this.#items = new Map(this.#items)
    this.#added = 0
  }

  /** What was there. */
  take(key: Key): Value | undefined {
    const value = this.#items.get(key)
    this.#items.delete(key)
    return value
  }

  /** All that was there. */
  takeAll(): Value[] {
    const all = [...this.#items.values()]
    this.clear()
    return all
  }

  clear(): void {
    this.#items = new Map()
    this.#added = 0
  }
}

/** Entries, besides twice as many as there are. */
const COPY_AFTER = 64
