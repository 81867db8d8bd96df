/** The one form in which every benchmark answers, and the machine it ran on. */
import { arch, cpus, release, totalmem, type } from 'node:os'

/** The same for all subjects of a job. */
export type Unit = '1/s' | 'ms' | 'µs' | 'B' | 'MiB' | 'share'

export interface Result {
  readonly job: string
  readonly subject: string
  /** Median of the rounds. */
  readonly value: number
  readonly unit: Unit
  readonly min: number
  readonly max: number
}

export interface Report {
  readonly bench: string
  readonly machine: {
    readonly cpu: string
    readonly cores: number
    /** Bytes. */
    readonly memory: number
    readonly node: string
    readonly os: string
  }
  readonly results: readonly Result[]
}

export function report(bench: string, results: readonly Result[]): Report {
  const cores = cpus()
  return {
    bench,
    machine: {
      cpu: cores[0]?.model ?? 'unknown',
      cores: cores.length,
      memory: totalmem(),
      node: process.versions.node,
      os: `${type()} ${release()} ${arch()}`,
    },
    results,
  }
}

/** For people: a line for each result, by job. */
export function table({ results }: Report): string {
  const rows = results.map((result) => [
    result.job,
    result.subject,
    readable(result.value),
    result.unit,
    `${readable(result.min)} to ${readable(result.max)}`,
  ])
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .join('\n')
}

/** Three digits at least. */
export function readable(value: number): string {
  return value >= 100 ? Math.round(value).toString() : value.toPrecision(3)
}
