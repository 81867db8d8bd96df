// Standard input and questions. Questions go to stderr, answers are never in argv.

import { createInterface } from 'node:readline'
import type { Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { SottoError } from '../node/errors.ts'
import type { Sink } from './output.ts'

/** Standard input of the process, or a test's own. */
export type Source = NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined }

export interface InputInit {
  readonly stdin: Source
  /** Where questions are shown. */
  readonly stderr: Sink
  /** --no-input */
  readonly noInput: boolean
  /** What Ctrl-C at a question does: the terminal sends no signal then. */
  readonly onInterrupt: () => void
}

export class Input {
  /** Whether a person can be asked. */
  readonly interactive: boolean
  readonly #init: InputInit
  #takenFor: string | undefined
  #questions: Questions | undefined

  constructor(init: InputInit) {
    this.#init = init
    this.interactive = init.stdin.isTTY === true && !init.noInput
  }

  /** All of stdin as text, `purpose` in words. Throws SottoError TOO_LARGE, or INVALID_ARGUMENT when it was read before. */
  async readAll(purpose: string, maxBytes: number): Promise<string> {
    this.#take(purpose)
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of this.#init.stdin) {
      const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk
      length += bytes.byteLength
      if (length > maxBytes) {
        throw new SottoError('TOO_LARGE', `${purpose} on standard input is above ${maxBytes} bytes`)
      }
      chunks.push(bytes)
    }
    return decodeUtf8(chunks, length, purpose)
  }

  /** The lines of stdin as they come. */
  lines(purpose: string): Interface {
    this.#take(purpose)
    const lines = createInterface({ input: this.#init.stdin, terminal: false })
    lines.on('SIGINT', this.#init.onInterrupt)
    return lines
  }

  /** Asks one question. Throws INVALID_ARGUMENT naming `flag` when nobody can be asked. */
  async ask(question: string, flag: string, signal: AbortSignal): Promise<string> {
    if (!this.interactive) throw cannotAsk(question, flag)
    this.#questions ??= new Questions(this.#init)
    return (await this.#questions.ask(question, false, signal)) ?? fail(cannotAsk(question, flag))
  }

  /** Asks without showing what is typed. */
  async askHidden(question: string, flag: string, signal: AbortSignal): Promise<string> {
    if (!this.interactive) throw cannotAsk(question, flag)
    this.#questions ??= new Questions(this.#init)
    return (await this.#questions.ask(question, true, signal)) ?? fail(cannotAsk(question, flag))
  }

  /** Lets go of stdin, which would keep the process running. */
  close(): void {
    this.#questions?.close()
    this.#init.stdin.pause()
  }

  #take(purpose: string): void {
    if (this.#takenFor !== undefined) {
      throw new SottoError(
        'INVALID_ARGUMENT',
        `standard input cannot be both ${this.#takenFor} and ${purpose}`,
      )
    }
    this.#takenFor = purpose
  }
}

/** One reader for all questions of a run: what was typed ahead belongs to the next one. */
class Questions {
  readonly #lines: Interface
  readonly #shown: Sink
  readonly #ready: string[] = []
  /** Only the answer to an open question is shown: what is typed ahead may be a passphrase. */
  #echoes = false
  #ended = false
  #waiting: ((line: string | undefined) => void) | undefined

  constructor({ stdin, stderr, onInterrupt }: InputInit) {
    this.#shown = stderr
    const echo = new Writable({
      write: (chunk, _encoding, done) => {
        if (this.#echoes) stderr.write(chunk)
        done()
      },
    })
    this.#lines = createInterface({ input: stdin, output: echo, terminal: true, historySize: 0 })
    this.#lines.on('SIGINT', onInterrupt)
    this.#lines.on('line', (line) => this.#answer(line))
    this.#lines.once('close', () => {
      this.#ended = true
      this.#answer(undefined)
    })
  }

  /** The answer, or undefined when the input has ended. */
  async ask(question: string, hidden: boolean, signal: AbortSignal): Promise<string | undefined> {
    this.#shown.write(question)
    this.#echoes = !hidden
    try {
      return await this.#next(signal)
    } finally {
      this.#echoes = false
      if (hidden) this.#shown.write('\n')
    }
  }

  close(): void {
    this.#lines.close()
  }

  #next(signal: AbortSignal): Promise<string | undefined> {
    const typedAhead = this.#ready.shift()
    if (typedAhead !== undefined || this.#ended) return Promise.resolve(typedAhead)
    return new Promise((resolve, reject) => {
      this.#waiting = resolve
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }

  #answer(line: string | undefined): void {
    this.#echoes = false
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting !== undefined) waiting(line)
    else if (line !== undefined) this.#ready.push(line)
  }
}

function fail(error: Error): never {
  throw error
}

function cannotAsk(question: string, flag: string): SottoError {
  return new SottoError('INVALID_ARGUMENT', `nobody can be asked: ${question.trim()}`, {
    hint: `give it with ${flag}`,
  })
}

function decodeUtf8(chunks: readonly Uint8Array[], length: number, purpose: string): string {
  const bytes = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.byteLength
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new SottoError('INVALID_ARGUMENT', `${purpose} is not UTF-8 text`, { cause })
  }
}
