// The padded body of a message (docs/protocol.md, "Padded body"): content and items, padded together before
// encryption, so that neither shows by its size.
//
//   raw = u32 len ‖ content[len] ‖ item*     item = u8 kind ‖ u16 len ‖ value     then zeros up to padme(len raw)

import { concat, getU32, u16, u32, u8 } from './bytes.ts'
import { DecodeError } from './errors.ts'

/** Kinds of items. Kind 0 is the padding. */
export const itemKinds = {
  offer: 1,
  answer: 2,
  statement: 3,
  continuity: 4,
  handOutNote: 5,
  divergence: 6,
} as const

export type ItemKind = (typeof itemKinds)[keyof typeof itemKinds]

/** Something that rides with a message. */
export interface Item {
  readonly kind: ItemKind
  readonly value: Uint8Array
}

/** What a padded body holds. */
export interface Body {
  readonly content: Uint8Array
  /** Of known kinds and right lengths, in the order of the body. */
  readonly items: readonly Item[]
  /** Items were ignored, because they broke a rule; the content counts all the same. */
  readonly malformed: boolean
}

const MIN_PADDED_BYTES = 256
const ZEROS: Uint8Array = new Uint8Array(MIN_PADDED_BYTES)
/** Length of the content. */
const LENGTH_BYTES = 4
/** Kind and length of an item. */
const ITEM_HEAD_BYTES = 3
/** A signed note of a mailbox takes about 200 bytes. */
export const MAX_NOTE_BYTES = 512
export const MAX_CONTINUITY_ITEMS = 2

/** Padded length of `length` bytes (Padmé), never below 256. */
export function padme(length: number): number {
  if (length <= MIN_PADDED_BYTES) return MIN_PADDED_BYTES
  const exponent = Math.floor(Math.log2(length))
  const digits = Math.floor(Math.log2(exponent)) + 1
  const step = 2 ** (exponent - digits)
  return Math.ceil(length / step) * step
}

/** Length of a body before its padding. */
export function bodyLength(content: Uint8Array, items: readonly Item[]): number {
  let length = LENGTH_BYTES + content.length
  for (const { value } of items) length += ITEM_HEAD_BYTES + value.length
  return length
}

/** The padded body. The caller keeps to the rules that `decodeBody` checks. */
export function encodeBody(content: Uint8Array, items: readonly Item[]): Uint8Array {
  return concat(...bodyParts(content, items))
}

/** The padded body in parts, which are joined where it is sealed. Content and values are the caller's own bytes. */
export function bodyParts(content: Uint8Array, items: readonly Item[]): readonly Uint8Array[] {
  const parts = [u32(content.length), content]
  for (const { kind, value } of items) parts.push(u8(kind), u16(value.length), value)
  const length = bodyLength(content, items)
  const padding = padme(length) - length
  parts.push(padding <= ZEROS.length ? ZEROS.subarray(0, padding) : new Uint8Array(padding))
  return parts
}

/**
 * Reads a padded body whose encryption held. Items that break a rule are left out, never the content: only a
 * content that is not there throws `DecodeError` ERR_TRUNCATED. The parts are views of `padded`.
 */
export function decodeBody(padded: Uint8Array): Body {
  const end = LENGTH_BYTES + getU32(padded, 0)
  if (end > padded.length) throw new DecodeError('ERR_TRUNCATED')
  const content = padded.subarray(LENGTH_BYTES, end)
  const found = readItems(padded, end)
  if (found === undefined) return { content, items: [], malformed: true }
  if (found.length === 0) return { content, items: [], malformed: false }
  const known = found.filter(isKnown)
  const items = known.filter((item) => isAllowed(item, known))
  return { content, items, malformed: items.length !== known.length }
}

interface RawItem {
  readonly kind: number
  readonly value: Uint8Array
}

/** Exact lengths of the values; hand-out notes have a limit only. */
const LENGTHS: Readonly<Record<ItemKind, number | undefined>> = {
  [itemKinds.offer]: 4 + 1184,
  [itemKinds.answer]: 4 + 1184,
  [itemKinds.statement]: 8 + 8 + 16,
  [itemKinds.continuity]: 4 + 32,
  [itemKinds.handOutNote]: undefined,
  [itemKinds.divergence]: 16,
}

/** `undefined` where the items run over the end or the padding is not zero. */
function readItems(bytes: Uint8Array, start: number): readonly RawItem[] | undefined {
  const items: RawItem[] = []
  let offset = start
  while (offset < bytes.length) {
    const kind = bytes[offset] ?? 0
    if (kind === 0) return isZero(bytes, offset) ? items : undefined
    if (offset + 3 > bytes.length) return undefined
    const length = ((bytes[offset + 1] ?? 0) << 8) | (bytes[offset + 2] ?? 0)
    const end = offset + 3 + length
    if (end > bytes.length) return undefined
    items.push({ kind, value: bytes.subarray(offset + 3, end) })
    offset = end
  }
  return items
}

function isZero(bytes: Uint8Array, from: number): boolean {
  for (let i = from; i < bytes.length; i += 1) if (bytes[i] !== 0) return false
  return true
}

function isKnown(item: RawItem): item is Item {
  return item.kind in LENGTHS
}

function isAllowed(item: Item, all: readonly Item[]): boolean {
  const { kind, value } = item
  const length = LENGTHS[kind]
  if (length === undefined ? value.length > MAX_NOTE_BYTES : value.length !== length) return false
  const limit = kind === itemKinds.continuity ? MAX_CONTINUITY_ITEMS : 1
  return all.filter((other) => other.kind === kind).length <= limit
}
