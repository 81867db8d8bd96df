// A process of node-process.ts over all its lives, as its parent sees it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ChildProcess } from 'node:child_process'
import type { Begin, Order, Told } from './node-process.ts'

const PROGRAM = fileURLToPath(new URL('node-process.ts', import.meta.url))

const ANSWER_MS = 120_000

export interface NodeChildInit {
  /** For what all of them share: compiled code, and what stands outside of a profile. */
  readonly folder: string
  readonly name: string
  /** What it is asked at each start. */
  readonly order: Begin
  readonly told: (told: Told) => void
  /** Begins the command line: a program that starts the one that is named behind it. */
  readonly through?: readonly string[]
  /** Options of Node. */
  readonly execArgv?: readonly string[]
  /** Whether the process of the next life is loaded beforehand. */
  readonly loadsAhead?: boolean
}

/** One program over all its lives. */
export class NodeChild {
  readonly name: string
  /** What it is asked at each start. */
  order: Begin
  link = ''
  /** With /p2p/. */
  address = ''
  readonly #init: NodeChildInit
  #running: ChildProcess | undefined
  #next: Promise<ChildProcess> | undefined

  constructor(init: NodeChildInit) {
    this.#init = init
    this.name = init.name
    this.order = init.order
    if (init.loadsAhead === true) this.#next = this.#load()
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** Of the process that runs; 0 when none does. */
  get pid(): number {
    return this.#running?.pid ?? 0
  }

  /** Begins to start; resolves when it is up, or was killed before. The next start is at the same address. */
  async start(): Promise<void> {
    const up = await this.#ask(await this.#begin(), this.order, 'up')
    if (up === undefined || !('up' in up)) return
    this.link = up.up
    this.address = up.addresses[0] ?? ''
    this.order = { ...this.order, listen: this.address.replace(/\/p2p\/.*/, '') }
  }

  /** Is asked to start, and does not. Resolves to the code of the error. `through` begins its command line as well. */
  async fail(through: readonly string[] = []): Promise<string> {
    const told = await this.#ask(await this.#begin(through), this.order, 'failed')
    await this.kill()
    return told !== undefined && 'failed' in told ? told.failed : 'none'
  }

  /**
   * What it tells under the name `answer`. Undefined when it does not run, or was killed first; rejects when it ended by itself, did not
   * start, or says nothing for two minutes.
   */
  async ask(order: Order, answer: string): Promise<Told | undefined> {
    return this.#running === undefined ? undefined : this.#ask(this.#running, order, answer)
  }

  tell(order: Order): void {
    if (this.#running?.connected === true) this.#running.send(order)
  }

  /** SIGKILL: nothing is finished, nothing is flushed. */
  async kill(): Promise<void> {
    const child = this.#running
    this.#running = undefined
    if (child !== undefined) await killed(child)
  }

  /** In order. Resolves to the exit code when the process is gone. */
  async stop(): Promise<number | null> {
    const child = this.#running
    if (child === undefined) return null
    const exit = once(child, 'exit')
    await this.#ask(child, { do: 'stop' }, 'done')
    this.#running = undefined
    const [code] = (await exit) as [number | null]
    return code
  }

  /** However it is; it does not start again. */
  async end(): Promise<void> {
    await this.kill()
    if (this.#next !== undefined) await killed(await this.#next)
  }

  async #begin(through: readonly string[] = []): Promise<ChildProcess> {
    const child = (this.#running = await (this.#next ?? this.#load(through)))
    if (this.#next !== undefined) this.#next = this.#load()
    child.on('message', (told: Told) => {
      if (child === this.#running) this.#init.told(told)
    })
    return child
  }

  async #ask(child: ChildProcess, order: Order, answer: string): Promise<Told | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Told | undefined>()
    const timer = setTimeout(() => reject(new Error(`${this.name} does not answer`)), ANSWER_MS)
    const hear = (told: Told): void => {
      if (answer in told) resolve(told)
      else if ('failed' in told) reject(new Error(`${this.name} did not start: ${told.failed}`))
    }
    const end = (code: number | null): void => {
      if (child !== this.#running) resolve(undefined)
      else reject(new Error(`${this.name} ended by itself: ${String(code)}`))
    }
    child.on('message', hear).once('exit', end)
    if (child.connected) child.send(order)
    else end(child.exitCode)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      child.off('message', hear).off('exit', end)
    }
  }

  /** Resolves when it has loaded everything. */
  async #load(more: readonly string[] = []): Promise<ChildProcess> {
    const { folder, through = [], execArgv = [] } = this.#init
    // Stripping types takes most of a start: the code is kept for the next one.
    const env = {
      ...process.env,
      NODE_COMPILE_CACHE: join(folder, 'code'),
      XDG_STATE_HOME: join(folder, 'state'),
      XDG_RUNTIME_DIR: folder,
    }
    const [program, ...args] = [...through, ...more, process.execPath, ...execArgv, PROGRAM]
    const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    await once(child, 'message')
    return child
  }
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}
