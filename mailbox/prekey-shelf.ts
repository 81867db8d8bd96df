// One-time pairs: kept for their owners, handed out once each.

import { signHandOut } from '../protocol/custody.ts'
import { verifyOneTimePair } from '../protocol/prekeys.ts'
import { KeyedLock } from '../net/lock.ts'
import { keys, lastNumber } from './keys.ts'
import { PAIR_SHELF_MS, TAKEN_PAIR_MS } from './limits.ts'
import { Refusal } from './refusal.ts'
import { Damaged } from './sound-records.ts'
import { decodePair, encodeExpiry, encodePair } from './stored.ts'
import type { Account } from '../protocol/account.ts'
import type { VerifiedOneTimePair } from '../protocol/prekeys.ts'
import type { Clock } from '../net/ports.ts'
import type { Operation, Records } from '../net/records.ts'
import type { MailboxLimits } from './limits.ts'
import type { Member, Members } from './members.ts'
import type { SoundRecords } from './sound-records.ts'
import type { TimeBase } from './time-base.ts'

/** Pairs looked at for one that is still valid. */
const TAKE_RUN = 8

export interface PrekeyShelfInit {
  readonly account: Account
  readonly records: Records
  readonly sound: SoundRecords
  readonly members: Members
  readonly clock: Clock
  readonly time: TimeBase
  readonly limits: MailboxLimits
}

/** A pair on its way to the one who asked, with the mailbox's signed note that it was handed out. */
export interface HandOut {
  readonly pair: Uint8Array
  readonly note: Uint8Array
}

/** A pair that goes. Of a damaged one it is not known when it would have left the shelf. */
interface Dropped {
  readonly place: number
  readonly shelfUntil?: number
}

interface Fresh {
  readonly signed: Uint8Array
  readonly verified: VerifiedOneTimePair
}

export class PrekeyShelf {
  readonly #init: PrekeyShelfInit
  /** One change of an owner's shelf at a time: who takes sees what is there after the last one took. */
  readonly #lock = new KeyedLock()

  constructor(init: PrekeyShelfInit) {
    this.#init = init
  }

  /**
   * Verifies and keeps all of the pairs, or none. Those that are here already, or were handed out, are passed over: an upload
   * can be repeated. Throws `RecordError` or `DecodeError` for a pair that is not this owner's for this mailbox, `Refusal` quota
   * when the shelf is full.
   */
  async put(owner: Member, signedPairs: readonly Uint8Array[]): Promise<void> {
    const fresh = signedPairs.map((signed) => this.#verify(owner, signed))
    await this.#lock.run(String(owner.number), () => this.#put(owner.number, fresh))
  }

  /** Removes the oldest pair for good, then gives it. Undefined when the shelf is empty. */
  async take(owner: Member, nonce: Uint8Array): Promise<HandOut | undefined> {
    if (owner.pairs === 0) return undefined
    return await this.#lock.run(String(owner.number), () => this.#take(owner.number, nonce))
  }

  /** Takes a pair off the shelf because its time has come. */
  async expire(member: number, place: number): Promise<void> {
    await this.#lock.run(String(member), async () => {
      const pair = await this.#init.sound.get(keys.pair(member, place), decodePair)
      if (pair instanceof Damaged) await this.#drop(member, [{ place }], [])
      else if (pair !== undefined) await this.#drop(member, [{ ...pair, place }], [])
    })
  }

  #verify(owner: Member, signed: Uint8Array): Fresh {
    const { account, clock } = this.#init
    const expected = { account: owner.account, mailbox: account.key, now: clock.now() }
    return { signed, verified: verifyOneTimePair(signed, expected) }
  }

  async #put(number: number, pairs: readonly Fresh[]): Promise<void> {
    const { members, limits, records } = this.#init
    const missing = await this.#missing(number, pairs)
    const member = members.get(number)
    if (member === undefined || missing.length === 0) return
    if (member.pairs + missing.length > limits.ownerPairs) throw new Refusal('quota')
    const operations = missing.flatMap((pair, at) =>
      this.#shelve(number, member.lastPair + 1 + at, pair),
    )
    const counters = {
      pairs: member.pairs + missing.length,
      lastPair: member.lastPair + missing.length,
    }
    await records.commit([...operations, members.change(member, counters)])
  }

  /** Those of the pairs that were never here, each once. */
  async #missing(number: number, pairs: readonly Fresh[]): Promise<readonly Fresh[]> {
    const { sound } = this.#init
    const seen = new Set<number>()
    for await (const { value } of sound.range(keys.pairs(number), decodePair)) seen.add(value.id)
    const missing: Fresh[] = []
    for (const pair of pairs) {
      const { id } = pair.verified
      if (seen.has(id) || (await sound.get(keys.taken(number, id), () => true)) !== undefined)
        continue
      seen.add(id)
      missing.push(pair)
    }
    return missing
  }

  #shelve(member: number, place: number, { signed, verified }: Fresh): readonly Operation[] {
    const shelfUntil = this.#init.time.now() + PAIR_SHELF_MS
    const pair = { id: verified.id, expiresAt: verified.expiresAt, shelfUntil, signed }
    const expiry = encodeExpiry({ kind: 'pair', member, place })
    return [
      { type: 'put', key: keys.pair(member, place), value: encodePair(pair) },
      { type: 'put', key: keys.pairExpiry(shelfUntil, member, place), value: expiry },
    ]
  }

  async #take(number: number, nonce: Uint8Array): Promise<HandOut | undefined> {
    const { account, clock, members } = this.#init
    const now = clock.now()
    const gone: Dropped[] = []
    const passed = (key: string): void => void gone.push({ place: lastNumber(key) })
    const options = { limit: TAKE_RUN, passed }
    const oldest = this.#init.sound.range(keys.pairs(number), decodePair, options)
    for await (const { key, value: pair } of oldest) {
      gone.push({ place: lastNumber(key), shelfUntil: pair.shelfUntil })
      if (pair.expiresAt <= now) continue
      const owner = members.get(number)?.account
      if (owner === undefined) return undefined
      await this.#drop(number, gone, this.#mark(number, pair.id))
      const note = signHandOut(account, { owner, keyId: pair.id, at: now, nonce })
      return { pair: pair.signed, note }
    }
    if (gone.length === 0) return undefined
    await this.#drop(number, gone, [])
    return await this.#take(number, nonce)
  }

  /** A pair that was handed out must never come back, not by a repeated upload either. */
  #mark(member: number, pairId: number): readonly Operation[] {
    const at = this.#init.time.now() + TAKEN_PAIR_MS
    const expiry = encodeExpiry({ kind: 'taken', member, pairId })
    return [
      { type: 'put', key: keys.taken(member, pairId), value: Uint8Array.of(1) },
      { type: 'put', key: keys.takenExpiry(at, member, pairId), value: expiry },
    ]
  }

  async #drop(
    number: number,
    entries: readonly Dropped[],
    extra: readonly Operation[],
  ): Promise<void> {
    const { members, records } = this.#init
    const member = members.get(number)
    if (member === undefined) return
    const operations = entries.flatMap(({ place, shelfUntil }): Operation[] => [
      del(keys.pair(number, place)),
      ...(shelfUntil === undefined ? [] : [del(keys.pairExpiry(shelfUntil, number, place))]),
    ])
    const counters = { pairs: Math.max(0, member.pairs - entries.length) }
    await records.commit([...operations, ...extra, members.change(member, counters)])
  }
}

function del(key: string): Operation {
  return { type: 'del', key }
}
