import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromHex, toHex, u16, u32, u8 } from '../../protocol/bytes.ts'
import type { Item } from '../../protocol/padding.ts'
import { decodeBody, encodeBody, itemKinds, MAX_NOTE_BYTES, padme } from '../../protocol/padding.ts'
import { outcome, refusal } from '../support/refusals.ts'

const LENGTHS = { offer: 1188, answer: 1188, statement: 32, continuity: 36 } as const
const CONTENT = fromHex('c0ffee')

const itemOf = (kind: Item['kind'], length: number, byte = 1): Item => ({
  kind,
  value: new Uint8Array(length).fill(byte),
})
const offer = itemOf(itemKinds.offer, LENGTHS.offer)
const answer = itemOf(itemKinds.answer, LENGTHS.answer, 2)
const statement = itemOf(itemKinds.statement, LENGTHS.statement, 3)
const proof = (byte: number): Item => itemOf(itemKinds.continuity, LENGTHS.continuity, byte)
const note = itemOf(itemKinds.handOutNote, 199, 5)
const divergence = itemOf(itemKinds.divergence, 16, 6)

const raw = (...parts: readonly Uint8Array[]): Uint8Array =>
  concat(u32(CONTENT.length), CONTENT, ...parts)
const item = (kind: number, length: number): Uint8Array =>
  concat(u8(kind), u16(length), new Uint8Array(length).fill(9))

test('padded lengths follow the formula', () => {
  const exact = [
    [0, 256],
    [1, 256],
    [256, 256],
    [257, 272],
    [272, 272],
    [273, 288],
    [511, 512],
    [512, 512],
    [513, 544],
    [1000, 1024],
    [1025, 1088],
    [2500, 2560],
    [65_536, 65_536],
    [65_537, 67_584],
    [131_071, 131_072],
  ] as const
  for (const [length, padded] of exact) expect(padme(length)).toBe(padded)
})

test('a padded length is that of the specification, computed with integers', () => {
  fc.assert(
    fc.property(fc.integer({ min: 257, max: 1 << 20 }), (length) => {
      const exponent = 31 - Math.clz32(length)
      const digits = 32 - Math.clz32(exponent)
      const mask = 2 ** (exponent - digits) - 1
      expect(padme(length)).toBe((length + mask) & ~mask)
    }),
  )
})

test('padding costs at most 12 % above 256 bytes and never shrinks', () => {
  let last = 0
  for (let length = 0; length < 70_000; length += 1) {
    const padded = padme(length)
    expect(padded >= length && padded >= last && padme(padded) === padded).toBe(true)
    expect(padded / Math.max(length, 256)).toBeLessThan(1.12)
    last = padded
  }
})

test('content and items come back', () => {
  const items = fc
    .uniqueArray(fc.constantFrom(offer, answer, statement, note, proof(1), divergence))
    .chain((some) => fc.constantFrom(some, some.includes(offer) ? some : [...some, offer]))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), items, (content, some) => {
      const padded = encodeBody(content, some)
      expect(padme(padded.length)).toBe(padded.length)
      expect(decodeBody(padded)).toEqual({ content, items: some, malformed: false })
    }),
  )
})

test('the padding is zeros up to the padded length, however long', () => {
  for (const length of [0, 252, 253, 20_000, 33_000, 60_000]) {
    const content = new Uint8Array(length).fill(1)
    const padded = encodeBody(content, [])
    expect(padded).toHaveLength(padme(4 + length))
    expect(padded.subarray(4 + length).every((byte) => byte === 0)).toBe(true)
  }
})

test('the layout is that of the table', () => {
  const padded = encodeBody(CONTENT, [statement])
  expect(padded).toHaveLength(256)
  expect(toHex(padded.slice(0, 42))).toBe(`00000003c0ffee030020${'03'.repeat(32)}`)
  expect(padded.slice(42).every((byte) => byte === 0)).toBe(true)
})

test('items may fill the body to its last byte', () => {
  const content = new Uint8Array(256 - 4 - 3 - LENGTHS.statement)
  const padded = encodeBody(content, [statement])
  expect(padded).toHaveLength(256)
  expect(decodeBody(padded)).toEqual({ content, items: [statement], malformed: false })
})

test('an offer and an answer have one size', () => {
  expect(encodeBody(CONTENT, [offer])).toHaveLength(encodeBody(CONTENT, [answer]).length)
})

test('two continuity proofs ride together, three do not', () => {
  expect(decodeBody(encodeBody(CONTENT, [proof(1), proof(2)])).items).toEqual([proof(1), proof(2)])
  expect(decodeBody(encodeBody(CONTENT, [proof(1), proof(2), proof(3)]))).toEqual({
    content: CONTENT,
    items: [],
    malformed: true,
  })
})

test('a kind given twice is ignored, the others count', () => {
  expect(decodeBody(encodeBody(CONTENT, [statement, offer, statement]))).toEqual({
    content: CONTENT,
    items: [offer],
    malformed: true,
  })
})

test('a wrong length is ignored, the others count', () => {
  for (const wrong of [
    itemOf(itemKinds.offer, 1187),
    itemOf(itemKinds.answer, 1124),
    itemOf(itemKinds.continuity, 37),
    itemOf(itemKinds.divergence, 15),
    itemOf(itemKinds.handOutNote, MAX_NOTE_BYTES + 1),
  ]) {
    expect(decodeBody(encodeBody(CONTENT, [wrong, statement]))).toEqual({
      content: CONTENT,
      items: [statement],
      malformed: true,
    })
  }
})

test('unknown kinds are skipped without a word', () => {
  const body = raw(item(7, 0), item(255, 100), concat(u8(3), u16(32), statement.value))
  expect(decodeBody(body)).toEqual({ content: CONTENT, items: [statement], malformed: false })
})

test('the last item may end with the body, also one without a value', () => {
  const body = raw(concat(u8(3), u16(32), statement.value), item(7, 0))
  expect(decodeBody(body)).toEqual({ content: CONTENT, items: [statement], malformed: false })
})

test('a note has at most 512 bytes', () => {
  const longest = itemOf(itemKinds.handOutNote, 512)
  expect(decodeBody(encodeBody(CONTENT, [longest])).items).toEqual([longest])
})

test.each([
  ['a byte after the padding began', raw(item(3, 32), u8(0), u8(1))],
  ['a byte far behind', raw(item(3, 32), new Uint8Array(200), u8(3))],
  ['an item that runs over the end', raw(item(3, 32), item(1, 1188).slice(0, 1000))],
  ['an item without a length', raw(item(3, 32), fromHex('0300'))],
])('%s costs the items, not the content', (_, body) => {
  expect(decodeBody(body)).toEqual({ content: CONTENT, items: [], malformed: true })
})

test('a body without its content is refused', () => {
  const padded = encodeBody(new Uint8Array(300).fill(1), [])
  for (let length = 0; length < 304; length += 1) {
    expect(refusal(() => decodeBody(padded.slice(0, length)))).toBe('DecodeError ERR_TRUNCATED')
  }
  expect(refusal(() => decodeBody(fromHex('ffffffff00')))).toBe('DecodeError ERR_TRUNCATED')
})

test('any bytes are read or refused, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      const isRead = outcome(() => decodeBody(bytes).content.length <= bytes.length)
      expect([true, 'DecodeError ERR_TRUNCATED']).toContain(isRead)
    }),
  )
})
