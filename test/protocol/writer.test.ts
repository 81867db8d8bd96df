import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, u32, u64, u8 } from '../../protocol/bytes.ts'
import { Writer } from '../../protocol/writer.ts'

test('writes what the same pieces give one after the other', () => {
  const numbers = [fc.nat({ max: 0xff }), fc.nat({ max: 0xffff_ffff }), fc.maxSafeNat()] as const
  fc.assert(
    fc.property(...numbers, fc.uint8Array({ maxLength: 50 }), (a, b, c, bytes) => {
      const writer = new Writer(13 + bytes.length).u8(a).u32(b).put(bytes).u64(c)
      expect(writer.done()).toEqual(concat(u8(a), u32(b), bytes, u64(c)))
    }),
  )
})

test('takes no number outside its size', () => {
  expect(() => new Writer(8).u8(256)).toThrow(RangeError)
  expect(() => new Writer(8).u32(2 ** 32)).toThrow(RangeError)
  expect(() => new Writer(8).u64(2 ** 53)).toThrow(RangeError)
  expect(() => new Writer(8).u8(-1)).toThrow(RangeError)
  expect(() => new Writer(8).u8(0.5)).toThrow(RangeError)
})

test('gives nothing that is not full, and takes no more than there is room for', () => {
  expect(() => new Writer(2).u8(1).done()).toThrow(RangeError)
  expect(() => new Writer(3).u32(1)).toThrow(RangeError)
  expect(() => new Writer(3).put(new Uint8Array(4))).toThrow(RangeError)
})
