// Reads fixed layouts from front to back. Every step is bounded by the bytes that are there.

import { MAX_INTEGER } from './bytes.ts'
import { DecodeError } from './errors.ts'

/** A position in a byte string. Each call moves it; too few bytes throw `DecodeError` ERR_TRUNCATED. */
export interface Reader {
  u8(): number
  u16(): number
  u32(): number
  /** At most 2^53 - 1; above that `DecodeError` ERR_MALFORMED. */
  u64(): number
  /** A view of the next bytes, not a copy. */
  take(length: number): Uint8Array
  /** A view of all that is left. */
  rest(): Uint8Array
  /** How many bytes are left. */
  readonly left: number
  /** Throws `DecodeError` ERR_TRAILING unless everything was read. */
  end(): void
}

/** Starts at the first byte. The bytes must not change while they are read. */
export function reader(bytes: Uint8Array): Reader {
  let offset = 0

  function take(length: number): Uint8Array {
    if (length > bytes.length - offset) throw new DecodeError('ERR_TRUNCATED')
    offset += length
    return bytes.subarray(offset - length, offset)
  }

  function integer(size: number): number {
    if (size > bytes.length - offset) throw new DecodeError('ERR_TRUNCATED')
    let value = 0
    for (const end = offset + size; offset < end; offset += 1) {
      value = value * 256 + (bytes[offset] ?? 0)
    }
    if (value > MAX_INTEGER) throw new DecodeError('ERR_MALFORMED')
    return value
  }

  return {
    u8: () => integer(1),
    u16: () => integer(2),
    u32: () => integer(4),
    u64: () => integer(8),
    take,
    rest: () => take(bytes.length - offset),
    get left() {
      return bytes.length - offset
    },
    end() {
      if (offset !== bytes.length) throw new DecodeError('ERR_TRAILING')
    },
  }
}
