/**
 * The cores of node/ and mailbox/ on a simulated wire, disk, clock and chance, one seed after the other.
 *
 *   npm run campaign -- sim [--from 1] [--seeds 200] [--for 60m] [--state FILE] [--processes 1] [--until-failure] [--seed N]
 *
 * With `--state` a later run goes on where this one ended and adds up its figures. `--seed` runs one again, and shows all of it.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { parseDuration } from '../cli/duration.ts'
import { addReport, rareFaults, replayCommand, runSafely } from '../test/sim/campaign.ts'
import { FAULTS } from '../test/sim/faults.ts'
import type { RunReport } from '../test/sim/run.ts'
import { cpuMs, loadState, saveState, type State } from './sim-state.ts'

/** Seeds of one process between two writes of the state. */
const SAVE_EVERY = 5

const USAGE =
  'npm run campaign -- sim [--from 1] [--seeds 200] [--for 60m] [--state FILE] [--processes 1] [--until-failure] [--seed N]\n'

interface Done {
  readonly report: RunReport
  readonly cpuMs: number
}

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    from: { type: 'string' },
    seeds: { type: 'string' },
    for: { type: 'string' },
    state: { type: 'string' },
    processes: { type: 'string', default: '1' },
    'until-failure': { type: 'boolean', default: false },
    seed: { type: 'string' },
  },
})
const limit = values.for === undefined ? Infinity : (parseDuration(values.for) ?? 0)
const seeds = Number(values.seeds ?? (values.for === undefined ? 200 : Number.MAX_SAFE_INTEGER))
const processes = Number(values.processes)
const given = [seeds, processes, Number(values.from ?? 1), Number(values.seed ?? 1)]
if (limit === 0 || !given.every((number) => Number.isSafeInteger(number) && number > 0)) {
  process.stderr.write(USAGE)
  process.exit(2)
}

process.exitCode = values.seed === undefined ? await campaign() : await replay(Number(values.seed))

/** The exit code: 1 where something did not hold. */
async function campaign(): Promise<number> {
  let stopped = false
  process.once('SIGINT', () => (stopped = true)).once('SIGTERM', () => (stopped = true))
  const began = performance.now()
  const isOver = (): boolean => stopped || performance.now() - began >= limit
  const loaded = loadState(values.state)
  const first = values.from === undefined ? loaded.next : Number(values.from)
  let state = { ...loaded, next: first }
  const workers = processes > 1 ? Array.from({ length: processes }, startWorker) : []
  const step = values['until-failure'] ? processes : SAVE_EVERY * processes
  while (state.next < first + seeds && !isOver()) {
    const end = Math.min(first + seeds, state.next + step)
    for (const done of await runAll(workers, state.next, end, isOver)) state = add(state, done)
    saveState(values.state, state)
    if (values['until-failure'] && state.figures.failed.length > 0) break
  }
  for (const worker of workers) worker.disconnect()
  tell(state)
  return state.figures.failed.length > 0 ? 1 : 0
}

function startWorker(): ChildProcess {
  return fork(new URL('sim-worker.ts', import.meta.url).pathname)
}

/** Runs seeds from `next` up to and without `end`, until it is over; in their order. */
async function runAll(
  workers: readonly ChildProcess[],
  next: number,
  end: number,
  isOver: () => boolean,
): Promise<readonly Done[]> {
  const all: Done[] = []
  let seed = next
  const work = async (run: (one: number) => Promise<Done>): Promise<void> => {
    while (seed < end && !isOver()) all.push(await run(seed++))
  }
  if (workers.length === 0) await work(runHere)
  else await Promise.all(workers.map((worker) => work((one) => runThere(worker, one))))
  return all.toSorted((a, b) => a.report.seed - b.report.seed)
}

async function runHere(seed: number): Promise<Done> {
  const before = cpuMs()
  const report = await runSafely(seed)
  return { report, cpuMs: cpuMs() - before }
}

async function runThere(worker: ChildProcess, seed: number): Promise<Done> {
  const over = new AbortController()
  const { signal } = over
  const ended = once(worker, 'exit', { signal }).then(() => {
    throw new Error(`the process of seed ${seed} has ended`)
  })
  worker.send(seed)
  try {
    const [done] = (await Promise.race([once(worker, 'message', { signal }), ended])) as [Done]
    return done
  } finally {
    over.abort()
  }
}

function add(state: State, { report, cpuMs: used }: Done): State {
  if (report.problems.length > 0) {
    write(`seed ${report.seed}: ${report.problems.join('\n  ')}\n  ${replayCommand(report.seed)}`)
  }
  const figures = addReport(state.figures, report)
  return { ...state, next: report.seed + 1, cpuMs: state.cpuMs + used, figures }
}

async function replay(seed: number): Promise<number> {
  const { problems, faults, ...rest } = await runSafely(seed)
  write(JSON.stringify({ ...rest, faults }, undefined, 2))
  for (const problem of problems) write(problem)
  return problems.length > 0 ? 1 : 0
}

function tell({ next: after, cpuMs: used, figures, sources }: State): void {
  const { seeds: count, asked, accepted, positions, events, faults, met, failed } = figures
  for (const fault of FAULTS) {
    write(`${String(faults[fault]).padStart(10)}  ${fault}, in ${met[fault]} seeds`)
  }
  for (const fault of rareFaults(figures)) write(`too rare: ${fault}`)
  for (const { from } of sources.slice(1)) write(`the sources have changed before seed ${from}`)
  write(`${asked} messages, ${accepted} accepted; ${positions} positions, ${events} events`)
  write(`${count} seeds, ${(used / 60_000).toFixed(1)} min of a processor; next is ${after}`)
  write(`${failed.length} failed${failed.length === 0 ? '' : `: ${failed.join(', ')}`}`)
}

function write(line: string): void {
  process.stdout.write(`${line}\n`)
}
