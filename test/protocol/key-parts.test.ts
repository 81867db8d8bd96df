import { expect, test } from 'vitest'
import { concat, u32 } from '../../protocol/bytes.ts'
import {
  KEY_PART_BYTES,
  KEY_PART_ITEM_BYTES,
  decodeAnswer,
  decodeOffer,
  encodeAnswer,
  encodeOffer,
  isKeyPart,
} from '../../protocol/key-parts.ts'
import { bodyLength, itemKinds } from '../../protocol/padding.ts'
import { refusal } from '../support/refusals.ts'

const publicKey = new Uint8Array(1184).fill(7)
const keyDigest = new Uint8Array(32).fill(8)
const ciphertext = new Uint8Array(1088).fill(9)

test('offer and answer have one length and the layout of the byte table', () => {
  const offer = encodeOffer({ target: 258, publicKey })
  const answer = encodeAnswer({ target: 258, keyDigest, ciphertext })
  expect(offer).toEqual(concat(u32(258), publicKey))
  expect(answer).toEqual(concat(u32(258), keyDigest, ciphertext, new Uint8Array(64)))
  expect([offer.length, answer.length, KEY_PART_BYTES]).toEqual([1188, 1188, 1188])
  expect(decodeOffer(offer)).toEqual({ target: 258, publicKey })
  expect(decodeAnswer(answer)).toEqual({ target: 258, keyDigest, ciphertext })
})

test('an answer is filled with zeros, and nothing is missing or added', () => {
  const answer = encodeAnswer({ target: 1, keyDigest, ciphertext })
  for (const at of [1124, 1187]) {
    const changed = answer.slice()
    changed[at] = 1
    expect(refusal(() => decodeAnswer(changed))).toBe('DecodeError ERR_MALFORMED')
  }
  expect(refusal(() => decodeAnswer(answer.slice(0, 1123)))).toBe('DecodeError ERR_TRUNCATED')
  const offer = encodeOffer({ target: 1, publicKey })
  expect(refusal(() => decodeOffer(offer.slice(1)))).toBe('DecodeError ERR_TRUNCATED')
  expect(refusal(() => decodeOffer(concat(offer, u32(0))))).toBe('DecodeError ERR_TRAILING')
})

test('a part takes so much room in a body', () => {
  const content = new Uint8Array(5)
  const value = encodeOffer({ target: 1, publicKey })
  const item = { kind: itemKinds.offer, value }
  expect(bodyLength(content, [item]) - bodyLength(content, [])).toBe(KEY_PART_ITEM_BYTES)
})

test('only offers and answers are parts', () => {
  const value = new Uint8Array(0)
  const parts = Object.values(itemKinds).filter((kind) => isKeyPart({ kind, value }))
  expect(parts).toEqual([itemKinds.offer, itemKinds.answer])
})
