/** The processes of one subject, alive over all rounds: its mailbox, the depositors, the one who drains. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from '../child.ts'
import type { ClientOrder, Deposited } from './orders.ts'
import type { Server, StartServer } from './servers.ts'

export class System {
  readonly #server: Server
  readonly #collector: Child<ClientOrder>
  readonly #depositors: Child<ClientOrder>
  /** Left and not yet drained. */
  #waiting = 0

  private constructor(server: Server, script: URL) {
    this.#server = server
    this.#collector = Child.start(script)
    this.#depositors = Child.start(script)
  }

  /** `folder` is made, with one for each inside. */
  static async start(name: string, start: StartServer, folder: string): Promise<System> {
    const server = await start(made(folder, 'mailbox'))
    const system = new System(server, new URL(`${name}-worker.ts`, import.meta.url))
    try {
      const collect = { collect: server.meeting, folder: made(folder, 'owner') }
      await system.#depositors.ask({ leave: await system.#collector.ask<string>(collect) })
      return system
    } catch (cause) {
      system.end()
      throw cause
    }
  }

  async deposit(count: number, depositors: number): Promise<Deposited> {
    const deposited = await this.#depositors.ask<Deposited>({ deposit: count, depositors })
    this.#waiting += count
    return deposited
  }

  /** Everything that waits; a second. */
  async drain(): Promise<number> {
    const count = this.#waiting
    const seconds = await this.#collector.ask<number>({ drain: count })
    this.#waiting = 0
    return count / seconds
  }

  end(): void {
    for (const one of [this.#server, this.#collector, this.#depositors]) one.end()
  }
}

function made(folder: string, role: string): string {
  const own = join(folder, role)
  mkdirSync(own, { recursive: true, mode: 0o700 })
  return own
}
