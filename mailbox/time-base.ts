// The time by which mail expires. It counts while the mailbox runs, whatever the computer's clock is set to: mail that was
// promised for 21 days is never dropped because a clock jumped or the machine slept. It may be kept longer than promised.

import { SWEEP_MS } from './limits.ts'
import type { Clock } from '../net/ports.ts'
import type { MailboxStore } from './store.ts'

/** The most that one step of the clock counts: twice the time between two steps. */
const MAX_STEP_MS = 2 * SWEEP_MS

export interface TimeBaseInit {
  readonly store: MailboxStore
  readonly clock: Clock
}

/** A clock in ms that never goes back, also over restarts. Starts at the Unix time of the first start. */
export class TimeBase {
  readonly #store: MailboxStore
  readonly #clock: Clock
  #base = 0
  #seen = 0

  constructor(init: TimeBaseInit) {
    this.#store = init.store
    this.#clock = init.clock
  }

  async start(): Promise<void> {
    const stored = await this.#store.time()
    this.#seen = this.#clock.now()
    // A damaged one is made anew: no earlier than every promise was made by.
    this.#base = stored ?? this.#seen
    if (stored === undefined) await this.#store.setTime(this.#base)
  }

  now(): number {
    const passed = this.#clock.now() - this.#seen
    return this.#base + Math.min(Math.max(passed, 0), MAX_STEP_MS)
  }

  /** To be called every `SWEEP_MS` and at the end. Throws `StoreError`; the time goes on all the same. */
  async step(): Promise<void> {
    this.#base = this.now()
    this.#seen = this.#clock.now()
    await this.#store.setTime(this.#base)
  }
}
