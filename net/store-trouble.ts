// What ails a store that refuses to write, and that it is tried again though nobody writes.

import type { Clock, Timer } from './ports.ts'
import type { StoreError } from './store-error.ts'

export interface Trouble {
  /** The last failure. */
  readonly error: StoreError
  /** Unix ms of the first. */
  readonly since: number
}

/** Until it is tried again. */
const AGAIN_MS = 5_000

export class StoreTrouble {
  readonly #clock: Clock
  readonly #tryAgain: () => void
  readonly #listeners: ((trouble: Trouble | undefined) => void)[] = []
  #last: Trouble | undefined
  #timer: Timer | undefined
  #stopped = false

  /** @param tryAgain called some time after each failure, unless it is over before */
  constructor(clock: Clock, tryAgain: () => void) {
    this.#clock = clock
    this.#tryAgain = tryAgain
  }

  /** Undefined while the store can be written. */
  get last(): Trouble | undefined {
    return this.#last
  }

  /** Told when it begins, when it is of another kind, and with undefined when it is over. */
  onChange(listener: (trouble: Trouble | undefined) => void): void {
    this.#listeners.push(listener)
  }

  /** A write has failed, or another try. */
  met(error: StoreError): void {
    const before = this.#last
    this.#last = { error, since: before?.since ?? this.#clock.now() }
    this.#wait()
    if (before?.error.code !== error.code) this.#tell()
  }

  /** A write has succeeded. */
  over(): void {
    if (this.#last === undefined) return
    this.#last = undefined
    this.#timer?.cancel()
    this.#timer = undefined
    this.#tell()
  }

  /** Nothing is tried any more. */
  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  #wait(): void {
    if (this.#stopped) return
    this.#timer ??= this.#clock.after(AGAIN_MS, () => {
      this.#timer = undefined
      this.#tryAgain()
    })
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.#last)
  }
}
