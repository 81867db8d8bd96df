/**
 * Mutation testing of protocol/ with Stryker:
 *
 *   npm run mutate -- [--file protocol/reader.ts]... [--group codec]... [--resume | --force | --page] [--timeouts]
 *     [--workers N] [--state FOLDER]
 *
 * Without file or group: everything. What was run before is run again only where its source or its tests changed, as far
 * as Stryker's own record in the state folder goes. --force runs all of it, --timeouts what timed out; --resume passes
 * over files whose source is the one in the results; --page runs nothing and writes the page of the results. Results are
 * written every few files, so that a run which was stopped goes on with --resume. Exit code 1 when a score is too low or
 * a survivor has no argument: `why` in tools/mutation/results.json, written by hand, kept from run to run.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { format, resolveConfig } from 'prettier'
import {
  type FileResult,
  groupNames,
  groupOf,
  groups,
  hashOf,
  page,
  type Results,
  score,
  withArguments,
} from './mutation-results.ts'
import { ensureTools, root, tools } from './tools.ts'

const folder = `${tools}/mutation`
const RESULTS = `${folder}/results.json`
const PAGE = `${root}docs/mutation.md`
/** A Stryker run begins with all tests once, some 10 s; its results are lost when it is stopped. */
const FILES_PER_RUN = 4

/** What we read of Stryker's report (mutation-testing-report-schema). */
interface Report {
  readonly files: Readonly<Record<string, { source: string; mutants: readonly Mutant[] }>>
}

interface Mutant {
  readonly status: string
  /** Run when the module loads. */
  readonly static?: boolean
  readonly replacement?: string
  readonly location: { readonly start: Position; readonly end: Position }
}

interface Position {
  readonly line: number
  readonly column: number
}

const { values } = parseArgs({
  options: {
    file: { type: 'string', multiple: true, default: [] },
    group: { type: 'string', multiple: true, default: [] },
    workers: { type: 'string', default: '1' },
    timeouts: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
    resume: { type: 'boolean', default: false },
    force: { type: 'boolean', default: false },
    state: { type: 'string', default: `${root}node_modules/.cache/sotto-mutation` },
  },
})

const wanted = wantedFiles()
if (wanted.length === 0) {
  process.stderr.write(`no such file or group; groups: ${groupNames.join(', ')}, all\n`)
  process.exit(2)
}
if (!values.page) await run(values.resume ? wanted.filter(isStale) : wanted)
await save({})
process.exitCode = verdict()

/**
 * So that they are run again: survivors in what a module does when it loads, for which Stryker does not look at new
 * tests, and if wanted what timed out, for a machine that is too busy looks like a fault that runs for ever.
 */
function forgetUnsure(): void {
  const path = join(values.state, 'incremental.json')
  if (!existsSync(path)) return
  const { files, ...rest } = JSON.parse(readFileSync(path, 'utf8')) as Report
  const kept = Object.entries(files).map(([name, { mutants, ...file }]) => {
    const sure = mutants.filter(({ status, static: isStatic }) =>
      status === 'Timeout' ? !values.timeouts : status !== 'Survived' || isStatic !== true,
    )
    return [name, { ...file, mutants: sure }] as const
  })
  writeFileSync(path, JSON.stringify({ ...rest, files: Object.fromEntries(kept) }))
}

function wantedFiles(): readonly string[] {
  const { file, group } = values
  const isAll = (file.length === 0 && group.length === 0) || group.includes('all')
  return globSync('protocol/*.ts', { cwd: root })
    .filter((path) => isAll || file.includes(path) || group.includes(groupOf(path)))
    .toSorted()
}

function isStale(path: string): boolean {
  return readResults()[path]?.source !== hashOf(read(path))
}

async function run(files: readonly string[]): Promise<void> {
  ensureTools(folder, ['--legacy-peer-deps']) // Stryker's runner takes the vitest that is there
  mkdirSync(values.state, { recursive: true })
  forgetUnsure()
  for (let at = 0; at < files.length; at += FILES_PER_RUN) {
    await save(await mutate(files.slice(at, at + FILES_PER_RUN)))
  }
}

/** Runs Stryker over some files. Throws when the tests fail without any mutant. */
async function mutate(files: readonly string[]): Promise<Results> {
  const config = join(values.state, 'stryker.json')
  const report = join(values.state, 'report.json')
  const names = files.map((path) => basename(path, '.ts'))
  const sources = files.map((path) => [path, read(path)] as const) // they may change meanwhile
  writeFileSync(config, JSON.stringify(configuration(files, report)))
  const child = spawn(
    'nice',
    [
      '-n',
      '19',
      process.execPath,
      `${folder}/node_modules/@stryker-mutator/core/bin/stryker.js`,
      'run',
      config,
    ],
    { cwd: root, stdio: 'inherit', env: { ...process.env, SOTTO_MUTATED: names.join(',') } },
  )
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0) throw new Error(`Stryker failed on ${files.join(', ')}`)
  const { files: found } = JSON.parse(readFileSync(report, 'utf8')) as Report
  return Object.fromEntries(
    sources.map(([path, source]) => [path, resultOf(found[path], source)] as const),
  )
}

function configuration(files: readonly string[], report: string): object {
  return {
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { configFile: 'tools/vitest.mutation.config.ts' },
    mutate: files,
    ignorePatterns: ['**', '!protocol/**', '!test/**', '!tools/*.ts', '!*.json'],
    tsconfigFile: 'none', // it would be read with a programming interface that TypeScript 7 does not have
    coverageAnalysis: 'perTest',
    concurrency: Number(values.workers),
    timeoutMS: 90_000, // beside 1.5 times what the tests took: on a busy machine, slow is not for ever
    force: values.force,
    incremental: true,
    incrementalFile: join(values.state, 'incremental.json'),
    reporters: ['progress-append-only', 'clear-text', 'json'],
    clearTextReporter: { logTests: false, reportTests: false, reportScoreTable: false },
    jsonReporter: { fileName: report },
    tempDirName: '.mutation', // below the root, so that the copy finds node_modules
    symlinkNodeModules: false,
  }
}

function resultOf(file: Report['files'][string] | undefined, source: string): FileResult {
  const mutants = file?.mutants ?? []
  const having = (...statuses: readonly string[]): readonly Mutant[] =>
    mutants.filter(({ status }) => statuses.includes(status))
  return {
    source: hashOf(source),
    date: new Date().toISOString().slice(0, 10),
    killed: having('Killed', 'RuntimeError').length,
    timedOut: having('Timeout').length,
    survivors: having('Survived', 'NoCoverage').map((mutant) => fault(source, mutant)),
  }
}

/** Whole lines before and after. */
function fault(source: string, { location: { start, end }, replacement = '' }: Mutant) {
  const lines = source.split('\n').slice(start.line - 1, end.line)
  const before = lines[0]?.slice(0, start.column - 1) ?? ''
  const after = lines.at(-1)?.slice(end.column - 1) ?? ''
  return { from: oneLine(lines.join('\n')), to: oneLine(before + replacement + after) }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

/** Writes the results and the page; files that are gone leave both. */
async function save(found: Results): Promise<void> {
  const before = readResults()
  const entries = Object.entries({ ...before, ...found })
    .filter(([path]) => globSync(path, { cwd: root }).length > 0)
    .map(([path, file]) => [path, withArguments(file, before[path])] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  const results = Object.fromEntries(entries)
  await write(RESULTS, JSON.stringify(results))
  await write(PAGE, page(results))
}

async function write(path: string, text: string): Promise<void> {
  const options = await resolveConfig(path)
  writeFileSync(path, await format(text, { ...options, filepath: path }))
}

/** Says what is too low or not argued. */
function verdict(): number {
  const files = Object.entries(readResults())
  const problems = groupNames.flatMap((group) => {
    const own = files.filter(([path]) => groupOf(path) === group).map(([, file]) => file)
    const reached = score(own)
    return reached < groups[group].least ? [`${group}: ${reached.toFixed(1)}`] : []
  })
  const open = files.flatMap(([path, { survivors }]) =>
    survivors.filter(({ why }) => why === undefined).map(({ to }) => `not argued: ${path}: ${to}`),
  )
  const stale = files
    .filter(([path, { source }]) => source !== hashOf(read(path)))
    .map(([path]) => `changed since it was tested: ${path}`)
  process.stdout.write([...problems, ...open, ...stale, ''].join('\n'))
  return problems.length + open.length === 0 ? 0 : 1
}

function read(path: string): string {
  return readFileSync(`${root}${path}`, 'utf8')
}

function readResults(): Results {
  try {
    return JSON.parse(readFileSync(RESULTS, 'utf8')) as Results
  } catch {
    return {} // nothing has run yet
  }
}
