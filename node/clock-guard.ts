/**
 * Notices a clock that jumps. Keys are destroyed by their age, so a wrong clock could destroy what contacts still need:
 * after a jump of more than an hour nothing may be destroyed until the clock is confirmed (docs/protocol.md, "Lifetimes").
 *
 * A jump is a reading earlier than the last plausible one, or, while running, later than the timers account for. Time spent
 * switched off is not a jump: nothing measured it, and a node that was in a drawer for a month is more common than a clock
 * that went wrong while nobody looked. A computer that slept with the node running looks like a jump, and only delays.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { OwnClockSchema } from '../protocol/generated/own_pb.ts'
import { CLOCK_JUMP } from './lifetimes.ts'
import type { Clock, Timer } from '../net/ports.ts'
import type { Operation, Records } from '../net/records.ts'
import { toInteger } from '../protocol/protobuf.ts'
import { decodeRecord, RECORD_VERSION } from './stored-record.ts'

export type ClockJump = 'none' | 'back' | 'ahead'

/** Who says what time it is. One mailbox or two contacts are believed. */
export type TimeSource = 'mailbox' | 'contact'

export interface ClockGuardInit {
  readonly records: Records
  readonly clock: Clock
}

/** Between two readings, in ms; how far off a jump is noticed is an hour and this. */
const HEARTBEAT = 10 * 60_000

const CONTACTS_NEEDED = 2

const KEY = 'own/clock'
const JUMPS: readonly ClockJump[] = ['none', 'back', 'ahead']

export class ClockGuard {
  readonly #records: Records
  readonly #clock: Clock
  readonly #listeners = new Set<(jump: ClockJump) => void>()
  readonly #contacts = new Set<string>()
  #jump: ClockJump = 'none'
  /** The last plausible reading; during a jump, moved on by each heartbeat. */
  #lastSeen = 0
  /** Between `start` and `stop`: only then do the heartbeats account for the time that passed. */
  #running = false
  #timer: Timer | undefined

  constructor(init: ClockGuardInit) {
    this.#records = init.records
    this.#clock = init.clock
  }

  /** Compares the clock with the last reading before the stop, and begins to watch it. */
  async start(): Promise<void> {
    const stored = await this.#records.get(KEY)
    if (stored !== undefined) this.#load(stored)
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

  /** What is wrong with the clock. Anything but `none` forbids to destroy or expire. */
  get jump(): ClockJump {
    return this.#jump
  }

  /** Told when a jump is noticed, undone or confirmed. Returns the function that stops it. */
  watch(listener: (jump: ClockJump) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Reads the clock; true when things may be destroyed by it. */
  check(): boolean {
    const now = this.#clock.now()
    this.#set(this.#judge(now))
    if (this.#jump === 'none') this.#lastSeen = Math.max(this.#lastSeen, now)
    return this.#jump === 'none'
  }

  /** The user says that the clock is right. */
  async confirm(): Promise<void> {
    this.#accept()
    await this.#records.commit([this.#record()])
  }

  /** Somebody else's time, Unix ms. `who` keeps one contact from counting twice. */
  witness(source: TimeSource, who: string, time: number): void {
    if (this.#jump === 'none' || Math.abs(time - this.#clock.now()) > CLOCK_JUMP) return
    if (source === 'contact') this.#contacts.add(who)
    if (source === 'contact' && this.#contacts.size < CONTACTS_NEEDED) return
    this.#accept()
    void this.#records.later([this.#record()])
  }

  #judge(now: number): ClockJump {
    if (now < this.#lastSeen - CLOCK_JUMP) return 'back'
    const late = now > this.#lastSeen + HEARTBEAT + CLOCK_JUMP
    return late && (this.#running || this.#jump === 'ahead') ? 'ahead' : 'none'
  }

  #beat(): void {
    this.#timer = this.#clock.after(HEARTBEAT, () => {
      this.check()
      if (this.#jump !== 'none') this.#lastSeen += HEARTBEAT
      void this.#records.later([this.#record()])
      this.#beat()
    })
  }

  #accept(): void {
    this.#lastSeen = this.#clock.now()
    this.#set('none')
  }

  #set(jump: ClockJump): void {
    if (jump === this.#jump) return
    this.#jump = jump
    this.#contacts.clear()
    void this.#records.later([this.#record()])
    for (const listener of this.#listeners) listener(jump)
  }

  #load(bytes: Uint8Array): void {
    const stored = decodeRecord(OwnClockSchema, bytes)
    this.#lastSeen = toInteger(stored.lastSeen)
    this.#jump = JUMPS[stored.jump] ?? 'none'
  }

  #record(): Operation {
    const value = toBinary(
      OwnClockSchema,
      create(OwnClockSchema, {
        version: RECORD_VERSION,
        lastSeen: BigInt(this.#lastSeen),
        jump: JUMPS.indexOf(this.#jump),
      }),
    )
    return { type: 'put', key: KEY, value }
  }
}
