/**
 * Generated inputs for every parser that is exposed to bytes from outside, until each has had its share.
 *
 *   npm run campaign -- parsers [--inputs 1000000] [--for 10m] [--seed S] [--state FILE] [--only NAME] [--replay NUMBER]
 *
 * With `--state` a later run goes on where this one ended, under the same seed. A failure is shown with the command that runs
 * its input again.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parseDuration } from '../cli/duration.ts'
import { allParsers } from '../test/campaign/all-parsers.ts'
import type { Parser } from '../test/campaign/parser.ts'
import type { Counts } from '../test/campaign/run.ts'
import { NO_COUNTS, replay, runParser } from '../test/campaign/run.ts'

interface State {
  readonly seed: string
  readonly parsers: Readonly<Record<string, Counts>>
}

/** Inputs of one parser before the next has its turn. */
const TURN = 5000

/** Memory may grow by so much after the first round: caches of the engine, not what was read. */
const MAX_GROWTH_MIB = 32

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    inputs: { type: 'string', default: '1000000' },
    for: { type: 'string' },
    seed: { type: 'string' },
    state: { type: 'string' },
    only: { type: 'string', default: '' },
    replay: { type: 'string' },
  },
})
const target = Number(values.inputs)
const limit = values.for === undefined ? Infinity : (parseDuration(values.for) ?? 0)
if (positionals.join() !== 'parsers' || !Number.isSafeInteger(target) || limit === 0) {
  process.stderr.write(
    'npm run campaign -- parsers [--inputs 1000000] [--for 10m] [--seed S] [--state FILE] [--only NAME] [--replay NUMBER]\n',
  )
  process.exit(2)
}

const all = await allParsers()
const exact = all.filter(({ name }) => name === values.only)
const parsers = exact.length > 0 ? exact : all.filter(({ name }) => name.includes(values.only))
const stored =
  values.state !== undefined && existsSync(values.state) ? load(values.state) : undefined
const seed = values.seed ?? stored?.seed ?? 'sotto'
if (stored !== undefined && stored.seed !== seed) {
  throw new Error(`the state is of the seed ${stored.seed}`)
}

if (values.replay === undefined) {
  Error.stackTraceLimit = 0 // refusals by the million, and nobody looks at them
  process.exitCode = await campaign()
} else {
  const number = Number(values.replay)
  for (const entry of parsers) write(`${entry.name}: ${await replay(entry, seed, number)}`)
}

/** The exit code: 1 where a law was broken. */
async function campaign(): Promise<number> {
  let state: State = { seed, parsers: stored?.parsers ?? {} }
  let stopped = false
  process.once('SIGINT', () => (stopped = true)).once('SIGTERM', () => (stopped = true))
  const started = performance.now()
  const isOver = (): boolean => stopped || performance.now() - started > limit
  const memory: number[] = []
  while (!isOver() && parsers.some((entry) => countsOf(state, entry).inputs < target)) {
    for (const entry of parsers) {
      const before = countsOf(state, entry)
      const until = Math.min(target, before.inputs + TURN)
      const counts = await runParser(entry, seed, before, { until, isOver })
      state = { seed, parsers: { ...state.parsers, [entry.name]: counts } }
      for (const { input, reason } of counts.failures.slice(before.failures.length)) {
        write(`${entry.name}: ${reason}\n  ${replayCommand(entry, input)}`)
      }
    }
    if (values.state !== undefined) save(values.state, state)
    memory.push(await memoryMiB())
  }
  return report(state, memory)
}

function countsOf(state: State, { name }: Parser): Counts {
  return state.parsers[name] ?? NO_COUNTS
}

function report(state: State, memory: readonly number[]): number {
  write('  inputs   accepted   failures   mean us   worst ms  parser')
  for (const entry of parsers) {
    const { inputs, accepted, failures, ms, worstMs } = countsOf(state, entry)
    const mean = inputs === 0 ? 0 : (1000 * ms) / inputs
    const cells = [inputs, accepted, failures.length, mean.toFixed(1), worstMs.toFixed(1)]
    write(`${cells.map((cell) => String(cell).padStart(8)).join('   ')}  ${entry.name}`)
  }
  const counts = parsers.map((entry) => countsOf(state, entry))
  const sum = (of: (one: Counts) => number): number => counts.reduce((n, one) => n + of(one), 0)
  const failures = sum((one) => one.failures.length)
  const least = Math.min(...counts.map(({ inputs }) => inputs))
  write(`${parsers.length} parsers, ${sum((one) => one.inputs)} inputs, at least ${least} each`)
  write(`seed ${seed}, ${(sum((one) => one.ms) / 60_000).toFixed(1)} min of a processor`)
  const [first = 0, last = first] = [memory[0], memory.at(-1)]
  write(
    `memory: ${first.toFixed(0)} MiB after the first round, ${last.toFixed(0)} MiB after the last`,
  )
  write(`${failures} failures`)
  return failures > 0 || last - first > MAX_GROWTH_MIB ? 1 : 0
}

/** What is in use after the garbage was collected; buffers are let go in the turn after that. */
async function memoryMiB(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i += 1) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 2 ** 20
}

function replayCommand({ name }: Parser, input: number): string {
  return `npm run campaign -- parsers --seed '${seed}' --only '${name}' --replay ${input}`
}

function load(file: string): State {
  return JSON.parse(readFileSync(file, 'utf8')) as State
}

function save(file: string, state: State): void {
  writeFileSync(`${file}.new`, JSON.stringify(state, undefined, 1))
  renameSync(`${file}.new`, file)
}

function write(line: string): void {
  process.stdout.write(`${line}\n`)
}
