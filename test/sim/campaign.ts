// Figures of many runs, added up.
import { turns } from './clock.ts'
import { addFaults, countsOf, FAULTS, NO_FAULTS, type FaultCounts } from './faults.ts'
import { run, type RunReport } from './run.ts'

export interface Figures {
  readonly seeds: number
  readonly asked: number
  readonly accepted: number
  readonly positions: number
  readonly events: number
  readonly faults: FaultCounts
  /** Seeds in which a fault occurred at all. */
  readonly met: FaultCounts
  /** Seeds of which something did not hold. */
  readonly failed: readonly number[]
}

export const NO_FIGURES: Figures = {
  ...{ seeds: 0, asked: 0, accepted: 0, positions: 0, events: 0 },
  faults: NO_FAULTS,
  met: NO_FAULTS,
  failed: [],
}

export function addReport(figures: Figures, report: RunReport): Figures {
  const { seed, problems, asked, accepted, positions, events, faults } = report
  return {
    seeds: figures.seeds + 1,
    asked: figures.asked + asked,
    accepted: figures.accepted + accepted,
    positions: figures.positions + positions,
    events: figures.events + events,
    faults: addFaults(figures.faults, faults),
    met: addFaults(
      figures.met,
      countsOf((fault) => Math.min(1, faults[fault])),
    ),
    failed: problems.length === 0 ? figures.failed : [...figures.failed, seed],
  }
}

/** Every fault has to occur in one of so many seeds. */
const RARELY = 20

/** Faults that occur too rarely. */
export function rareFaults({ seeds, met }: Figures): readonly string[] {
  return FAULTS.filter((fault) => met[fault] * RARELY < seeds).map(
    (fault) => `${fault}: in ${met[fault]} of ${seeds} seeds`,
  )
}

/** In which a run takes a turn, on the slowest machine. */
const PATIENCE_MS = 10_000

/** What work gives; rejects when no run has taken a turn for `patienceMs` of real time: what it waits for never comes. */
export async function orStuck<T>(work: Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  let timer: ReturnType<typeof setInterval> | undefined
  const stuck = new Promise<never>((_resolve, reject) => {
    let before = -1
    timer = setInterval(() => {
      if (turns() === before) reject(new Error('it waits for something that never comes'))
      before = turns()
    }, patienceMs)
  })
  try {
    return await Promise.race([work, stuck])
  } finally {
    clearInterval(timer)
  }
}

/** A run; what it threw is a problem like any other, and so is that it never ends. */
export async function runSafely(seed: number): Promise<RunReport> {
  try {
    return await orStuck(run(seed))
  } catch (cause) {
    const problems = [cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)]
    const nothing = { asked: 0, accepted: 0, positions: 0, events: 0, trace: '' }
    return { seed, problems, faults: NO_FAULTS, ...nothing }
  }
}

/** What does not hold in runs of seeds, the last one included, each with what runs it again; and faults that were met too rarely. */
export async function itHolds(from: number, to: number): Promise<readonly string[]> {
  let figures = NO_FIGURES
  const wrong: string[] = []
  for (let seed = from; seed <= to; seed++) {
    const report = await runSafely(seed)
    figures = addReport(figures, report)
    wrong.push(...report.problems.map((problem) => `${problem}: ${replayCommand(seed)}`))
  }
  return [...wrong, ...rareFaults(figures)]
}

/** What runs a seed again. */
export function replayCommand(seed: number): string {
  return `npm run campaign -- sim --seed ${seed}`
}
