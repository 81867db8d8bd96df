// Reads fixed layouts from front to back. Every step is bounded by the bytes that are there.

import { MAX_INTEGER } from './bytes.ts'
import { DecodeError } from './errors.ts'

/** A position in a byte string. Each call moves it; too few bytes throw `DecodeError` ERR_TRUNCATED. */
class Reader {
  readonly #bytes: Uint8Array
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#offset
  }

  u8(): number {
    return this.#integer(1)
  }

  u16(): number {
    return this.#integer(2)
  }

  u32(): number {
    return this.#integer(4)
  }

  /** At most 2^53 - 1; above that `DecodeError` ERR_MALFORMED. */
  u64(): number {
    return this.#integer(8)
  }

  /** A view of the next bytes, not a copy. */
  take(length: number): Uint8Array {
    const end = this.#pass(length)
    return this.#bytes.subarray(end - length, end)
  }

  /** A view of all that is left. */
  rest(): Uint8Array {
    return this.take(this.left)
  }

  /** Throws `DecodeError` ERR_TRAILING unless everything was read. */
  end(): void {
    if (this.left !== 0) throw new DecodeError('ERR_TRAILING')
  }

  #integer(size: number): number {
    const end = this.#pass(size)
    let value = 0
    for (let at = end - size; at < end; at += 1) value = value * 256 + (this.#bytes[at] ?? 0)
    if (value > MAX_INTEGER) throw new DecodeError('ERR_MALFORMED')
    return value
  }

  /** Where the next bytes end. */
  #pass(length: number): number {
    if (length > this.left) throw new DecodeError('ERR_TRUNCATED')
    this.#offset += length
    return this.#offset
  }
}

export type { Reader }

/** Starts at the first byte. The bytes must not change while they are read. */
export function reader(bytes: Uint8Array): Reader {
  return new Reader(bytes)
}
