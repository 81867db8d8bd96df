import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import {
  isCanonicalEd25519,
  isCanonicalX25519,
  isLowOrderX25519,
  isReducedKemKey,
} from '../../protocol/public-keys.ts'

const PRIME = 2n ** 255n - 19n

const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes.toReversed())}`)
const bytesOf = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))

/** Numbers anywhere, and close to the prime, with and without the top bit. */
const value = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
  fc.bigInt({ min: PRIME - 300n, max: 2n ** 255n - 1n }),
  fc.bigInt({ min: 2n ** 255n + PRIME - 300n, max: 2n ** 256n - 1n }),
)

test('a canonical coordinate is a number below the prime', () => {
  fc.assert(
    fc.property(value, (number) => {
      const bytes = bytesOf(number)
      expect(numberOf(bytes)).toBe(number)
      expect(isCanonicalX25519(bytes)).toBe(number < PRIME)
      expect(isCanonicalEd25519(bytes)).toBe(number % 2n ** 255n < PRIME)
    }),
    { numRuns: 1000 },
  )
})

test('the base point is not of low order', () => {
  expect(isLowOrderX25519(bytesOf(9n))).toBe(false)
  expect(isLowOrderX25519(bytesOf(0n))).toBe(true)
})

test('each coefficient of a KEM key is below 3329, whatever the seed behind them', () => {
  for (let index = 0; index < 768; index += 1) {
    expect(isReducedKemKey(kemKey(index, 3328))).toBe(true)
    expect(isReducedKemKey(kemKey(index, 3329))).toBe(false)
  }
})

/** 768 coefficients of 12 bits, little-endian, one of them not zero; a seed of ones. */
function kemKey(index: number, coefficient: number): Uint8Array {
  const bytes = new Uint8Array(1184).fill(0xff, 1152)
  const at = Math.floor(index / 2) * 3
  const pair = index % 2 === 0 ? coefficient : coefficient << 12
  for (let i = 0; i < 3; i += 1) bytes[at + i] = pair >> (8 * i)
  return bytes
}
