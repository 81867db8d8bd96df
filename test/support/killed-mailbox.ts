// A mailbox in a process of its own that is killed and started again on the same folder and port.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ChildProcess } from 'node:child_process'
import type { MailboxServiceStatus } from '../../mailbox/service.ts'
import type { PeerName } from '../../net/ports.ts'

const PROGRAM = fileURLToPath(new URL('mailbox-process.ts', import.meta.url))

export interface RunningMailbox {
  readonly link: string
  readonly peer: PeerName
  readonly addresses: readonly string[]
  /** A moment after it began to serve. */
  readonly status: MailboxServiceStatus
}

/** Something has begun to expire, or is gone. */
export interface Expiring {
  readonly kind: 'mail' | 'pairs'
  readonly count: number
  readonly done: boolean
}

export class KilledMailbox {
  readonly #folder: string
  readonly #began: number
  #listen = '/ip4/127.0.0.1/tcp/0'
  #running: ChildProcess | undefined
  /** The next process, with its modules loaded. */
  #next: Promise<ChildProcess>

  private constructor(folder: string, began: number) {
    this.#folder = folder
    this.#began = began
    this.#next = this.#load()
  }

  /** Its clock, a hurried one, began then. */
  static async create(began: number): Promise<KilledMailbox> {
    return new KilledMailbox(await mkdtemp(join(tmpdir(), 'sotto-killed-')), began)
  }

  async start(onExpiring: (expiring: Expiring) => void): Promise<RunningMailbox> {
    const child = await this.#next
    this.#running = child
    const serving = new Promise<RunningMailbox>((resolve) => {
      child.on('message', (told: RunningMailbox | Expiring) => {
        if ('link' in told) resolve(told)
        else onExpiring(told)
      })
    })
    child.send({ dir: join(this.#folder, 'box'), listen: this.#listen, began: this.#began })
    const running = await Promise.race([serving, failure(child)])
    this.#listen = String(running.addresses[0]).replace(/\/p2p\/.*/, '')
    this.#next = this.#load()
    return running
  }

  /** MiB that it has resident; 0 when it does not run. */
  memory(): number {
    if (this.#running?.pid === undefined) return 0
    const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(this.#running.pid)])
    return Number(stdout.toString()) / 1024
  }

  /** SIGKILL: nothing is finished, nothing is flushed. */
  async kill(): Promise<void> {
    const child = this.#running
    this.#running = undefined
    if (child === undefined) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  async end(): Promise<void> {
    await this.kill()
    this.#running = await this.#next
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #load(): Promise<ChildProcess> {
    // Stripping types takes most of a start: the code is kept for the next one.
    const env = { ...process.env, NODE_COMPILE_CACHE: join(this.#folder, 'code') }
    const stdio: ['ignore', 'ignore', 'inherit', 'ipc'] = ['ignore', 'ignore', 'inherit', 'ipc']
    const child = spawn(process.execPath, [PROGRAM], { env, stdio })
    await Promise.race([once(child, 'message'), failure(child)])
    return child
  }
}

async function failure(child: ChildProcess): Promise<never> {
  const [code, signal] = await once(child, 'exit')
  throw new Error(`the mailbox ended: ${String(code ?? signal)}`)
}
