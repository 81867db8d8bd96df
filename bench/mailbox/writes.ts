/** Group commit and nothing else: what arrives while a batch is being written goes into the next one. */
import type { Level } from 'level'

export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }

export class Writes {
  readonly #level: Level<string, Uint8Array>
  #waiting: Operation[] = []
  #last: Operation | undefined
  #next: Promise<void> | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(level: Level<string, Uint8Array>) {
    this.#level = level
  }

  /** Resolves when the operations are on disk. Of a batch with several `last`, only the last is written. */
  commit(operations: readonly Operation[], last?: Operation): Promise<void> {
    this.#waiting.push(...operations)
    this.#last = last ?? this.#last
    this.#next ??= this.#writing = this.#writing.then(() => this.#write())
    return this.#next
  }

  async #write(): Promise<void> {
    const batch = this.#last === undefined ? this.#waiting : [...this.#waiting, this.#last]
    this.#waiting = []
    this.#last = undefined
    this.#next = undefined
    await this.#level.batch(batch, { sync: true })
  }
}
