import { expect, test } from 'vitest'
import { concat, fromHex } from '../../protocol/bytes.ts'
import { ContentSchema } from '../../protocol/generated/content_pb.ts'
import { decodeExact, decodeExtensible, encodeMessage, toInteger } from '../../protocol/protobuf.ts'
import { causeOf, refusal } from '../support/refusals.ts'

const bytes = encodeMessage(ContentSchema, { counter: 5n, seen: 1n })

test('a message comes back', () => {
  expect(decodeExact(ContentSchema, bytes, 100).counter).toBe(5n)
})

test.each([
  ['an unknown field', concat(bytes, fromHex('7801'))],
  ['a field twice', concat(bytes, fromHex('1801'))],
  ['a default value written out', concat(bytes, fromHex('2000'))],
  ['a number in too many bytes', fromHex('10850018 01'.replace(' ', ''))],
  ['fields out of order', concat(bytes.slice(2), bytes.slice(0, 2))],
])('%s is not exact', (_, changed) => {
  expect(refusal(() => decodeExact(ContentSchema, changed, 100))).toBe(
    'DecodeError ERR_NOT_CANONICAL',
  )
})

test('an extensible message may have unknown fields at the end, and nothing else', () => {
  const longer = concat(bytes, fromHex('7801'))
  expect(decodeExtensible(ContentSchema, longer, 100).counter).toBe(5n)
  const changed = concat(fromHex('7801'), bytes)
  expect(refusal(() => decodeExtensible(ContentSchema, changed, 100))).toBe(
    'DecodeError ERR_NOT_CANONICAL',
  )
})

test('what is no message, or above the limit, is refused', () => {
  expect(refusal(() => decodeExact(ContentSchema, fromHex('0a05'), 100))).toBe(
    'DecodeError ERR_MALFORMED',
  )
  expect(causeOf(() => decodeExact(ContentSchema, fromHex('0a05'), 100))).toBeInstanceOf(Error)
  expect(refusal(() => decodeExact(ContentSchema, bytes, 3))).toBe('DecodeError ERR_TOO_LARGE')
})

test('an integer above 2^53 - 1 is refused', () => {
  expect(toInteger(2n ** 53n - 1n)).toBe(Number.MAX_SAFE_INTEGER)
  expect(refusal(() => toInteger(2n ** 53n))).toBe('DecodeError ERR_MALFORMED')
})
