// One-time pairs: kept for their owners, handed out once each.

import { signHandOut } from '../protocol/custody.ts'
import { verifyOneTimePair } from '../protocol/prekeys.ts'
import { KeyedLock } from '../net/lock.ts'
import { keys, lastNumber } from './keys.ts'
import { PAIR_SHELF_MS, TAKEN_PAIR_MS } from './limits.ts'
import { Refusal } from './refusal.ts'
import { decodePair, encodeExpiry, encodePair } from './stored.ts'
import type { Account } from '../protocol/account.ts'
import type { VerifiedOneTimePair } from '../protocol/prekeys.ts'
import type { Clock } from '../net/ports.ts'
import type { Operation, Records } from '../net/records.ts'
import type { MailboxLimits } from './limits.ts'
import type { Member, Members } from './members.ts'
import type { StoredPair } from './stored.ts'
import type { TimeBase } from './time-base.ts'

/** Pairs looked at for one that is still valid. */
const TAKE_RUN = 8

export interface PrekeyShelfInit {
  readonly account: Account
  readonly records: Records
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
      const value = await this.#init.records.get(keys.pair(member, place))
      if (value !== undefined) await this.#drop(member, [[place, decodePair(value)]], [])
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
    const { records } = this.#init
    const seen = new Set<number>()
    for await (const { value } of records.range(keys.pairs(number))) seen.add(decodePair(value).id)
    const missing: Fresh[] = []
    for (const pair of pairs) {
      const { id } = pair.verified
      if (seen.has(id) || (await records.get(keys.taken(number, id))) !== undefined) continue
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
    const stale: [number, StoredPair][] = []
    const oldest = this.#init.records.range(keys.pairs(number), { limit: TAKE_RUN })
    for await (const { key, value } of oldest) {
      const entry: [number, StoredPair] = [lastNumber(key), decodePair(value)]
      const [, pair] = entry
      if (pair.expiresAt <= now) {
        stale.push(entry)
        continue
      }
      await this.#drop(number, [...stale, entry], this.#mark(number, pair.id))
      const owner = members.get(number)?.account
      if (owner === undefined) return undefined
      const note = signHandOut(account, { owner, keyId: pair.id, at: now, nonce })
      return { pair: pair.signed, note }
    }
    if (stale.length === 0) return undefined
    await this.#drop(number, stale, [])
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
    entries: readonly (readonly [number, StoredPair])[],
    extra: readonly Operation[],
  ): Promise<void> {
    const { members, records } = this.#init
    const member = members.get(number)
    if (member === undefined) return
    const operations = entries.flatMap(([place, pair]): Operation[] => [
      { type: 'del', key: keys.pair(number, place) },
      { type: 'del', key: keys.pairExpiry(pair.shelfUntil, number, place) },
    ])
    const counters = { pairs: member.pairs - entries.length }
    await records.commit([...operations, ...extra, members.change(member, counters)])
  }
}
