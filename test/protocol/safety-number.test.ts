import { expect, test } from 'vitest'
import type { AccountKey } from '../../protocol/account.ts'
import { compareBytes } from '../../protocol/bytes.ts'
import { hash, ready } from '../../protocol/crypto.ts'
import { safetyNumber } from '../../protocol/safety-number.ts'
import { testAccount } from '../support/people.ts'

await ready

const a = testAccount('a').key
const b = testAccount('b').key
const [smaller, larger] = compareBytes(a, b) < 0 ? [a, b] : [b, a]

/** The formula of docs/protocol.md with big integers. */
function digitsOf(account: AccountKey): string {
  const digest = hash(64, 'safety', account)
  return [0, 5, 10, 15, 20, 25]
    .map((at) => digest.slice(at, at + 5).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n))
    .map((value) => String(value % 100_000n).padStart(5, '0'))
    .join('')
}

test('both sides see the same 60 digits', () => {
  expect(safetyNumber(a, b)).toMatch(/^[0-9]{60}$/)
  expect(safetyNumber(a, b)).toBe(safetyNumber(b, a))
})

test('the digits of the smaller key come first', () => {
  expect(safetyNumber(a, b)).toBe(digitsOf(smaller) + digitsOf(larger))
})

test('another account has other digits', () => {
  const numbers = Array.from({ length: 20 }, (_, i) => safetyNumber(a, testAccount(i).key))
  expect(new Set(numbers).size).toBe(20)
})

test('the number of two known accounts is frozen', () => {
  expect(safetyNumber(a, b)).toMatchInlineSnapshot(
    `"973406023139642932935218562814003869682478822045397376935689"`,
  )
})
