// The two parts of a key agreement of the post-quantum ratchet, as they ride in padded bodies. One
// length for both, so that nobody sees which of them a message carries.
//
//   offer   u32 target | ML-KEM-768 key 1184                                        1188 bytes
//   answer  u32 target | hk 32 | ML-KEM-768 ciphertext 1088 | zeros 64              1188 bytes

import { concat, u32 } from './bytes.ts'
import { KEM_CIPHERTEXT_BYTES, KEM_PUBLIC_KEY_BYTES } from './crypto.ts'
import { DecodeError } from './errors.ts'
import type { Item } from './padding.ts'
import { itemKinds } from './padding.ts'
import { reader } from './reader.ts'

/** Value of either part. */
export const KEY_PART_BYTES = 4 + KEM_PUBLIC_KEY_BYTES
/** With kind and length before it: what a body must have room for. */
export const KEY_PART_ITEM_BYTES = 1 + 2 + KEY_PART_BYTES

/** Kinds of items that are parts of a key agreement. */
export type KeyPartKind = typeof itemKinds.offer | typeof itemKinds.answer

/** A fresh KEM key for an epoch. */
export interface KeyOffer {
  /** e + 1: the epoch that the agreement leads to. */
  readonly target: number
  readonly publicKey: Uint8Array
}

/** What was encapsulated to an offered key. */
export interface KeyAnswer {
  readonly target: number
  /** hk: which key this answers. */
  readonly keyDigest: Uint8Array
  readonly ciphertext: Uint8Array
}

/** Value of an offer. */
export function encodeOffer({ target, publicKey }: KeyOffer): Uint8Array {
  return concat(u32(target), publicKey)
}

/** The inverse of `encodeOffer`, for 1188 bytes. The key is a view, and may not be a good one. */
export function decodeOffer(value: Uint8Array): KeyOffer {
  const input = reader(value)
  const offer = { target: input.u32(), publicKey: input.take(KEM_PUBLIC_KEY_BYTES) }
  input.end()
  return offer
}

/** Value of an answer. */
export function encodeAnswer({ target, keyDigest, ciphertext }: KeyAnswer): Uint8Array {
  return concat(u32(target), keyDigest, ciphertext, FILL)
}

/**
 * The inverse of `encodeAnswer`, for 1188 bytes. Throws `DecodeError` ERR_MALFORMED where it is not
 * filled with zeros. The parts are views.
 */
export function decodeAnswer(value: Uint8Array): KeyAnswer {
  const input = reader(value)
  const target = input.u32()
  const keyDigest = input.take(32)
  const ciphertext = input.take(KEM_CIPHERTEXT_BYTES)
  if (input.rest().some((byte) => byte !== 0)) throw new DecodeError('ERR_MALFORMED')
  return { target, keyDigest, ciphertext }
}

/** Whether an item is for the post-quantum ratchet, not for who opened the message. */
export function isKeyPart(item: Item): item is Item & { readonly kind: KeyPartKind } {
  return item.kind === itemKinds.offer || item.kind === itemKinds.answer
}

const FILL = new Uint8Array(KEM_PUBLIC_KEY_BYTES - KEM_CIPHERTEXT_BYTES - 32)
