/** The two processes of one subject, alive over all rounds. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from '../child.ts'
import type { Job, Order } from './jobs.ts'

export class Pair {
  readonly #receiver: Child<Order>
  readonly #sender: Child<Order>

  private constructor(script: URL) {
    this.#receiver = Child.start(script)
    this.#sender = Child.start(script)
  }

  /** Starts both and lets them meet. `folder` is made, with one folder for each inside. */
  static async start(worker: string, folder: string): Promise<Pair> {
    const pair = new Pair(new URL(worker, import.meta.url))
    try {
      const meet = await pair.#receiver.ask<string>({ receive: made(folder, 'receiver') })
      await pair.#sender.ask({ meet, folder: made(folder, 'sender') })
      return pair
    } catch (cause) {
      pair.end()
      throw cause
    }
  }

  /** One sample. */
  run(job: Job, messages: number): Promise<number> {
    return this.#sender.ask({ run: job, messages })
  }

  end(): void {
    this.#receiver.end()
    this.#sender.end()
  }
}

function made(folder: string, role: string): string {
  const own = join(folder, role)
  mkdirSync(own, { recursive: true, mode: 0o700 })
  return own
}
