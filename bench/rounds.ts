/**
 * Interleaved rounds: in each round every subject does every job once, so that whatever else the machine does falls on
 * all of them alike. The first round warms up and is not counted.
 */
import type { Result, Unit } from './report.ts'
import { median } from './statistics.ts'

/** One job of one subject; returns the value of this round. */
export interface Case {
  readonly job: string
  readonly subject: string
  readonly unit: Unit
  readonly run: () => Promise<number>
}

/** What a benchmark does, and how it cleans up. */
export interface Bench {
  readonly cases: readonly Case[]
  /** Sentences for the page of results: versions of what is compared, what could not be measured. */
  readonly notes?: readonly string[]
  readonly end?: () => void | Promise<void>
}

/** Runs `rounds` counted rounds and returns one result for each case, in the order of the cases. */
export async function interleave(
  cases: readonly Case[],
  rounds: number,
  progress: (line: string) => void,
): Promise<readonly Result[]> {
  const values = cases.map((): number[] => [])
  for (let round = 0; round <= rounds; round++) {
    for (const [index, one] of cases.entries()) {
      const value = await one.run()
      if (round > 0) values[index]?.push(value)
    }
    progress(round === 0 ? 'warmed up' : `round ${round} of ${rounds}`)
  }
  return cases.map(({ job, subject, unit }, index) => {
    const measured = values[index] ?? []
    const [min, max] = [Math.min(...measured), Math.max(...measured)]
    return { job, subject, value: median(measured), unit, min, max }
  })
}
