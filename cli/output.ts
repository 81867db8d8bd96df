// stdout is data, stderr is talk. With --json exactly one document reaches stdout, or one per line while following.

import type { Writable } from 'node:stream'
import type { CommonFlags } from './common-flags.ts'
import type { Style } from './render.ts'
import { safeJson } from './sanitize.ts'

/** A stream of the process, or a test's own. */
export interface Sink extends Pick<Writable, 'write'> {
  readonly isTTY?: boolean | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

/** The reader of stdout has gone; there is nobody left to write for. */
export class OutputClosedError extends Error {
  static override readonly name = 'OutputClosedError'
  override readonly name = 'OutputClosedError'
}

/** What a command writes to. */
export class Output {
  readonly json: boolean
  /** How text on stdout may look. */
  readonly style: Style
  /** How text on stderr may look. */
  readonly talkStyle: Style
  readonly #stdout: Sink
  readonly #stderr: Sink
  readonly #quiet: boolean

  constructor(stdout: Sink, stderr: Sink, flags: CommonFlags, environment: Environment) {
    this.#stdout = stdout
    this.#stderr = stderr
    this.#quiet = flags.quiet
    this.json = flags.json
    this.style = { colour: mayColour(stdout, flags, environment), ascii: flags.ascii }
    this.talkStyle = { colour: mayColour(stderr, flags, environment), ascii: flags.ascii }
  }

  /** The result: the document with --json, else the text. Resolves when the operating system has it. */
  async result(document: object, text: string): Promise<void> {
    await this.line(this.json ? safeJson({ v: 1, ...document }) : text)
  }

  /** One line of data. Rejects with OutputClosedError when the reader has gone. */
  line(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stdout.write(`${text}\n`, (error) => {
        if (error === null || error === undefined) resolve()
        else reject(new OutputClosedError('the output was closed', { cause: error }))
      })
    })
  }

  /** What a person may want to know; nothing a script needs. Not with --quiet. */
  talk(text: string): void {
    if (!this.#quiet) this.#stderr.write(`${text}\n`)
  }

  /** Next steps, for people at a terminal only. */
  hint(...steps: readonly string[]): void {
    if (this.#stderr.isTTY !== true || this.json) return
    this.talk(steps.map((step, at) => `${at === 0 ? 'Next:  ' : '       '}${step}`).join('\n'))
  }

  /** An error; also with --quiet. */
  error(text: string): void {
    this.#stderr.write(`${text}\n`)
  }
}

/** NO_COLOR and TERM=dumb switch colour off, FORCE_COLOR on, the flag wins; else a terminal has it. */
function mayColour(sink: Sink, flags: CommonFlags, environment: Environment): boolean {
  if (flags.noColor || environment['NO_COLOR']) return false
  const force = environment['FORCE_COLOR']
  if (force !== undefined) return force !== '0' && force !== 'false'
  return sink.isTTY === true && environment['TERM'] !== 'dumb'
}
