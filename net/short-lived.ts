/**
 * What comes and goes all the time, by its name or number.
 *
 * Not a `Map`: V8 gives that a new table whenever the old one is full of what was deleted, and the old one refers to the new. Once a
 * single table has become old, all that was ever in those behind it stays in memory until everything is searched.
 */
export class ShortLived<Key extends string | number, Value> {
  #items = none<Key, Value>()
  #size = 0

  get size(): number {
    return this.#size
  }

  has(key: Key): boolean {
    return key in this.#items
  }

  get(key: Key): Value | undefined {
    return this.#items[key]
  }

  set(key: Key, value: Value): void {
    if (!this.has(key)) this.#size++
    this.#items[key] = value
  }

  /** What was there. */
  take(key: Key): Value | undefined {
    const value = this.#items[key]
    if (this.has(key)) this.#size--
    delete this.#items[key]
    return value
  }

  /** All that was there, in no order. */
  takeAll(): Value[] {
    const all = Object.values<Value>(this.#items)
    this.#items = none()
    this.#size = 0
    return all
  }
}

/** Without the names that every object has. */
function none<Key extends string | number, Value>(): Record<Key, Value> {
  return Object.create(null) as Record<Key, Value>
}
