// A process of hurt-process.ts, as its parent sees it, over all its lives.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ChildProcess } from 'node:child_process'
import type { Order, Told } from './hurt-process.ts'

const PROGRAM = fileURLToPath(new URL('hurt-process.ts', import.meta.url))

const ANSWER_MS = 120_000

export interface HurtChildInit {
  /** For what all of them share: compiled code, and what stands outside of a profile. */
  readonly folder: string
  readonly name: string
  /** What it is asked at each start. */
  readonly order: Order
  readonly told: (told: Told) => void
  /** Begins the command line: a program that starts the one that is named behind it. */
  readonly through: readonly string[]
}

/** One program over all its lives. */
export class HurtChild {
  readonly name: string
  /** What it is asked at each start. */
  order: Order
  link = ''
  readonly #init: HurtChildInit
  #running: ChildProcess | undefined

  constructor(init: HurtChildInit) {
    this.#init = init
    this.name = init.name
    this.order = init.order
  }

  /** Of the process that runs; 0 when none does. */
  get pid(): number {
    return this.#running?.pid ?? 0
  }

  /** Begins to start; resolves when it is up, or was killed before. */
  async start(): Promise<void> {
    const up = await this.#ask(await this.#begin(), this.order, 'up')
    if (up === undefined || !('up' in up)) return
    this.link = up.up
    if ('listen' in this.order) {
      this.order = { ...this.order, listen: String(up.addresses[0]).replace(/\/p2p\/.*/, '') }
    }
  }

  /** Is asked to start, and does not. Resolves to the code of the error. `through` begins its command line as well. */
  async fail(through: readonly string[] = []): Promise<string> {
    const told = await this.#ask(await this.#begin(through), this.order, 'failed')
    await this.kill()
    return told !== undefined && 'failed' in told ? told.failed : 'none'
  }

  /** Undefined when it was killed first. */
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
    if (child === undefined) return
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  /** In order. Resolves to the exit code. */
  async stop(): Promise<number | null> {
    const child = this.#running
    if (child === undefined) return null
    const exit = once(child, 'exit')
    child.send({ do: 'stop' } satisfies Order)
    const [code] = (await exit) as [number | null]
    this.#running = undefined
    return code
  }

  async #begin(through: readonly string[] = []): Promise<ChildProcess> {
    const child = (this.#running = await this.#load(through))
    child.on('message', (told: Told) => {
      if (child === this.#running && told !== null && typeof told === 'object') {
        this.#init.told(told)
      }
    })
    return child
  }

  async #ask(child: ChildProcess, order: Order, answer: string): Promise<Told | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Told | undefined>()
    const timer = setTimeout(() => reject(new Error(`${this.name} does not answer`)), ANSWER_MS)
    const hear = (told: Told): void => {
      if (typeof told === 'object' && answer in told) resolve(told)
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

  async #load(more: readonly string[]): Promise<ChildProcess> {
    const { folder, through } = this.#init
    // Stripping types takes most of a start: the code is kept for the next one.
    const env = {
      ...process.env,
      NODE_COMPILE_CACHE: join(folder, 'code'),
      XDG_STATE_HOME: join(folder, 'state'),
      XDG_RUNTIME_DIR: folder,
    }
    const [program, ...args] = [...through, ...more, process.execPath, PROGRAM]
    const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    await once(child, 'message')
    return child
  }
}
