/**
 * The cores of node/ and mailbox/ on a simulated wire, disk, clock and chance, one seed after the other.
 *
 *   npm run campaign -- sim [--from 1] [--seeds 200] [--for 60m] [--state FILE] [--until-failure] [--seed N]
 *
 * With `--state` a later run goes on where this one ended and adds up its figures. `--seed` runs one again, and shows all of it.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parseDuration } from '../cli/duration.ts'
import { addReport, NO_FIGURES, replayCommand, runSafely } from '../test/sim/campaign.ts'
import type { Figures } from '../test/sim/campaign.ts'
import { FAULTS } from '../test/sim/faults.ts'

interface State {
  /** The seed that comes next. */
  readonly next: number
  readonly cpuMs: number
  readonly figures: Figures
}

/** Seeds between two writes of the state. */
const SAVE_EVERY = 20

const USAGE =
  'npm run campaign -- sim [--from 1] [--seeds 200] [--for 60m] [--state FILE] [--until-failure] [--seed N]\n'

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    from: { type: 'string' },
    seeds: { type: 'string' },
    for: { type: 'string' },
    state: { type: 'string' },
    'until-failure': { type: 'boolean', default: false },
    seed: { type: 'string' },
  },
})
const limit = values.for === undefined ? Infinity : (parseDuration(values.for) ?? 0)
const seeds = Number(values.seeds ?? (values.for === undefined ? 200 : Number.MAX_SAFE_INTEGER))
const given = [seeds, Number(values.from ?? 1), Number(values.seed ?? 1)]
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
  const fresh = { next: 1, cpuMs: 0, figures: NO_FIGURES }
  let state = values.state !== undefined && existsSync(values.state) ? load(values.state) : fresh
  if (values.from !== undefined) state = { ...state, next: Number(values.from) }
  for (let left = seeds; left > 0 && !stopped && performance.now() - began < limit; left--) {
    state = await next(state)
    if (left % SAVE_EVERY === 0) save(state)
    if (values['until-failure'] && state.figures.failed.length > 0) break
  }
  save(state)
  tell(state)
  return state.figures.failed.length > 0 ? 1 : 0
}

async function next(state: State): Promise<State> {
  const before = process.cpuUsage()
  const report = await runSafely(state.next)
  const { user, system } = process.cpuUsage(before)
  if (report.problems.length > 0) {
    write(`seed ${report.seed}: ${report.problems.join('\n  ')}\n  ${replayCommand(report.seed)}`)
  }
  const cpuMs = state.cpuMs + (user + system) / 1_000
  return { next: state.next + 1, cpuMs, figures: addReport(state.figures, report) }
}

async function replay(seed: number): Promise<number> {
  const { problems, faults, ...rest } = await runSafely(seed)
  write(JSON.stringify({ ...rest, faults }, undefined, 2))
  for (const problem of problems) write(problem)
  return problems.length > 0 ? 1 : 0
}

function tell({ next: after, cpuMs, figures }: State): void {
  const { seeds: count, asked, accepted, positions, events, faults, met, failed } = figures
  for (const fault of FAULTS) {
    write(`${String(faults[fault]).padStart(10)}  ${fault}, in ${met[fault]} seeds`)
  }
  write(`${asked} messages, ${accepted} accepted; ${positions} positions, ${events} events`)
  write(`${count} seeds, ${(cpuMs / 60_000).toFixed(1)} min of a processor; next is ${after}`)
  write(`${failed.length} failed${failed.length === 0 ? '' : `: ${failed.join(', ')}`}`)
}

function load(file: string): State {
  return JSON.parse(readFileSync(file, 'utf8')) as State
}

function save(state: State): void {
  if (values.state === undefined) return
  writeFileSync(`${values.state}.new`, JSON.stringify(state))
  renameSync(`${values.state}.new`, values.state)
}

function write(line: string): void {
  process.stdout.write(`${line}\n`)
}
