// One-time pairs: kept for their owners, taken once each.

import { KeyedLock } from '../../net/lock.ts'
import { mayTake } from '../lanes.ts'
import { Refusal } from '../refusal.ts'
import { keys, lastNumber } from './keys.ts'
import { Damaged } from './sound-records.ts'
import { decodePair, encodeExpiry, encodePair } from './stored.ts'
import type { Operation, Records } from '../../net/records.ts'
import type { NewPair, StoreLimits } from '../store.ts'
import type { Members } from './members.ts'
import type { SoundRecords } from './sound-records.ts'

/** Pairs looked at for one that is still valid. */
const TAKE_RUN = 8

export interface ShelfInit {
  readonly records: Records
  readonly sound: SoundRecords
  readonly members: Members
  readonly limits: StoreLimits
}

/** Pairs that come, until when they stay, and which of those on the shelf go (`MailboxStore.putPairs`). */
export interface Delivery {
  readonly pairs: readonly NewPair[]
  readonly shelfUntil: number
  readonly voidUntil: number
}

/** A pair that goes. Of a damaged one it is not known when it would have left the shelf. */
interface Dropped {
  readonly place: number
  readonly shelfUntil?: number
}

export class Shelf {
  readonly #init: ShelfInit
  /** One change of an owner's shelf at a time: who takes sees what is there after the last one took. */
  readonly #lock = new KeyedLock()

  constructor(init: ShelfInit) {
    this.#init = init
  }

  /** Keeps all of the pairs, or none. Those that are here already, or were taken, are passed over. Throws `Refusal` quota. */
  async put(owner: number, delivery: Delivery): Promise<void> {
    await this.#lock.run(String(owner), () => this.#put(owner, delivery))
  }

  /** Removes the oldest pair for good, then gives it. Undefined when the shelf is empty. */
  async take(
    owner: number,
    now: number,
    knownUntil: number,
    tokenHash?: Uint8Array,
  ): Promise<NewPair | undefined> {
    return await this.#lock.run(String(owner), async () => {
      const { members, limits } = this.#init
      const { tokens = [], pairs = 0 } = members.get(owner) ?? {}
      const shelf = { pairs, reserved: limits.reservedPairs }
      if (!mayTake(tokens, tokenHash, shelf)) return undefined
      return await this.#take(owner, now, knownUntil)
    })
  }

  /** Takes a pair off the shelf because its time has come. */
  async expire(member: number, place: number): Promise<void> {
    await this.#lock.run(String(member), async () => {
      const pair = await this.#init.sound.get(keys.pair(member, place), decodePair)
      if (pair instanceof Damaged) await this.#drop(member, [{ place }], [])
      else if (pair !== undefined) await this.#drop(member, [{ ...pair, place }], [])
    })
  }

  async #put(number: number, { pairs, shelfUntil, voidUntil }: Delivery): Promise<void> {
    const { members, limits, records } = this.#init
    const { seen, gone } = await this.#shelved(number, voidUntil)
    const missing = await this.#missing(number, pairs, seen)
    const member = members.get(number)
    if (member === undefined || missing.length + gone.length === 0) return
    const left = Math.max(0, member.pairs - gone.length)
    if (left + missing.length > limits.ownerPairs) throw new Refusal('quota')
    const operations = missing.flatMap((pair, at) =>
      this.#shelve(number, member.lastPair + 1 + at, pair, shelfUntil),
    )
    const counters = { pairs: left + missing.length, lastPair: member.lastPair + missing.length }
    await records.commit([
      ...removals(number, gone),
      ...operations,
      members.change(member, counters),
    ])
  }

  /** The ids on the shelf, and the pairs of it that are void. */
  async #shelved(
    number: number,
    voidUntil: number,
  ): Promise<{ readonly seen: Set<number>; readonly gone: readonly Dropped[] }> {
    const seen = new Set<number>()
    const gone: Dropped[] = []
    for await (const { key, value } of this.#init.sound.range(keys.pairs(number), decodePair)) {
      seen.add(value.id)
      const { shelfUntil, expiresAt } = value
      if (expiresAt <= voidUntil) gone.push({ place: lastNumber(key), shelfUntil })
    }
    return { seen, gone }
  }

  /** Those of the pairs that were never here, each once. */
  async #missing(
    number: number,
    pairs: readonly NewPair[],
    seen: Set<number>,
  ): Promise<readonly NewPair[]> {
    const { sound } = this.#init
    const missing: NewPair[] = []
    for (const pair of pairs) {
      const { id } = pair
      if (seen.has(id) || (await sound.get(keys.taken(number, id), () => true)) !== undefined)
        continue
      seen.add(id)
      missing.push(pair)
    }
    return missing
  }

  #shelve(member: number, place: number, pair: NewPair, shelfUntil: number): readonly Operation[] {
    const expiry = encodeExpiry({ kind: 'pair', member, place })
    return [
      { type: 'put', key: keys.pair(member, place), value: encodePair({ ...pair, shelfUntil }) },
      { type: 'put', key: keys.pairExpiry(shelfUntil, member, place), value: expiry },
    ]
  }

  async #take(number: number, now: number, knownUntil: number): Promise<NewPair | undefined> {
    const gone: Dropped[] = []
    const passed = (key: string): void => void gone.push({ place: lastNumber(key) })
    const options = { limit: TAKE_RUN, passed }
    const oldest = this.#init.sound.range(keys.pairs(number), decodePair, options)
    for await (const { key, value: pair } of oldest) {
      gone.push({ place: lastNumber(key), shelfUntil: pair.shelfUntil })
      if (pair.expiresAt <= now) continue
      const taken = await this.#drop(number, gone, mark(number, pair.id, knownUntil))
      return taken ? pair : undefined
    }
    if (gone.length === 0 || !(await this.#drop(number, gone, []))) return undefined
    return await this.#take(number, now, knownUntil)
  }

  /** False when the owner is no member any more. */
  async #drop(
    number: number,
    entries: readonly Dropped[],
    extra: readonly Operation[],
  ): Promise<boolean> {
    const { members, records } = this.#init
    const member = members.get(number)
    if (member === undefined) return false
    const counters = { pairs: Math.max(0, member.pairs - entries.length) }
    await records.commit([...removals(number, entries), ...extra, members.change(member, counters)])
    return true
  }
}

function removals(member: number, entries: readonly Dropped[]): readonly Operation[] {
  return entries.flatMap(({ place, shelfUntil }): Operation[] => [
    del(keys.pair(member, place)),
    ...(shelfUntil === undefined ? [] : [del(keys.pairExpiry(shelfUntil, member, place))]),
  ])
}

/** A pair that was handed out must never come back, not by a repeated upload either. */
function mark(member: number, pairId: number, until: number): readonly Operation[] {
  const expiry = encodeExpiry({ kind: 'taken', member, pairId })
  return [
    { type: 'put', key: keys.taken(member, pairId), value: Uint8Array.of(1) },
    { type: 'put', key: keys.takenExpiry(until, member, pairId), value: expiry },
  ]
}

function del(key: string): Operation {
  return { type: 'del', key }
}
