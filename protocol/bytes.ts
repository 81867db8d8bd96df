// Byte strings: branding, joining, comparing, integers and the list encoding of the key schedule.
// Everything here is public data; secrets live in `secret.ts`.

import { DecodeError } from './errors.ts'

declare const brand: unique symbol

/** A value that only one constructor makes, so that the unchecked thing cannot be passed on. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** Draws `length` random bytes. Keys need the platform's generator; tests pass a seeded stream. */
export type RandomBytes = (length: number) => Uint8Array

/** Largest integer that is written or read anywhere: 2^53 - 1. */
export const MAX_INTEGER = Number.MAX_SAFE_INTEGER

/** A copy of all parts, one after the other. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Whether both hold the same bytes; the time depends on the lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i += 1) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

/** Byte order, the shorter of two with a common start first. Not constant time. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Unsigned big-endian integer of 8 bits. Throws `RangeError` outside its range. */
export function u8(value: number): Uint8Array {
  return bigEndian(value, 1)
}

/** Unsigned big-endian integer of 16 bits. Throws `RangeError` outside its range. */
export function u16(value: number): Uint8Array {
  return bigEndian(value, 2)
}

/** Unsigned big-endian integer of 32 bits. Throws `RangeError` outside its range. */
export function u32(value: number): Uint8Array {
  return bigEndian(value, 4)
}

/** Unsigned big-endian integer of 64 bits, at most 2^53 - 1. Throws `RangeError` outside its range. */
export function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  putU64(bytes, 0, value)
  return bytes
}

/** Writes an unsigned big-endian integer of 32 bits in place. */
export function putU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24
  bytes[offset + 1] = value >>> 16
  bytes[offset + 2] = value >>> 8
  bytes[offset + 3] = value
}

/** Writes an unsigned big-endian integer of 64 bits in place, at most 2^53 - 1. Throws `RangeError` outside its range. */
export function putU64(bytes: Uint8Array, offset: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError('not an unsigned integer of 8 bytes')
  }
  putU32(bytes, offset, Math.floor(value / 2 ** 32))
  putU32(bytes, offset + 4, value)
}

/** The unsigned big-endian integer of 32 bits at `offset`; bytes beyond the end count as zero. */
export function getU32(bytes: Uint8Array, offset: number): number {
  const high = ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0)
  const low = ((bytes[offset + 2] ?? 0) << 8) | (bytes[offset + 3] ?? 0)
  return ((high << 16) | low) >>> 0
}

/** `LP(a, b, ...)` of docs/protocol.md, "Notation": each item after its u32 length; absent is length 0. */
export function lp(...items: readonly (Uint8Array | undefined)[]): Uint8Array {
  let length = 0
  for (const item of items) length += 4 + (item?.length ?? 0)
  const list = new Uint8Array(length)
  let offset = 0
  for (const item of items) {
    putU32(list, offset, item?.length ?? 0)
    if (item !== undefined) list.set(item, offset + 4)
    offset += 4 + (item?.length ?? 0)
  }
  return list
}

/** UTF-8 bytes of a text. */
export function utf8(text: string): Uint8Array {
  // By hand where each letter is a byte: for the names of records that takes half the time.
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return encoder.encode(text)
    bytes[i] = code
  }
  return bytes
}

/** The text of UTF-8 bytes. Throws `DecodeError` where they are not valid UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new DecodeError('ERR_MALFORMED', { cause })
  }
}

/** Lower-case hexadecimal digits. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  let i = 0
  // Eight digits in one piece: a string that grows by two is a long chain of small ones.
  for (; i + 4 <= bytes.length; i += 4) {
    const [a, b, c, d] = [bytes[i] ?? 0, bytes[i + 1] ?? 0, bytes[i + 2] ?? 0, bytes[i + 3] ?? 0]
    // prettier-ignore
    text += String.fromCharCode(
      digit(a >> 4), digit(a & 15), digit(b >> 4), digit(b & 15),
      digit(c >> 4), digit(c & 15), digit(d >> 4), digit(d & 15))
  }
  for (; i < bytes.length; i += 1) text += HEX[bytes[i] ?? 0] ?? ''
  return text
}

/** The bytes of lower- or upper-case hexadecimal digits. Throws `DecodeError` on anything else. */
export function fromHex(text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/i.test(text)) throw new DecodeError('ERR_MALFORMED')
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i += 1) {
    bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  }
  return bytes
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** The code of a hexadecimal digit. */
function digit(value: number): number {
  return value < 10 ? 48 + value : 87 + value
}

function bigEndian(value: number, size: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 256 ** size) {
    throw new RangeError(`not an unsigned integer of ${size} bytes`)
  }
  const bytes = new Uint8Array(size)
  let rest = value
  // Division, not shifts: shifts end at 32 bits.
  for (let i = size - 1; i >= 0; i -= 1) {
    bytes[i] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return bytes
}
