import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase32, toBase32 } from '../../protocol/base32.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { outcome, refusal } from '../support/refusals.ts'

// RFC 4648, section 10, without the padding.
test.each([
  ['', ''],
  ['f', 'MY'],
  ['fo', 'MZXQ'],
  ['foo', 'MZXW6'],
  ['foob', 'MZXW6YQ'],
  ['fooba', 'MZXW6YTB'],
  ['foobar', 'MZXW6YTBOI'],
])('%j is %j', (text, encoded) => {
  expect(toBase32(utf8(text))).toBe(encoded)
  expect(fromBase32(encoded)).toEqual(utf8(text))
})

test('bytes come back', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fromBase32(toBase32(bytes))).toEqual(bytes)
    }),
  )
})

test('two texts never give the same bytes', () => {
  const text = fc.string({ unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567') })
  fc.assert(
    fc.property(text, (value) => {
      const again = outcome(() => toBase32(fromBase32(value)))
      expect([value, 'DecodeError ERR_NOT_CANONICAL']).toContain(again)
    }),
  )
})

test.each([
  ['A', 'ERR_NOT_CANONICAL'],
  ['MZ', 'ERR_NOT_CANONICAL'],
  ['MYA', 'ERR_NOT_CANONICAL'],
  ['my', 'ERR_MALFORMED'],
  ['M1', 'ERR_MALFORMED'],
  ['MY=', 'ERR_MALFORMED'],
])('%j is refused', (text, code) => {
  expect(refusal(() => fromBase32(text))).toBe(`DecodeError ${code}`)
})
