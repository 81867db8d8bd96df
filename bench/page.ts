/** A run as a section of docs/benchmarks.md: how it was made, what was measured, and what became of the goals. */
import { judge, type Figure, type Goal, type Judged } from './goals.ts'
import { readable, type Report, type Result } from './report.ts'

/** What stands in the section besides the report. */
export interface Run {
  /** What was typed. */
  readonly command: string
  /** As in 2026-11-22. */
  readonly date: string
  readonly rounds: number
  /** Load averages over one minute, before and after. */
  readonly load: readonly [number, number]
  /** Sentences. */
  readonly notes: readonly string[]
}

/** The section, without the markers around it; formatted as the formatter wants it. */
export function section(report: Report, run: Run): string {
  const judged = judge(report.bench, report.results)
  const parts = [heading(report, run), markdownTable(resultRows(report.results))]
  if (judged.length > 0) parts.push(markdownTable(goalRows(judged)))
  return parts.join('\n\n')
}

/**
 * Puts a section between `<!-- NAME -->` and `<!-- end of NAME -->`, in place of what stands there. Throws when the page has
 * no such markers.
 */
export function replaceSection(page: string, name: string, text: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`]
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`The page has no place for ${name}`)
  return `${page.slice(0, from)}${begin}\n\n${text}\n\n${page.slice(to)}`
}

function heading({ machine }: Report, { command, date, rounds, load, notes }: Run): string {
  const gib = Math.round(machine.memory / 2 ** 30)
  const [before, after] = load.map((value) => value.toFixed(1))
  return [
    `\`${command}\` on ${date}: median of ${rounds} rounds, smallest and largest in brackets. ${machine.cpu},`,
    `${machine.cores} cores, ${gib} GiB, ${machine.os}, Node.js ${machine.node}; load average ${before} before, ${after} after.`,
    ...notes,
  ].join('\n')
}

/** A row for each job, a column for each subject. */
function resultRows(results: readonly Result[]): readonly (readonly string[])[] {
  const jobs = [...new Set(results.map(({ job }) => job))]
  const subjects = [...new Set(results.map(({ subject }) => subject))]
  const rows = jobs.map((job) => {
    const ofJob = results.filter((result) => result.job === job)
    const cells = subjects.map((subject) => {
      const result = ofJob.find((candidate) => candidate.subject === subject)
      return result === undefined ? '' : cellOf(result)
    })
    return [`\`${job}\``, ofJob[0]?.unit ?? '', ...cells]
  })
  return [['job', 'unit', ...subjects], ...rows]
}

function cellOf({ value, min, max }: Result): string {
  const range = min === max ? '' : ` (${rounded(min)} to ${rounded(max)})`
  return `${rounded(value)}${range}`
}

function goalRows(judged: readonly Judged[]): readonly (readonly string[])[] {
  const rows = judged.map(({ goal, measured, verdict }) => [
    termOf(goal),
    limitOf(goal, goal.must),
    limitOf(goal, goal.boast),
    measured === undefined ? '' : rounded(measured),
    verdict,
  ])
  return [['goal', 'must', 'boast', 'measured', 'verdict'], ...rows]
}

function termOf({ of, by }: Goal): string {
  if (by === undefined) return nameOf(of)
  return of.job === by.job
    ? `\`${of.job}\`: ${of.subject} / ${by.subject}`
    : `${nameOf(of)} / ${nameOf(by)}`
}

function nameOf({ job, subject }: Figure): string {
  return `\`${job}\` of ${subject}`
}

function limitOf({ bound }: Goal, limit: number | undefined): string {
  return limit === undefined ? '' : `at ${bound} ${rounded(limit)}`
}

/** Three digits at least, without zeros that say nothing. */
function rounded(value: number): string {
  return String(Number(readable(value)))
}

/** The first row is the head. Columns are as wide as their widest cell. */
function markdownTable(rows: readonly (readonly string[])[]): string {
  const columns = rows[0]?.length ?? 0
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const padded = rows.map((row) =>
    line(widths.map((width, column) => (row[column] ?? '').padEnd(width))),
  )
  const rule = line(widths.map((width) => '-'.repeat(width)))
  return [padded[0], rule, ...padded.slice(1)].join('\n')
}
