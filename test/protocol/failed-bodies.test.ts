import { expect, test } from 'vitest'
import type { FailedBodies } from '../../protocol/failed-bodies.ts'
import {
  MAX_FAILED_PER_HOUR,
  MAX_FAILED_TOTAL,
  NO_FAILED_BODIES,
  countFailedBody,
  mayTryBody,
} from '../../protocol/failed-bodies.ts'

const HOUR = 3_600_000

test('eight failures in an hour are tried, the ninth waits until the first is an hour old', () => {
  let failed = NO_FAILED_BODIES
  for (let i = 0; i < MAX_FAILED_PER_HOUR; i += 1) {
    expect(mayTryBody(failed, i)).toBe(true)
    failed = countFailedBody(failed, i)
  }
  expect(mayTryBody(failed, HOUR - 1)).toBe(false)
  expect(mayTryBody(failed, HOUR)).toBe(true)
})

test('eight failures at one moment are eight', () => {
  let failed = NO_FAILED_BODIES
  for (let i = 0; i < MAX_FAILED_PER_HOUR; i += 1) failed = countFailedBody(failed, HOUR)
  expect(failed).toEqual({ total: 8, recent: new Array(8).fill(HOUR) })
  expect(mayTryBody(failed, HOUR)).toBe(false)
})

test('after 200 failures without one that opens, none is tried', () => {
  let failed: FailedBodies = NO_FAILED_BODIES
  for (let i = 0; i < MAX_FAILED_TOTAL; i += 1) {
    expect(mayTryBody(failed, i * HOUR)).toBe(true)
    failed = countFailedBody(failed, i * HOUR)
  }
  expect(mayTryBody(failed, MAX_FAILED_TOTAL * HOUR)).toBe(false)
  expect(failed.recent.length).toBeLessThanOrEqual(MAX_FAILED_PER_HOUR)
})

test('a clock that was set back does not keep the session shut', () => {
  let failed = NO_FAILED_BODIES
  for (let i = 0; i < MAX_FAILED_PER_HOUR; i += 1) failed = countFailedBody(failed, 100 * HOUR)
  expect(mayTryBody(failed, HOUR)).toBe(true)
})
