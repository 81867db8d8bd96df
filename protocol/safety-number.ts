// The safety number: what two people compare to know that they hold each other's account keys.

import type { AccountKey } from './account.ts'
import { compareBytes } from './bytes.ts'
import { hash } from './crypto.ts'

/** Digits in a safety number, and in the half that belongs to one account. */
export const SAFETY_NUMBER_DIGITS = 60
const GROUPS = 6
const GROUP_BYTES = 5

/** 60 digits, the same on both sides: those of the smaller account key, then those of the larger. */
export function safetyNumber(a: AccountKey, b: AccountKey): string {
  const [first, second] = compareBytes(a, b) <= 0 ? [a, b] : [b, a]
  return digitsOf(first) + digitsOf(second)
}

/** For i = 0 to 5: u40(S[5i .. 5i + 5)) mod 100000, five digits each, S = G(64, none, "safety"; account). */
function digitsOf(account: AccountKey): string {
  const digest = hash(64, 'safety', account)
  let digits = ''
  for (let i = 0; i < GROUPS; i += 1) {
    let value = 0
    for (const byte of digest.subarray(i * GROUP_BYTES, (i + 1) * GROUP_BYTES)) {
      value = value * 256 + byte
    }
    digits += String(value % 100_000).padStart(5, '0')
  }
  return digits
}
