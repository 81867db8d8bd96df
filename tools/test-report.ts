/** Reads what vitest's JSON reporter writes: counts only. */

export interface Counts {
  readonly passed: number
  readonly failed: number
  /** Full names of the tests that did not run. */
  readonly skipped: readonly string[]
}

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly {
    readonly status: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

const RAN = ['passed', 'failed']

/** A file that failed without a failed test in it (it did not load) counts as one failure. */
export function readReport(json: string): Counts {
  const report = JSON.parse(json) as Report
  const brokenFiles = report.testResults.filter(
    (file) =>
      file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  )
  const all = report.testResults.flatMap((file) => file.assertionResults)
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles.length,
    skipped: all.filter((test) => !RAN.includes(test.status)).map((test) => test.fullName),
  }
}
