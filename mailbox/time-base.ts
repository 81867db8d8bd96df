// The time by which mail expires. It counts while the mailbox runs, whatever the computer's clock is set to: mail that was
// promised for 21 days is never dropped because a clock jumped or the machine slept. It may be kept longer than promised.

import { keys } from './keys.ts'
import { Damaged } from './sound-records.ts'
import { SWEEP_MS } from './limits.ts'
import { decodeTime, encodeTime } from './stored.ts'
import type { Clock } from '../net/ports.ts'
import type { Records } from '../net/records.ts'
import type { SoundRecords } from './sound-records.ts'

/** The most that one step of the clock counts: twice the time between two steps. */
const MAX_STEP_MS = 2 * SWEEP_MS

export interface TimeBaseInit {
  readonly records: Records
  readonly sound: SoundRecords
  readonly clock: Clock
}

/** A clock in ms that never goes back, also over restarts. Starts at the Unix time of the first start. */
export class TimeBase {
  readonly #records: Records
  readonly #sound: SoundRecords
  readonly #clock: Clock
  #base = 0
  #seen = 0

  constructor(init: TimeBaseInit) {
    this.#records = init.records
    this.#sound = init.sound
    this.#clock = init.clock
  }

  async start(): Promise<void> {
    const stored = await this.#sound.get(keys.time, decodeTime)
    this.#seen = this.#clock.now()
    // A damaged one is made anew: no earlier than every promise was made by.
    const fresh = stored === undefined || stored instanceof Damaged
    this.#base = fresh ? this.#seen : stored
    if (fresh) this.#save()
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
