/**
 * Notices a clock that jumps. Keys are destroyed by their age, so a wrong clock could destroy what contacts still need, or keep
 * it for ever (docs/protocol.md, "Clocks").
 *
 * A jump is a reading more than an hour earlier than the last plausible one, or more than an hour later than the timers account
 * for. Time spent switched off is accounted for by nothing; it is told apart, since it is no reason to alarm anybody.
 *
 *                     earlier than plausible      later, while running
 *                         ┌── back <─────────┬─────────> ahead ──┐
 *   a plausible reading   │                  │                   │      a second source or the user, from everywhere: sure
 *                         └───────> sure, or unsure <────────────┘
 *                                    │          ^
 *                                    └──────────┘ a start, later than plausible
 *
 * Until the clock is agreed on, the running time is counted on from the last time that was. That never overtakes the true time,
 * so what is due by it may go; after a jump back, which says that earlier readings may have been wrong, nothing goes.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { OwnClockSchema } from '../protocol/generated/own_pb.ts'
import { soundly, type Damages } from './damage.ts'
import { keys } from './keys.ts'
import { CLOCK_JUMP } from './lifetimes.ts'
import type { Clock, Timer } from '../net/ports.ts'
import type { Operation, Records } from '../net/records.ts'
import { toInteger } from '../protocol/protobuf.ts'
import { decodeRecord, RECORD_VERSION } from './stored-record.ts'
import type { ClockState } from './api.ts'

/** What is wrong with the clock; `off`: the node was not running for more than an hour, and nobody has agreed since. */
export type ClockJump = 'none' | 'back' | 'ahead' | 'off'

/** The jump, as the interface calls it. */
export function clockState(jump: ClockJump): ClockState {
  return jump === 'none' ? 'agreed' : jump
}

/** Who says what time it is. One mailbox or two contacts are believed. */
export type TimeSource = 'mailbox' | 'contact'

export interface ClockGuardInit {
  /** Told where the record of the last reading is damaged. @default nobody */
  readonly damages?: Damages
  readonly records: Records
  readonly clock: Clock
}

/** Between two readings, in ms; how far off a jump is noticed is an hour and this. */
const HEARTBEAT = 10 * 60_000

const CONTACTS_NEEDED = 2

const JUMPS: readonly Exclude<ClockJump, 'off'>[] = ['none', 'back', 'ahead']

export class ClockGuard {
  readonly #records: Records
  readonly #clock: Clock
  readonly #damages: Damages | undefined
  readonly #listeners = new Set<(jump: ClockJump) => void>()
  readonly #contacts = new Set<string>()
  /** Compared with the last plausible reading. */
  #jump: Exclude<ClockJump, 'off'> = 'none'
  /** Nobody has measured, or said, how long the node was off. */
  #unsure = false
  /** The last plausible reading; during a jump, moved on by each heartbeat. */
  #lastSeen = 0
  /** The last reading that was agreed on, moved on by each heartbeat; 0 if it is not known. */
  #counted = 0
  /** Between `start` and `stop`: only then do the heartbeats account for the time that passed. */
  #running = false
  #timer: Timer | undefined

  constructor(init: ClockGuardInit) {
    this.#records = init.records
    this.#clock = init.clock
    this.#damages = init.damages
  }

  /**
   * Compares the clock with the last reading before the stop, and begins to watch it. `floor`: Unix ms, a reading that is known
   * from elsewhere, for where the record of the last one is damaged.
   */
  async start(floor = 0): Promise<void> {
    const stored = await soundly(this.#records, keys.clock)
    const now = this.#clock.now()
    if (stored === undefined) this.#lastSeen = this.#counted = now
    else if (stored === 'damaged') this.#doubt(Math.max(now, floor))
    else this.#load(stored, now)
    this.check()
    this.#running = true
    void this.#records.later([this.#record()])
    this.#beat()
  }

  /** The last reading goes to the store with its closing flush. */
  stop(): void {
    if (!this.#running) return
    this.#timer?.cancel()
    this.check()
    this.#running = false
    void this.#records.later([this.#record()])
  }

  get jump(): ClockJump {
    return this.#jump === 'none' && this.#unsure ? 'off' : this.#jump
  }

  /**
   * Unix ms: what is due by then may be destroyed or expire. Never later than the true time, if the readings before the jump
   * were right; undefined after a jump back, and while no reading is known that anybody agreed on.
   */
  get destroyBy(): number | undefined {
    if (this.check()) return this.#clock.now()
    return this.#jump === 'back' || this.#counted === 0 ? undefined : this.#counted
  }

  /**
   * Unix ms, to note when something began that is destroyed by its age: never earlier than the true time, so that nothing is
   * destroyed early. What was noted while the clock was ahead is corrected when it is right again.
   */
  now(): number {
    this.check()
    return Math.max(this.#clock.now(), this.#lastSeen)
  }

  /** Told when a jump is noticed, undone or confirmed. Returns the function that stops it. */
  watch(listener: (jump: ClockJump) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Reads the clock; true when it can be believed. */
  check(): boolean {
    const now = this.#clock.now()
    this.#set(this.#judge(now), this.#unsure)
    if (this.#jump === 'none') this.#lastSeen = Math.max(this.#lastSeen, now)
    if (this.jump === 'none') this.#counted = this.#lastSeen
    return this.jump === 'none'
  }

  /** The user says that the clock is right. */
  async confirm(): Promise<void> {
    this.#accept()
    await this.#records.commit([this.#record()])
  }

  /** Somebody else's time, Unix ms. `who` keeps one contact from counting twice. */
  witness(source: TimeSource, who: string, time: number): void {
    if (this.check() || Math.abs(time - this.#clock.now()) > CLOCK_JUMP) return
    if (source === 'contact') this.#contacts.add(who)
    if (source === 'contact' && this.#contacts.size < CONTACTS_NEEDED) return
    this.#accept()
    void this.#records.later([this.#record()])
  }

  #judge(now: number): Exclude<ClockJump, 'off'> {
    if (now < this.#lastSeen - CLOCK_JUMP) return 'back'
    return this.#isLate(now) ? 'ahead' : 'none'
  }

  #isLate(now: number): boolean {
    return now > this.#lastSeen + HEARTBEAT + CLOCK_JUMP
  }

  #beat(): void {
    this.#timer = this.#clock.after(HEARTBEAT, () => {
      this.check()
      if (this.#jump !== 'none') this.#lastSeen += HEARTBEAT
      if (this.jump !== 'none' && this.#counted > 0) this.#counted += HEARTBEAT
      void this.#records.later([this.#record()])
      this.#beat()
    })
  }

  #accept(): void {
    this.#lastSeen = this.#counted = this.#clock.now()
    this.#set('none', false)
  }

  #set(jump: Exclude<ClockJump, 'off'>, unsure: boolean): void {
    const before = this.jump
    this.#jump = jump
    this.#unsure = unsure
    if (this.jump === before) return
    this.#contacts.clear()
    void this.#records.later([this.#record()])
    for (const listener of this.#listeners) listener(this.jump)
  }

  /** Its record is damaged: nothing is known of the time that has passed. */
  #doubt(lastSeen: number): void {
    this.#damages?.note({ what: 'clock', key: keys.clock })
    this.#lastSeen = lastSeen
    this.#counted = 0
    this.#unsure = true
  }

  #load(bytes: Uint8Array, now: number): void {
    const stored = decodeRecord(OwnClockSchema, bytes)
    this.#lastSeen = toInteger(stored.lastSeen)
    this.#counted = toInteger(stored.counted)
    this.#unsure = stored.unsure
    this.#jump = JUMPS[stored.jump] ?? 'none'
    if (this.#jump === 'ahead' || !this.#isLate(now)) return
    this.#jump = 'none'
    this.#unsure = true
    this.#lastSeen = now
  }

  #record(): Operation {
    const value = toBinary(
      OwnClockSchema,
      create(OwnClockSchema, {
        version: RECORD_VERSION,
        lastSeen: BigInt(this.#lastSeen),
        jump: JUMPS.indexOf(this.#jump),
        counted: BigInt(this.#counted),
        unsure: this.#unsure,
      }),
    )
    return { type: 'put', key: keys.clock, value }
  }
}
