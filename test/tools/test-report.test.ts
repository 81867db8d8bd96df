import { expect, test } from 'vitest'
import { readReport } from '../../tools/test-report.ts'

const file = (status: string, ...tests: readonly (readonly [string, string])[]) => ({
  status,
  assertionResults: tests.map(([name, result]) => ({ fullName: name, status: result })),
})

const report = (passed: number, failed: number, testResults: readonly object[]): string =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, testResults })

test('passed and failed tests are counted', () => {
  const json = report(1, 1, [file('failed', ['a', 'passed'], ['b', 'failed'])])
  expect(readReport(json)).toEqual({ passed: 1, failed: 1, skipped: [] })
})

test('a file that does not load is a failure, though no test of it failed', () => {
  const json = report(1, 0, [file('passed', ['a', 'passed']), file('failed')])
  expect(readReport(json)).toEqual({ passed: 1, failed: 1, skipped: [] })
})

test('tests that did not run are named', () => {
  const json = report(1, 0, [file('passed', ['a', 'passed'], ['b', 'pending'], ['c', 'todo'])])
  expect(readReport(json)).toEqual({ passed: 1, failed: 0, skipped: ['b', 'c'] })
})
