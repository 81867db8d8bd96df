import { expect, test } from 'vitest'
import { report, table } from '../../bench/report.ts'
import { median, percentile } from '../../bench/statistics.ts'
import { interleave } from '../../bench/rounds.ts'

test('the median of an even number of values lies between the middle two', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([4, 1, 3, 2])).toBe(2.5)
  expect(median([7])).toBe(7)
  expect(median([])).toBeNaN()
})

test('a percentile is a value that was measured', () => {
  const values = Array.from({ length: 400 }, (_, at) => 400 - at)
  expect(percentile(values, 0.99)).toBe(396)
  expect(percentile(values, 0.5)).toBe(200)
  expect(percentile([7], 0.99)).toBe(7)
  expect(percentile([], 0.5)).toBeNaN()
})

test('rounds are interleaved, and the first is not counted', async () => {
  const order: string[] = []
  const taking = (job: string, values: number[]) => ({
    job,
    subject: 'sotto',
    unit: 'ms' as const,
    run: async () => {
      order.push(job)
      return values.shift() ?? Number.NaN
    },
  })
  const cases = [taking('a', [100, 5, 1, 3]), taking('b', [0, 2, 2, 8])]
  const results = await interleave(cases, 3, () => {})

  expect(order.join('')).toBe('abababab')
  expect(results).toEqual([
    { job: 'a', subject: 'sotto', value: 3, unit: 'ms', min: 1, max: 5 },
    { job: 'b', subject: 'sotto', value: 2, unit: 'ms', min: 2, max: 8 },
  ])
})

test('a report names the machine and prints as a table', () => {
  const results = [
    { job: 'set-up', subject: 'sotto', value: 1234.4, unit: '1/s' as const, min: 1, max: 2000 },
  ]
  const finished = report('ratchet', results)
  expect(Object.keys(finished)).toEqual(['bench', 'machine', 'results'])
  expect(Object.keys(finished.machine)).toEqual(['cpu', 'cores', 'memory', 'node', 'os'])
  expect(finished.machine.memory).toBeGreaterThan(0)
  expect(table(finished)).toBe('set-up  sotto  1234  1/s  1.00 to 2000')
})
