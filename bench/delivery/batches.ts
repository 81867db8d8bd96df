/** Group commit and nothing else: what arrives while a batch is being written goes into the next one. */
import type { Level } from 'level'

export interface Put {
  readonly key: string
  readonly value: Uint8Array
}

export class Batches {
  readonly #level: Level<string, Uint8Array>
  #waiting: Put[] = []
  #next: Promise<void> | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(level: Level<string, Uint8Array>) {
    this.#level = level
  }

  /** Resolves when the puts are on disk. */
  commit(puts: readonly Put[]): Promise<void> {
    this.#waiting.push(...puts)
    this.#next ??= this.#writing = this.#writing.then(() => this.#write())
    return this.#next
  }

  async #write(): Promise<void> {
    const batch = this.#waiting.map((put) => ({ type: 'put' as const, ...put }))
    this.#waiting = []
    this.#next = undefined
    await this.#level.batch(batch, { sync: true })
  }
}
