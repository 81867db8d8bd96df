/**
 * Bytes that have arrived and were not read yet, over many channels: frames that wait for their turn, and beginnings of frames
 * whose end does not come. Each channel stops its sender, but a thousand of them together hold a thousand times as much.
 */

/** What can be ended because it holds too much. */
export interface Holder {
  abort(reason: Error): void
}

export class UnreadBytes {
  readonly #limit: number
  readonly #held = new Map<Holder, number>()
  #total = 0

  /** Above `limit` bytes in all, the channel that holds most is ended, until the rest is below. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get total(): number {
    return this.#total
  }

  /** What a channel holds now. Returns those that hold too much, which the caller ends; they hold nothing any more. */
  set(holder: Holder, bytes: number): readonly Holder[] {
    this.#put(holder, bytes)
    const ended: Holder[] = []
    while (this.#total > this.#limit) {
      const [largest] = [...this.#held].reduce((a, b) => (b[1] > a[1] ? b : a))
      this.#put(largest, 0)
      ended.push(largest)
    }
    return ended
  }

  #put(holder: Holder, bytes: number): void {
    this.#total += bytes - (this.#held.get(holder) ?? 0)
    if (bytes > 0) this.#held.set(holder, bytes)
    else this.#held.delete(holder)
  }
}
