import { expect, test } from 'vitest'
import { judge } from '../../bench/goals.ts'
import type { Result } from '../../bench/report.ts'

function result(job: string, subject: string, value: number): Result {
  return { job, subject, value, unit: '1/s', min: value, max: value }
}

/** The verdict on the goal that is about these figures. */
function verdict(results: readonly Result[], job: string, by?: string): string | undefined {
  return judge('ratchet', results).find(
    ({ goal }) => goal.of.job === job && goal.of.subject === 'sotto' && goal.by?.subject === by,
  )?.verdict
}

test.each([
  [7.99, 'missed'],
  [8, 'met'],
  [14.9, 'met'],
  [15, 'boast'],
])('a rate %s times the other one is %s', (times, expected) => {
  const results = [
    result('one-way-32B', 'sotto', 100 * times),
    result('one-way-32B', 'libsignal-client', 100),
  ]
  expect(verdict(results, 'one-way-32B', 'libsignal-client')).toBe(expected)
})

test.each([
  [105, 'missed'],
  [104, 'met'],
  [102, 'boast'],
])('%s bytes of overhead are %s', (bytes, expected) => {
  expect(verdict([result('overhead-32B', 'sotto', bytes)], 'overhead-32B')).toBe(expected)
})

test.each([
  [1.9, 'no boast'],
  [2, 'boast'],
])('of what is not demanded, a rate %s times the other one is %s', (times, expected) => {
  const results = [
    result('deposit-64', 'sotto', 100 * times),
    result('deposit-64', 'jetstream', 100),
  ]
  const judged = judge('mailbox', results)
  expect(judged.find(({ goal }) => goal.by?.subject === 'jetstream')?.verdict).toBe(expected)
})

test('a figure that is not there is not judged', () => {
  const ours = [result('one-way-32B', 'sotto', 100)]
  expect(verdict(ours, 'one-way-32B', 'libsignal-client')).toBe('not measured')
  expect(judge('ratchet', []).every((one) => one.verdict === 'not measured')).toBe(true)
  expect(judge('delivery', ours)).toEqual([])
})

test('the floor may be faster by so much, not we', () => {
  const setUp = (sotto: number): string | undefined =>
    judge('ratchet', [result('set-up', 'floor', 130), result('set-up', 'sotto', sotto)]).find(
      ({ goal }) => goal.of.subject === 'floor',
    )?.verdict
  expect(setUp(99)).toBe('missed')
  expect(setUp(100)).toBe('met')
  expect(setUp(130)).toBe('boast')
})
