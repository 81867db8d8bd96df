import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../protocol/bytes.ts'
import { reader } from '../../protocol/reader.ts'
import { refusal } from '../support/refusals.ts'

test('parts are views in order', () => {
  const input = reader(fromHex('0102030405'))
  expect(input.u8()).toBe(1)
  expect(toHex(input.take(2))).toBe('0203')
  expect(input.left).toBe(2)
  expect(toHex(input.rest())).toBe('0405')
  input.end()
})

test('what is not there is refused', () => {
  for (const read of ['u8', 'u16', 'u32', 'u64'] as const) {
    expect(refusal(() => reader(new Uint8Array(0))[read]())).toBe('DecodeError ERR_TRUNCATED')
  }
  expect(refusal(() => reader(new Uint8Array(3)).take(4))).toBe('DecodeError ERR_TRUNCATED')
})

test('what is left over is refused', () => {
  expect(refusal(() => reader(new Uint8Array(1)).end())).toBe('DecodeError ERR_TRAILING')
})

test('an integer above 2^53 - 1 is refused', () => {
  expect(reader(fromHex('001fffffffffffff')).u64()).toBe(Number.MAX_SAFE_INTEGER)
  for (const hex of ['0020000000000000', '0020000000000001', 'ffffffffffffffff']) {
    expect(refusal(() => reader(fromHex(hex)).u64())).toBe('DecodeError ERR_MALFORMED')
  }
})
