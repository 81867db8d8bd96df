import { expect, test } from 'vitest'
import { MAX_CLOCK_SKEW } from '../../protocol/record-time.ts'
import {
  FIRST_MESSAGE_TTL_MS,
  PAIR_SHELF_MS,
  SESSION_MAIL_TTL_MS,
  TAKEN_PAIR_MS,
} from '../../mailbox/limits.ts'
import * as life from '../../node/lifetimes.ts'

test('a prekey is kept until the last first message that may name it has been read', () => {
  const { BUNDLE_VALIDITY, FIRST_MESSAGE_TTL, CLOCK_MARGIN, PREKEY_KEPT } = life
  expect(PREKEY_KEPT).toBeGreaterThanOrEqual(BUNDLE_VALIDITY + FIRST_MESSAGE_TTL + CLOCK_MARGIN)
})

test('a one-time pair is kept until the last first message that may name it has been read', () => {
  const { ONE_TIME_VALIDITY, ONE_TIME_KEPT, FIRST_MESSAGE_TTL, CLOCK_MARGIN } = life
  expect(ONE_TIME_KEPT).toBeGreaterThanOrEqual(ONE_TIME_VALIDITY + FIRST_MESSAGE_TTL + CLOCK_MARGIN)
})

test('a pair that is handed out at the end of its shelf life is good as long as a bundle', () => {
  expect(life.ONE_TIME_VALIDITY).toBeGreaterThanOrEqual(life.ONE_TIME_SHELF + life.BUNDLE_VALIDITY)
})

test('a mailbox takes pairs off the shelf when their owner expects it', () => {
  expect(PAIR_SHELF_MS).toBe(life.ONE_TIME_SHELF)
})

test('a mailbox keeps mail for as long as its senders and its owner expect', () => {
  expect(FIRST_MESSAGE_TTL_MS).toBe(life.FIRST_MESSAGE_TTL)
  expect(SESSION_MAIL_TTL_MS).toBe(life.SESSION_MAIL_TTL)
})

test('a mailbox knows which pairs it has given for longer than they count', () => {
  expect(TAKEN_PAIR_MS).toBeGreaterThanOrEqual(life.ONE_TIME_VALIDITY + life.CLOCK_MARGIN)
})

test('a bundle is signed again long before it is stale, and prekeys rotate before that', () => {
  expect(life.BUNDLE_RESIGN).toBeLessThan(life.PREKEY_ROTATION)
  expect(life.PREKEY_ROTATION).toBeLessThan(life.BUNDLE_STALE)
  expect(life.BUNDLE_STALE).toBeLessThan(life.BUNDLE_VALIDITY)
})

test('one put in the DHT may fail before the value lapses', () => {
  expect(2 * life.BUNDLE_REPUBLISH).toBeLessThan(life.DHT_VALUE_KEPT)
})

test('every bundle expires before the certificate in it', () => {
  const { CERTIFICATE_RENEWAL, CERTIFICATE_VALIDITY, BUNDLE_VALIDITY, PREKEY_ROTATION } = life
  expect(CERTIFICATE_VALIDITY).toBeGreaterThan(
    CERTIFICATE_RENEWAL + PREKEY_ROTATION + BUNDLE_VALIDITY,
  )
})

test('a session that only receives outlives the mail that may wait for it', () => {
  expect(life.RECEIVE_ONLY_KEPT).toBeGreaterThanOrEqual(life.SESSION_MAIL_TTL + life.CLOCK_MARGIN)
  expect(life.SKIPPED_KEYS_KEPT).toBeGreaterThanOrEqual(life.SESSION_MAIL_TTL + life.CLOCK_MARGIN)
  expect(life.SEEN_MARKS_KEPT).toBeGreaterThanOrEqual(life.SESSION_MAIL_TTL + life.CLOCK_MARGIN)
})

test('a clock that readers would still follow is no jump', () => {
  expect(life.CLOCK_JUMP).toBeGreaterThan(MAX_CLOCK_SKEW)
})
