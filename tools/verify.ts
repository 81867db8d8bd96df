/**
 * All that CI checks, run by `npm run verify`. Every step runs, also after one has failed, and the last
 * line is always `N passed, N failed`: the tests of the JSON reports, plus one failure for each step
 * that failed without a failed test to show for it.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  findAge,
  findCaddy,
  findChromium,
  findMounts,
  findPromtool,
  findStrace,
} from './programs.ts'
import { ensureTools, root } from './tools.ts'
import { type Counts, readReport } from './test-report.ts'

const MINUTE = 60_000
const NONE: Counts = { passed: 0, failed: 0, skipped: [] }

interface Step {
  readonly name: string
  /** Returns the tests it counted; throws when the step failed. */
  readonly run: () => Promise<Counts>
}

const reports = mkdtempSync(join(tmpdir(), 'sotto-verify-'))

const steps: readonly Step[] = [
  { name: 'tools', run: plain(ensureTools) },
  { name: 'lock', run: plain(checkLock) },
  { name: 'generated code', run: plain(checkGenerated) },
  { name: 'format', run: plain(() => command('npm', ['run', '-s', 'format:check'], 2)) },
  { name: 'lint', run: plain(() => command('npm', ['run', '-s', 'lint'], 3)) },
  { name: 'types', run: plain(() => command('npm', ['run', '-s', 'typecheck'], 3)) },
  { name: 'Chromium', run: plain(checkChromium) },
  { name: 'strace', run: plain(checkStrace) },
  { name: 'promtool', run: plain(checkPromtool) },
  { name: 'age', run: plain(checkAge) },
  { name: 'caddy', run: plain(checkCaddy) },
  { name: 'mounts', run: plain(checkMounts) },
  { name: 'tests', run: () => tests('tests', ['test']) },
  { name: 'demo', run: plain(() => command('npm', ['run', '-s', 'demo'], 2)) },
  { name: 'package', run: () => tests('package', ['run', 'test:package']) },
]

let passed = 0
let failed = 0
const summary: string[] = []
for (const step of steps) {
  process.stdout.write(`\n== ${step.name}\n`)
  const started = performance.now()
  const { counts, problem } = await runStep(step)
  passed += counts.passed
  failed += counts.failed + (problem !== undefined && counts.failed === 0 ? 1 : 0)
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6)
  summary.push(`${seconds} s  ${step.name.padEnd(15)} ${problem ?? 'ok'}`)
}
rmSync(reports, { recursive: true, force: true })
process.stdout.write(`\n${summary.join('\n')}\n\n${passed} passed, ${failed} failed\n`)
process.exitCode = failed === 0 ? 0 : 1

async function runStep(step: Step): Promise<{ counts: Counts; problem: string | undefined }> {
  try {
    const counts = await step.run()
    if (counts.failed > 0) return { counts, problem: `${counts.failed} failed` }
    if (counts.skipped.length > 0) {
      return { counts, problem: `skipped, which counts as failed: ${counts.skipped.join('; ')}` }
    }
    return { counts, problem: undefined }
  } catch (cause) {
    return { counts: NONE, problem: cause instanceof Error ? cause.message : String(cause) }
  }
}

function plain(run: () => void | Promise<void>): () => Promise<Counts> {
  return async () => {
    await run()
    return NONE
  }
}

/** Runs a command to its end; throws when it fails or takes longer than it may. */
async function command(
  program: string,
  args: readonly string[],
  minutes: number,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const child = spawn(program, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
    detached: true, // a group of its own, so that what it started ends with it
  })
  const timer = setTimeout(() => endGroup(child.pid), minutes * MINUTE)
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
    if (code !== 0) throw new Error(`failed with ${code ?? signal ?? 'no exit code'}`)
  } finally {
    clearTimeout(timer)
    endGroup(child.pid)
  }
}

/** Ends what is left of a command's process group. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // the whole group has ended by itself
  }
}

async function tests(name: string, script: readonly string[]): Promise<Counts> {
  const report = join(reports, `${name}.json`)
  let problem: unknown
  try {
    await command('npm', script, 16, { SOTTO_TEST_REPORT: report })
  } catch (cause) {
    problem = cause
  }
  const counts = existsSync(report) ? readReport(readFileSync(report, 'utf8')) : undefined
  if (counts === undefined) throw new Error('no report was written')
  if (problem !== undefined && counts.failed === 0) return { ...counts, failed: 1 }
  if (counts.passed + counts.failed === 0) throw new Error('no test ran')
  return counts
}

function checkChromium(): void {
  const found = findChromium()
  if (found === undefined) throw new Error('missing: test/protocol must run in a browser too')
  process.stdout.write(`${found}\n`)
}

function checkStrace(): void {
  const found = findStrace()
  if (found === undefined) throw new Error('missing: test/traced must run too')
  process.stdout.write(`${found}\n`)
}

function checkPromtool(): void {
  const found = findPromtool()
  if (found === undefined) throw new Error('missing: test/ops/promtool must run too')
  process.stdout.write(`${found}\n`)
}

function checkAge(): void {
  const found = findAge()
  if (found === undefined) throw new Error('missing: test/ops/age must run too')
  process.stdout.write(`${found}\n`)
}

function checkCaddy(): void {
  const found = findCaddy()
  if (found === undefined) throw new Error('missing: test/ops/caddy must run too')
  process.stdout.write(`${found}\n`)
}

function checkMounts(): void {
  const found = findMounts()
  if (found === undefined)
    throw new Error('none: test/node/hurt-disk must run too, as root on Linux')
  process.stdout.write(`${found}\n`)
}

/** The lock fits package.json and names no registry host. */
async function checkLock(): Promise<void> {
  if (readFileSync(join(root, 'package-lock.json'), 'utf8').includes('"resolved": "http')) {
    throw new Error('package-lock.json names download addresses')
  }
  await command('npm', ['ci', '--dry-run', '--ignore-scripts', '--no-audit', '--no-fund'], 3)
}

/** What is committed under protocol/generated is what the .proto files give. */
async function checkGenerated(): Promise<void> {
  const before = digestOfGenerated()
  await command('npm', ['run', '-s', 'generate'], 2)
  if (digestOfGenerated() !== before) {
    throw new Error('protocol/generated was not up to date: npm run generate, and commit it')
  }
}

function digestOfGenerated(): string {
  const hash = createHash('sha256')
  for (const file of globSync('protocol/generated/*', { cwd: root }).toSorted()) {
    hash.update(file).update(readFileSync(join(root, file)))
  }
  return hash.digest('hex')
}
