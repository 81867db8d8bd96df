import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  compareBytes,
  concat,
  equalBytes,
  fromHex,
  fromUtf8,
  getU32,
  lp,
  MAX_INTEGER,
  putU32,
  putU64,
  toHex,
  u16,
  u32,
  u64,
  u8,
  utf8,
} from '../../protocol/bytes.ts'
import { reader } from '../../protocol/reader.ts'
import { causeOf, refusal } from '../support/refusals.ts'

const bytes = fc.uint8Array({ maxLength: 64 })

test('parts are joined in order', () => {
  fc.assert(
    fc.property(fc.array(bytes), (parts) => {
      expect([...concat(...parts)]).toEqual(parts.flatMap((part) => [...part]))
    }),
  )
})

test('bytes are equal to themselves and to nothing else', () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      expect(equalBytes(a, a.slice())).toBe(true)
      expect(equalBytes(a, b)).toBe(toHex(a) === toHex(b))
    }),
  )
})

test('byte order is that of the hexadecimal digits', () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      const [x, y] = [toHex(a), toHex(b)]
      expect(Math.sign(compareBytes(a, b))).toBe(x < y ? -1 : x > y ? 1 : 0)
    }),
  )
})

test('integers are unsigned and big-endian', () => {
  expect(toHex(u8(0xfe))).toBe('fe')
  expect(toHex(u16(0xfedc))).toBe('fedc')
  expect(toHex(u32(0xfedcba98))).toBe('fedcba98')
  expect(toHex(u64(MAX_INTEGER))).toBe('001fffffffffffff')
  expect(toHex(u64(0x0123456789ab))).toBe('00000123456789ab')
})

test('integers of 32 bits are written and read in place', () => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), fc.nat(3), (value, offset) => {
      const into = new Uint8Array(7).fill(0xa7)
      putU32(into, offset, value)
      expect(into.slice(offset, offset + 4)).toEqual(u32(value))
      expect(into.filter((byte, i) => (i < offset || i >= offset + 4) && byte !== 0xa7)).toEqual(
        new Uint8Array(0),
      )
      expect(getU32(into, offset)).toBe(value)
    }),
  )
  expect(getU32(Uint8Array.of(1, 2), 0)).toBe(0x01020000)
})

test('integers of 64 bits are written in place', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(3), (value, offset) => {
      const into = new Uint8Array(11).fill(0xa7)
      putU64(into, offset, value)
      const around = new Uint8Array(11).fill(0xa7)
      around.set(u64(value), offset)
      expect(into).toEqual(around)
    }),
  )
})

test('integers come back', () => {
  fc.assert(
    fc.property(fc.nat(0xff), fc.nat(0xffff), fc.nat(0xffffffff), fc.maxSafeNat(), (a, b, c, d) => {
      const input = reader(concat(u8(a), u16(b), u32(c), u64(d)))
      expect([input.u8(), input.u16(), input.u32(), input.u64()]).toEqual([a, b, c, d])
      input.end()
    }),
  )
})

test.each([
  ['u8', () => u8(256)],
  ['u16', () => u16(65_536)],
  ['u32', () => u32(2 ** 32)],
  ['u64', () => u64(2 ** 53)],
  ['u64 in place', () => putU64(new Uint8Array(8), 0, -1)],
  ['negative', () => u32(-1)],
  ['fraction', () => u32(0.5)],
  ['not a number', () => u64(Number.NaN)],
])('an integer out of range is refused: %s', (_, encode) => {
  expect(encode).toThrow(RangeError)
})

test('the refusal says how many bytes an integer may have', () => {
  expect(() => u16(65_536)).toThrow('not an unsigned integer of 2 bytes')
  expect(() => u64(2 ** 53)).toThrow('not an unsigned integer of 8 bytes')
})

test('a list states every length; absent is zero', () => {
  expect(toHex(lp(utf8('ab'), undefined, utf8('c')))).toBe('000000026162000000000000000163')
})

test('lists of different items differ', () => {
  const list = fc.array(bytes, { maxLength: 4 })
  fc.assert(
    fc.property(list, list, (a, b) => {
      const same = JSON.stringify(a.map(toHex)) === JSON.stringify(b.map(toHex))
      expect(equalBytes(lp(...a), lp(...b))).toBe(same)
    }),
  )
})

test('hexadecimal digits come back, in either case', () => {
  fc.assert(
    fc.property(bytes, (value) => {
      expect(fromHex(toHex(value))).toEqual(value)
      expect(fromHex(toHex(value).toUpperCase())).toEqual(value)
    }),
  )
})

test.each(['0', 'zz', '0x00', ' 00', '00\n'])('%j is not hexadecimal', (text) => {
  expect(refusal(() => fromHex(text))).toBe('DecodeError ERR_MALFORMED')
})

test('text comes back; bytes that are no text are refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(fromUtf8(utf8(text))).toBe(text.toWellFormed())
    }),
  )
  expect(fromUtf8(utf8('\ufeffa'))).toBe('\ufeffa')
  expect(refusal(() => fromUtf8(fromHex('c080')))).toBe('DecodeError ERR_MALFORMED')
  expect(causeOf(() => fromUtf8(fromHex('c080')))).toBeInstanceOf(TypeError)
})
