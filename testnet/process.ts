// Processes of a test network: started, waited for, and ended by their ids. Nothing that was not started here is ever ended.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Program and first arguments that start `sotto`, or another program. */
export type Entry = readonly [string, ...string[]]

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface StartOptions {
  readonly entry: Entry
  readonly args: readonly string[]
  /** File that gets what the process says on stderr, and on stdout after its first line. */
  readonly log: string
  readonly signal: AbortSignal
}

/** A process ended, or said nothing, before it was ready. The message ends with what it said last. */
export class StartError extends Error {
  static override readonly name = 'StartError'
  override readonly name = 'StartError'
}

/** From the start of a process to its first line, in ms: many start at once on a slow machine. */
const READY_TIMEOUT = 60_000

/** From the request to stop to the end, in ms; then the process is killed. */
const STOP_TIMEOUT = 10_000

const MAX_LINE_CHARACTERS = 64 * 1024
const SHOWN_CHARACTERS = 600

/** All processes of one test network. They end with the program that started them, also when it is interrupted. */
export class Processes implements AsyncDisposable {
  readonly #running = new Set<Program>()
  readonly #onExit = (): void => this.#killAll()
  readonly #onHangUp = (): void => {
    this.#killAll()
    process.exit(129)
  }

  readonly #environment: NodeJS.ProcessEnv

  /** `cache`: a folder with code that is already compiled (warm.ts). */
  constructor(cache?: string) {
    this.#environment = environment(cache)
    process.on('exit', this.#onExit)
    process.on('SIGHUP', this.#onHangUp)
  }

  /** Starts a process and waits for its first line on stdout. Rejects with StartError; the process is gone then. */
  async start(options: StartOptions): Promise<Program> {
    options.signal.throwIfAborted()
    await mkdir(dirname(options.log), { recursive: true, mode: 0o700 })
    const program = await launch(options, this.#environment)
    this.#running.add(program)
    void program.exited.then(() => this.#running.delete(program))
    try {
      await program.ready(options)
      return program
    } catch (error) {
      program.kill('SIGKILL')
      await program.exited
      throw error
    }
  }

  /** Ends what still runs, the newest first. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].reverse().map((program) => program.stop()))
    process.off('exit', this.#onExit)
    process.off('SIGHUP', this.#onHangUp)
  }

  #killAll(): void {
    for (const program of this.#running) program.kill('SIGKILL')
  }
}

/** One process. */
export class Program {
  readonly pid: number
  /** Resolves when the process is gone and reaped. Never rejects. */
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  readonly #firstLine: Promise<string>
  #line = ''

  constructor(child: ChildProcess, pid: number, firstLine: Promise<string>) {
    this.#child = child
    this.pid = pid
    this.#firstLine = firstLine
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
  }

  /** What the process said when it was ready: one line, by convention a JSON document. */
  get line(): string {
    return this.#line
  }

  async ready({ log, signal }: StartOptions): Promise<void> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(READY_TIMEOUT)])
    const early = this.exited.then(async ({ code }) => {
      throw new StartError(
        `a process ended with exit code ${code} before it was ready${await tail(log)}`,
      )
    })
    this.#line = await Promise.race([this.#firstLine, early, aborted(limit)])
  }

  /** Sends a signal; a process that is gone gets none. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Asks the process to end, waits, and kills it when it does not. */
  async stop(): Promise<Exit> {
    this.kill('SIGTERM')
    const timer = setTimeout(() => this.kill('SIGKILL'), STOP_TIMEOUT)
    const exit = await this.exited
    clearTimeout(timer)
    return exit
  }
}

/** A process group of its own: a signal of the terminal reaches only us, and we end the others in order. */
async function launch(
  { entry, args, log }: StartOptions,
  env: NodeJS.ProcessEnv,
): Promise<Program> {
  const [program, ...first] = entry
  const file = await open(log, 'a', 0o600)
  try {
    const child = spawn(program, [...first, ...args], {
      detached: true,
      stdio: ['ignore', 'pipe', file.fd],
      env,
    })
    const { pid } = child
    if (pid === undefined) throw await notStarted(child)
    return new Program(child, pid, firstLineOf(child))
  } finally {
    await file.close()
  }
}

/** The settings of the user who starts a test network are not meant for its nodes. */
function environment(cache: string | undefined): NodeJS.ProcessEnv {
  const plain = Object.entries(process.env).filter(([name]) => !name.startsWith('SOTTO_'))
  const compiled = cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }
  return { ...Object.fromEntries(plain), ...compiled }
}

async function notStarted(child: ChildProcess): Promise<StartError> {
  const cause = await new Promise((resolve) => child.once('error', resolve))
  return new StartError('a process could not be started', { cause })
}

/** The first line of stdout; what follows is read and dropped, so that the pipe never fills. */
function firstLineOf(child: ChildProcess): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  return new Promise((resolve) => {
    child.stdout?.on('data', (chunk: Uint8Array) => {
      if (text.includes('\n') || text.length > MAX_LINE_CHARACTERS) return
      text += decoder.decode(chunk, { stream: true })
      const end = text.indexOf('\n')
      if (end >= 0) resolve(text.slice(0, end))
    })
  })
}

async function tail(log: string): Promise<string> {
  const said = await readFile(log, 'utf8').catch(() => '')
  return said.trim() === '' ? '' : `: ${said.trim().slice(-SHOWN_CHARACTERS)}`
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const quit = (): void => {
      const late = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError'
      reject(late ? new StartError('a process was not ready in time') : signal.reason)
    }
    if (signal.aborted) quit()
    else signal.addEventListener('abort', quit, { once: true })
  })
}
