// Writes fixed layouts from front to back, into one array: the other side of `reader.ts`.

/** Room of a known length that is filled piece by piece. */
export class Writer {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(length: number) {
    this.#bytes = new Uint8Array(length)
  }

  u8(value: number): this {
    return this.#integer(value, 1)
  }

  u32(value: number): this {
    return this.#integer(value, 4)
  }

  /** At most 2^53 - 1. */
  u64(value: number): this {
    return this.#integer(value, 8)
  }

  /** A copy of them. */
  put(bytes: Uint8Array): this {
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }

  /** All of it. Throws `RangeError` when it is not full; what is too much throws as it is written. */
  done(): Uint8Array {
    if (this.#at !== this.#bytes.length) throw new RangeError('not all was written')
    return this.#bytes
  }

  /** Big-endian. */
  #integer(value: number, size: number): this {
    if (!Number.isSafeInteger(value) || value < 0 || value >= 256 ** size) {
      throw new RangeError(`not an unsigned integer of ${size} bytes`)
    }
    const end = this.#at + size
    if (end > this.#bytes.length) throw new RangeError('no room')
    // Division, not shifts: shifts end at 32 bits.
    let rest = value
    for (let at = end - 1; at >= this.#at; at--) {
      this.#bytes[at] = rest % 256
      rest = Math.floor(rest / 256)
    }
    this.#at = end
    return this
  }
}
