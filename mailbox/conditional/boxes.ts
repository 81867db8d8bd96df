// Reading and changing the entries of members. A change is decided on what was read, and written only if that is still there:
//
//   read the box ──▶ write new entries that it will refer to ──▶ write the box ──▶ delete entries that it referred to
//        ▲                                                          │
//        └───────────── somebody else has written it ───────────────┘
//
// A process that dies before the box is written has done nothing: what it wrote is not referred to, and goes when it falls due.
// One that dies afterwards has done everything: what has to be deleted stands in the box, and the next who changes it does it.

import { DecodeError } from '../../protocol/errors.ts'
import { toHex } from '../../protocol/bytes.ts'
import { StoreError } from '../../net/store-error.ts'
import { Refusal } from '../refusal.ts'
import { decodeBox, encodeBox } from './box.ts'
import { names } from './names.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import type { Box } from './box.ts'
import type { SealedEntries } from './entries.ts'
import type { DueName } from './names.ts'

/** Somebody wins each time, so that only a broken engine comes so far. */
const MAX_TRIES = 1000

export interface HeldBox {
  /** Undefined when it is damaged. */
  readonly box: Box | undefined
  readonly revision: number
}

/** What a change makes of a box; without `next` nothing is written. */
export interface Change<T> {
  readonly next?: Box
  readonly result: T
}

export class Boxes {
  readonly entries: SealedEntries
  readonly #random: RandomBytes

  constructor(entries: SealedEntries, random: RandomBytes) {
    this.entries = entries
    this.#random = random
  }

  /** 16 random bytes, in hexadecimal digits. */
  newId(): string {
    return toHex(this.#random(16))
  }

  async get(account: Uint8Array): Promise<HeldBox | undefined> {
    const name = names.box(account)
    const held = await this.entries.get(name)
    if (held === undefined) return undefined
    const { value, revision } = held
    try {
      return { box: value === undefined ? undefined : decodeBox(value), revision }
    } catch (cause) {
      if (!(cause instanceof DecodeError)) throw cause
      this.entries.note(name)
      return { box: undefined, revision }
    }
  }

  /** The box of a member; undefined for everybody else. */
  async find(account: Uint8Array): Promise<Box | undefined> {
    const held = await this.get(account)
    return held?.box === undefined || held.box.joining ? undefined : held.box
  }

  async put(account: Uint8Array, box: Box, revision: number): Promise<boolean> {
    return await this.entries.put(names.box(account), encodeBox(box), revision)
  }

  /**
   * Applies `step` to the box as it is, again whenever somebody else was faster, and then deletes what it has thrown away. Throws
   * `Refusal` unavailable for who is no member.
   */
  async change<T>(account: Uint8Array, step: (box: Box) => Promise<Change<T>>): Promise<T> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const held = await this.get(account)
      if (held?.box === undefined || held.box.joining) throw new Refusal('unavailable')
      await this.#discard(held.box.garbage)
      const { next, result } = await step({ ...held.box, garbage: [] })
      if (next === undefined) return result
      if (!(await this.put(account, next, held.revision))) continue
      await this.#discard(next.garbage)
      return result
    }
    throw new StoreError('ERR_IO')
  }

  /** Writes an entry that a box will refer to, and before it when it goes should that never happen. Returns its name. */
  async writeBlob(due: Omit<DueName, 'entry'>, at: number, value: Uint8Array): Promise<string> {
    const blob = this.newId()
    await this.fallDue({ ...due, entry: blob }, at)
    if (await this.entries.put(names.blob(due.box, blob), value, 0)) return blob
    throw new StoreError('ERR_IO')
  }

  async fallDue(due: DueName, at: number): Promise<void> {
    await this.entries.put(names.expiry(at, due), new Uint8Array(0), 0)
  }

  /** Undefined when it is damaged, or is not there. */
  async readBlob(box: string, blob: string): Promise<Uint8Array | undefined> {
    return (await this.entries.get(names.blob(box, blob)))?.value
  }

  async #discard(garbage: readonly string[]): Promise<void> {
    for (const name of garbage) await this.entries.clear(name)
  }
}
