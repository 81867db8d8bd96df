/** What each benchmark has to reach, and whether a run did. A goal is about one figure, or about one divided by another. */
import type { Result } from './report.ts'

/** One result of a run. */
export interface Figure {
  readonly job: string
  readonly subject: string
}

export interface Goal {
  readonly of: Figure
  /** What it is divided by, if it is a ratio. */
  readonly by?: Figure
  /** Absent where nothing is demanded. */
  readonly must?: number
  /** Worth boasting of. */
  readonly boast?: number
  /** Whether the measured value has to be at least or at most these. */
  readonly bound: 'least' | 'most'
}

export interface Judged {
  readonly goal: Goal
  /** Undefined when the run has no such figure. */
  readonly measured: number | undefined
  readonly verdict: 'missed' | 'met' | 'boast' | 'no boast' | 'not measured'
}

/** Compares the medians of a run with the goals of its benchmark, in the order of the goals. */
export function judge(bench: string, results: readonly Result[]): readonly Judged[] {
  return (GOALS[bench] ?? []).map((goal) => {
    const measured = measure(goal, results)
    return { goal, measured, verdict: verdictOf(goal, measured) }
  })
}

/** Goals by benchmark. */
const GOALS: Readonly<Record<string, readonly Goal[]>> = {
  ratchet: [
    rate('one-way-32B', 'libsignal-client', 8, 15),
    rate('one-way-32B', 'olm', 1.5, 2.5),
    rate('one-way-1KiB', 'olm', 3, 5),
    rate('ping-pong', 'libsignal-client', 1.3, 2),
    rate('ping-pong', 'olm', 2, 3),
    rate('set-up', 'libsignal-client', 1, 1.6),
    {
      of: { job: 'set-up', subject: 'floor' },
      by: { job: 'set-up', subject: 'sotto' },
      must: 1.3,
      boast: 1.15,
      bound: 'most',
    },
    portion('reversed-1000', 'libsignal-client', 1 / 10, 1 / 40),
    { of: { job: 'overhead-32B', subject: 'sotto' }, must: 104, boast: 102, bound: 'most' },
    portion('first-message', 'libsignal-client', 0.95, 0.88),
    portion('session-state', 'libsignal-client', 1 / 2, 1 / 5),
    { ...rate('set-up', 'libsignal-client', 0.8), of: { job: 'set-up', subject: 'sotto-wasm' } },
    {
      ...rate('ping-pong', 'libsignal-client', 1.2),
      of: { job: 'ping-pong', subject: 'sotto-wasm' },
    },
  ],
  mailbox: [
    rate('deposit-64', 'limit', 0.6, 0.8),
    rate('drain', 'limit', 0.6, 0.8),
    portion('deposit-p50', 'limit', 1.5),
    portion('deposit-p99', 'limit', 1.5),
    rate('deposit-64', 'redis', undefined, 0.8),
    rate('deposit-64', 'jetstream', undefined, 2),
  ],
  oracle: ['deposit', 'bundle'].map((subject) => ({
    of: { job: 'worst', subject },
    must: 0.6,
    bound: 'most',
  })),
  flood: [
    {
      of: { job: 'flooded-p99', subject: 'sotto' },
      by: { job: 'quiet-p99', subject: 'sotto' },
      must: 5,
      bound: 'most',
    },
    { of: { job: 'flooded-p99', subject: 'sotto' }, must: 2000, bound: 'most' },
  ],
}

/** Ours is so many times faster. */
function rate(job: string, peer: string, must?: number, boast?: number): Goal {
  return { ...ratio(job, peer, must, boast), bound: 'least' }
}

/** Ours is such a part of theirs. */
function portion(job: string, peer: string, must: number, boast?: number): Goal {
  return { ...ratio(job, peer, must, boast), bound: 'most' }
}

function ratio(job: string, peer: string, must?: number, boast?: number): Omit<Goal, 'bound'> {
  const figures = { of: { job, subject: 'sotto' }, by: { job, subject: peer } }
  return {
    ...figures,
    ...(must === undefined ? {} : { must }),
    ...(boast === undefined ? {} : { boast }),
  }
}

function measure({ of, by }: Goal, results: readonly Result[]): number | undefined {
  const value = find(of, results)
  const divisor = by === undefined ? 1 : find(by, results)
  return value === undefined || divisor === undefined ? undefined : value / divisor
}

function find({ job, subject }: Figure, results: readonly Result[]): number | undefined {
  return results.find((result) => result.job === job && result.subject === subject)?.value
}

function verdictOf({ must, boast, bound }: Goal, measured: number | undefined): Judged['verdict'] {
  if (measured === undefined) return 'not measured'
  const reaches = (limit: number): boolean =>
    bound === 'least' ? measured >= limit : measured <= limit
  if (must !== undefined && !reaches(must)) return 'missed'
  if (boast !== undefined && reaches(boast)) return 'boast'
  return must === undefined ? 'no boast' : 'met'
}
