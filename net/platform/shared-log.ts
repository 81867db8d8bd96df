// One log for two who write: the records, each batch of which is promised to somebody, and libp2p, which can learn again what it loses.
// A write that was cut short leaves a place in the log behind which LevelDB finds nothing, or leaves out what it finds. So the records
// never write while libp2p does, and after a failure nobody writes before the database was opened again.

import { TornLogError } from '../store-error.ts'

export class SharedLog {
  readonly #libp2p = new Set<Promise<unknown>>()
  /** While the records have it for themselves. */
  #alone: Promise<void> | undefined
  #failure: unknown

  /** A write of libp2p, beside others of it. Rejects as that does, or as `write`. */
  async share<T>(write: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone
    this.#checkWhole()
    const writing = write()
    this.#libp2p.add(writing)
    try {
      return await writing
    } catch (cause) {
      this.#failure = cause
      throw cause
    } finally {
      this.#libp2p.delete(writing)
    }
  }

  /** A write of the records. Rejects with `TornLogError`, and has not begun, where an earlier one has failed. */
  write<T>(write: () => Promise<T>): Promise<T> {
    return this.#alonely(async () => {
      this.#checkWhole()
      try {
        return await write()
      } catch (cause) {
        this.#failure = cause
        throw cause
      }
    })
  }

  /** Opens the database again: all can write afterwards. */
  mend(reopen: () => Promise<void>): Promise<void> {
    return this.#alonely(async () => {
      await reopen()
      this.#failure = undefined
    })
  }

  #checkWhole(): void {
    if (this.#failure !== undefined) throw new TornLogError({ cause: this.#failure })
  }

  async #alonely<T>(run: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#alone = promise
    try {
      await Promise.allSettled(this.#libp2p)
      return await run()
    } finally {
      this.#alone = undefined
      resolve()
    }
  }
}
