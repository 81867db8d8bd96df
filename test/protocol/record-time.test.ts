import { expect, test } from 'vitest'
import { checkValidity, MAX_CLOCK_SKEW } from '../../protocol/record-time.ts'
import { refusal } from '../support/refusals.ts'

const record = { issuedAt: 1_000_000, expiresAt: 2_000_000 }

test('a record counts from ten minutes before its issue until its expiry', () => {
  expect(MAX_CLOCK_SKEW).toBe(600_000)
  expect(() => checkValidity(record, 400_000)).not.toThrow()
  expect(refusal(() => checkValidity(record, 399_999))).toBe('RecordError ERR_NOT_YET_VALID')
  expect(() => checkValidity(record, 1_999_999)).not.toThrow()
  expect(refusal(() => checkValidity(record, 2_000_000))).toBe('RecordError ERR_EXPIRED')
})

test('a record that does not end after it begins never counts', () => {
  const empty = { issuedAt: 1_000_000, expiresAt: 1_000_000 }
  expect(refusal(() => checkValidity(empty, 999_999))).toBe('RecordError ERR_EXPIRED')
})
