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
    return this.#interface(undefined)
  }

  /** Asks one question. Throws INVALID_ARGUMENT naming `flag` when nobody can be asked. */
  async ask(question: string, flag: string, signal: AbortSignal): Promise<string> {
    return this.#ask(question, flag, signal, false)
  }

  /** Asks without showing what is typed. */
  async askHidden(question: string, flag: string, signal: AbortSignal): Promise<string> {
    return this.#ask(question, flag, signal, true)
  }

  async #ask(
    question: string,
    flag: string,
    signal: AbortSignal,
    hidden: boolean,
  ): Promise<string> {
    if (!this.interactive) throw cannotAsk(question, flag)
    this.#init.stderr.write(question)
    const answers = this.#interface(hidden ? silent() : this.#init.stderr)
    try {
      return await new Promise<string>((resolve, reject) => {
        answers.once('line', resolve)
        answers.once('close', () => reject(cannotAsk(question, flag)))
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
    } finally {
      answers.close()
      if (hidden) this.#init.stderr.write('\n')
    }
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

  #interface(output: Sink | undefined): Interface {
    const { stdin, onInterrupt } = this.#init
    const lines = createInterface({
      input: stdin,
      ...(output === undefined ? {} : { output: asWritable(output) }),
      terminal: this.interactive && output !== undefined,
    })
    lines.on('SIGINT', onInterrupt)
    return lines
  }
}

function cannotAsk(question: string, flag: string): SottoError {
  return new SottoError('INVALID_ARGUMENT', `nobody can be asked: ${question.trim()}`, {
    hint: `give it with ${flag}`,
  })
}

/** readline echoes to its output; this one shows nothing. */
function silent(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() })
}

function asWritable(sink: Sink): Writable {
  if (sink instanceof Writable) return sink
  return new Writable({ write: (chunk, _encoding, done) => void sink.write(chunk, done) })
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
