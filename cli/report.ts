// Errors as people and programs read them: what, what now, and the code last.

import { DetailedError } from '../daemon/rpc-errors.ts'
import { SottoError } from '../node/errors.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import type { Output } from './output.ts'
import { OutputClosedError } from './output.ts'
import { renderFailure } from './render.ts'
import { safeJson, sanitizeLine } from './sanitize.ts'

/** A child process has said what went wrong, in the form asked for; it is repeated as it is. */
export class ReportedError extends Error {
  static override readonly name = 'ReportedError'
  override readonly name = 'ReportedError'
  readonly exitCode: number

  constructor(said: string, exitCode: number) {
    super(said)
    this.exitCode = exitCode
  }
}

/** Writes an error to stderr and returns the exit code it stands for. */
export function reportError(error: unknown, output: Output): number {
  // Whoever closed the pipe has read enough and is not asking.
  if (error instanceof OutputClosedError) return EXIT.internal
  if (error instanceof ReportedError) {
    output.error(error.message)
    return error.exitCode
  }
  const exit = exitCodeOf(error)
  const shown = error instanceof SottoError ? error : unexpected(error)
  const message = scrub(sanitizeLine(shown.message, 500))
  const hint = scrub(sanitizeLine(shown.hint, 500))
  const problems = problemsOf(shown)
  if (output.json) {
    const { code, retryable } = shown
    const several = problems.length === 0 ? {} : { problems }
    output.error(safeJson({ v: 1, error: { code, message, hint, retryable, exit, ...several } }))
  } else {
    for (const problem of problems) output.error(`  ${problem}`)
    output.error(errorLines(output, message, hint, `[${shown.code}, exit ${exit}]`))
  }
  return exit
}

/** Links carry join secrets and name people: no error repeats one. */
export function scrub(text: string): string {
  return text.replace(/sotto:[a-z]\/[^\s"'`]*/gi, 'SOTTO:…')
}

/** All that is wrong at once, for instance in a configuration. */
function problemsOf(error: SottoError): readonly string[] {
  const problems = error instanceof DetailedError ? error.details['problems'] : undefined
  if (!Array.isArray(problems)) return []
  return problems.map((problem) => scrub(sanitizeLine(String(problem), 500)))
}

function errorLines(output: Output, message: string, hint: string, code: string): string {
  const what = `${renderFailure(output.talkStyle)} ${message}`
  return hint === '' ? `${what}  ${code}` : `${what}\n  ${hint}  ${code}`
}

/** A bug of ours. The text of an unknown error may hold anything, so only its kind and place are shown. */
function unexpected(error: unknown): SottoError {
  const kind = error instanceof Error ? error.name : typeof error
  const code = error instanceof Error && 'code' in error ? ` ${String(error.code)}` : ''
  const place =
    error instanceof Error ? (error.stack ?? '').match(/\n\s+at .*?([\w./-]+:\d+):\d+/) : null
  return new SottoError('INTERNAL', `something unexpected happened: ${kind}${code}`, {
    hint: `please report it${place?.[1] === undefined ? '' : `, with the place: ${place[1].split('/').slice(-2).join('/')}`}`,
  })
}
