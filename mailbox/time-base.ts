// The time by which mail expires. It counts while the mailbox runs, whatever the computer's clock is set to: mail that was
// promised for 21 days is never dropped because a clock jumped or the machine slept. It may be kept longer than promised.

import { keys } from './keys.ts'
import { SWEEP_MS } from './limits.ts'
import { decodeTime, encodeTime } from './stored.ts'
import type { Clock } from '../net/ports.ts'
import type { Records } from '../net/records.ts'

/** The most that one step of the clock counts: twice the time between two steps. */
const MAX_STEP_MS = 2 * SWEEP_MS

/** A clock in ms that never goes back, also over restarts. Starts at the Unix time of the first start. */
export class TimeBase {
  readonly #records: Records
  readonly #clock: Clock
  #base = 0
  #seen = 0

  constructor(init: { readonly records: Records; readonly clock: Clock }) {
    this.#records = init.records
    this.#clock = init.clock
  }

  async start(): Promise<void> {
    const stored = await this.#records.get(keys.time)
    this.#seen = this.#clock.now()
    this.#base = stored === undefined ? this.#seen : decodeTime(stored)
    if (stored === undefined) this.#save()
  }

  now(): number {
    const passed = this.#clock.now() - this.#seen
    return this.#base + Math.min(Math.max(passed, 0), MAX_STEP_MS)
  }

  /** To be called every `SWEEP_MS` and at the end. */
  step(): void {
    this.#base = this.now()
    this.#seen = this.#clock.now()
    this.#save()
  }

  #save(): void {
    void this.#records.later([{ type: 'put', key: keys.time, value: encodeTime(this.#base) }])
  }
}
