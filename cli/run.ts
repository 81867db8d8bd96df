// One run of the program: from a command line to an exit code. Touches the process only through what it is given.

import { run as runApp } from '@stricli/core'
import { SottoError } from '../node/errors.ts'
import { NOUNS, buildApp } from './app.ts'
import type { Outcome } from './app.ts'
import { hoistCommonFlags } from './common-flags.ts'
import type { CommonFlags, Hoisted } from './common-flags.ts'
import type { CliContext, Library } from './context.ts'
import { EXIT } from './exit-codes.ts'
import { Input } from './input.ts'
import type { Source } from './input.ts'
import { Output } from './output.ts'
import type { Sink } from './output.ts'
import { reportError } from './report.ts'
import { readVersion } from '../net/platform/version.ts'

/** The process as a command line program sees it. */
export interface Surroundings {
  readonly stdin: Source
  readonly stdout: Sink
  readonly stderr: Sink
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly interrupted: AbortSignal
  /** What Ctrl-C at a question does. */
  readonly interrupt: () => void
  /** Calls the listener at each SIGHUP, until what is returned is called. */
  readonly onHangup: (listener: () => void) => () => void
  readonly entry: readonly [string, ...string[]]
  readonly library: () => Promise<Library>
}

/** Runs a command line and returns the exit code. Never rejects. */
export async function runCli(argv: readonly string[], around: Surroundings): Promise<number> {
  const hoisted = tryHoist(argv, around)
  const { flags, rest } = 'error' in hoisted ? { flags: PLAIN, rest: [] } : hoisted
  const output = new Output(
    around.stdout,
    around.stderr,
    jsonAsked(argv, flags),
    around.environment,
  )
  try {
    if ('error' in hoisted) throw hoisted.error
    const version = await readVersion()
    if (flags.version) {
      await output.result({ version, node: process.versions.node }, `sotto ${version}`)
      return EXIT.ok
    }
    return await runCommand(rest, contextOf(around, flags, output, version), around)
  } catch (error) {
    // Whoever pressed Ctrl-C knows why it ended.
    return around.interrupted.aborted ? EXIT.interrupted : reportError(error, output)
  }
}

/** What an unreadable command line is reported with. */
const PLAIN: CommonFlags = hoistCommonFlags([], {}).flags

function tryHoist(
  argv: readonly string[],
  around: Surroundings,
): Hoisted | { readonly error: unknown } {
  try {
    return hoistCommonFlags(argv, around.environment)
  } catch (error) {
    return { error }
  }
}

/** A program that asked for JSON gets it also for the errors of its flags. */
function jsonAsked(argv: readonly string[], flags: CommonFlags): CommonFlags {
  return { ...flags, json: flags.json || argv.includes('--json') }
}

function contextOf(
  around: Surroundings,
  flags: CommonFlags,
  output: Output,
  version: string,
): CliContext {
  const { stdin, stdout, stderr, environment, interrupted, onHangup, entry, library } = around
  const input = new Input({ stdin, stderr, noInput: flags.noInput, onInterrupt: around.interrupt })
  const signal =
    flags.timeout === undefined ? interrupted : AbortSignal.any([interrupted, limit(flags.timeout)])
  const base = { flags, input, output, environment, version, entry, library }
  const signals = { interrupted, signal, onHangup }
  return { ...base, ...signals, process: { stdout, stderr, env: {} } }
}

function limit(ms: number): AbortSignal {
  const controller = new AbortController()
  const late = new SottoError('WAIT_TIMEOUT', 'the time given with --timeout has passed', {
    retryable: true,
  })
  setTimeout(() => controller.abort(late), ms).unref()
  return controller.signal
}

async function runCommand(
  rest: readonly string[],
  context: CliContext,
  around: Surroundings,
): Promise<number> {
  const outcome: Outcome = {}
  const app = buildApp(outcome)
  const wrong: string[] = []
  const process: CliContext['process'] = {
    stdout: { write: (part) => void around.stdout.write(part) },
    // What the parser has to say is reported like every other error.
    stderr: { write: (part) => void wrong.push(part) },
    env: {},
  }
  const asked = context.flags.help || rest.length === 0
  try {
    await runApp(app, asked ? helpLine(rest) : rest, { ...context, process })
  } finally {
    context.input.close()
  }
  if (outcome.error !== undefined) throw outcome.error
  if (outcome.exitCode !== undefined) return outcome.exitCode
  if (wrong.length > 0) throw misunderstood(wrong.join(''), rest)
  return EXIT.ok
}

/** Help wins over everything else on the line: only the words that lead to the command stay. */
function helpLine(rest: readonly string[]): readonly string[] {
  const end = rest.findIndex((word) => word.startsWith('-'))
  const words = end < 0 ? rest : rest.slice(0, end)
  let depth = 1
  while (depth < words.length && NOUNS.includes(words.slice(0, depth).join(' '))) depth++
  return [...words.slice(0, depth), '--help']
}

function misunderstood(said: string, rest: readonly string[]): SottoError {
  const [first = ''] = said.trim().split('\n')
  const command = helpLine(rest).join(' ')
  return new SottoError('INVALID_ARGUMENT', first.replace(/^Error:?\s*/, ''), {
    hint: `see: sotto ${command}`,
  })
}
