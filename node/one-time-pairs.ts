/**
 * The one-time pairs whose private halves we hold, each meant for one of our mailboxes. A pair is stored before its public
 * halves leave, and deleted in the commit that stores the session it made. Only own-keys.ts uses this.
 */
import { equalBytes } from '../protocol/bytes.ts'
import { SessionError } from '../protocol/errors.ts'
import { createOneTimePair } from '../protocol/prekeys.ts'
import { MAX_CLOCK_SKEW } from '../protocol/record-time.ts'
import { wipeAll } from '../protocol/secret.ts'
import { keys } from './keys.ts'
import { CLOCK_JUMP, ONE_TIME_KEPT, ONE_TIME_SHELF, ONE_TIME_VALIDITY } from './lifetimes.ts'
import { decodePair, encodePair, usablePair, wipeValues } from './own-codec.ts'
import type { Account, AccountKey } from '../protocol/account.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { OneTimePair } from '../protocol/prekeys.ts'
import type { Clock } from '../net/ports.ts'
import type { Operation, Records } from '../net/records.ts'
import { soundly, type Damages } from './damage.ts'
import type { StoredPair } from './own-codec.ts'

export interface OneTimePairsInit {
  readonly damages: Damages
  readonly account: Account
  readonly records: Records
  readonly clock: Clock
  readonly random: RandomBytes
  /** Whether another prekey of the device has this id. */
  readonly taken: (id: number) => boolean
}

/** The public half, as it goes to its mailbox. */
export interface SignedPair {
  readonly id: number
  readonly signed: Uint8Array
}

/**
 * Held for one mailbox at a time, handed out or not: 20 refills. A mailbox that keeps saying that its shelf is empty gets no
 * more until some are used or die.
 */
const MAX_PAIRS = 2_000

export class OneTimePairs {
  readonly #init: OneTimePairsInit
  readonly #pairs = new Map<number, StoredPair>()
  /** In a commit that is on its way: not to be used a second time. */
  readonly #spending = new Map<number, StoredPair>()
  /** Those of them whose commit has failed. */
  readonly #doubtful = new Set<number>()

  constructor(init: OneTimePairsInit) {
    this.#init = init
  }

  /** A damaged pair is gone: first messages that name it are refused, and their senders make others. */
  async load(): Promise<void> {
    const { records, damages } = this.#init
    const gone: string[] = []
    const range = records.range(keys.pairs, { damaged: (key) => gone.push(key) })
    for await (const { value } of range) {
      const pair = decodePair(value)
      this.#pairs.set(pair.id, pair)
    }
    for (const key of gone) damages.note({ what: 'prekey', key })
    if (gone.length > 0) await records.commit(gone.map((key) => ({ type: 'del', key })))
  }

  has(id: number): boolean {
    return this.#pairs.has(id) || this.#spending.has(id)
  }

  /** The pair, unless it is unknown, spent or dead. */
  get(id: number): OneTimePair | undefined {
    const pair = this.#pairs.get(id)
    return pair === undefined ? undefined : usablePair(pair)
  }

  /** The mailbox that a pair is meant for, also of one that is being spent. */
  mailboxOf(id: number): Uint8Array | undefined {
    return (this.#pairs.get(id) ?? this.#spending.get(id))?.mailbox
  }

  /** Pairs that were given to the mailbox and may still be on its shelf, as far as no first message has used them. */
  outstanding(mailbox: AccountKey, after = 0): number {
    const oldest = Math.max(this.#init.clock.now() - ONE_TIME_SHELF, after)
    return this.#of(mailbox).filter((pair) => pair.uploaded && pair.issuedAt > oldest).length
  }

  /** Pairs that the mailbox has acknowledged, issued after some moment, and that no first message has used: it has no others. */
  given(mailbox: AccountKey, after: number): number {
    return this.#of(mailbox).filter((pair) => pair.uploaded && pair.issuedAt > after).length
  }

  /** Pairs that the mailbox has not acknowledged and may still get, issued after some moment. */
  pending(mailbox: AccountKey, after = 0): readonly SignedPair[] {
    const now = this.#init.clock.now()
    return this.#of(mailbox).filter(({ uploaded, expiresAt }) => {
      // As it is signed: what was made while the clock was ahead would be refused, and all that is uploaded with it.
      const issued = expiresAt - ONE_TIME_VALIDITY
      const oldest = Math.max(now - ONE_TIME_SHELF, after)
      return !uploaded && issued > oldest && issued <= now + MAX_CLOCK_SKEW
    })
  }

  /** Makes pairs and stores them; fewer than `count` where the mailbox has too many out already. */
  async create(device: number, mailbox: AccountKey, count: number): Promise<readonly SignedPair[]> {
    const pairs: StoredPair[] = []
    const room = MAX_PAIRS - this.#of(mailbox).length
    const ids = new Set<number>()
    for (let i = 0; i < Math.min(count, room); i += 1) {
      const pair = this.#make(device, mailbox, ids)
      ids.add(pair.id)
      pairs.push(pair)
    }
    await this.#commit(pairs)
    for (const pair of pairs) this.#pairs.set(pair.id, pair)
    return pairs
  }

  /** The mailbox has them. A lost mark costs one upload more. */
  uploaded(ids: readonly number[]): void {
    for (const id of ids) {
      const pair = this.#pairs.get(id)
      if (pair === undefined) continue
      const marked = { ...pair, uploaded: true }
      this.#pairs.set(id, marked)
      this.#later(marked)
    }
  }

  /** The operations that delete the pair, for the commit that stores its session. From now on it is not given out. */
  spend(id: number): readonly Operation[] {
    const pair = this.#pairs.get(id)
    if (pair === undefined) throw new SessionError('ERR_UNKNOWN_PREKEY')
    this.#pairs.delete(id)
    this.#spending.set(id, pair)
    return [{ type: 'del', key: keys.pair(id) }]
  }

  /** The commit is done. */
  forget(id: number): void {
    const pair = this.#spending.get(id)
    this.#spending.delete(id)
    if (pair !== undefined) wipe(pair)
  }

  /** The commit failed, and may be in the store all the same: `recover` tells. Until then the pair is not given out. */
  restore(id: number): void {
    if (this.#spending.has(id)) this.#doubtful.add(id)
  }

  /** After failed commits: the pairs that are in the store are as good as before, and the others are used. Rejects with `StoreError`. */
  async recover(): Promise<void> {
    if (this.#doubtful.size === 0) return
    const { records } = this.#init
    await records.flush()
    for (const id of this.#doubtful) {
      const pair = this.#spending.get(id)
      const stored = await soundly(records, keys.pair(id))
      this.#doubtful.delete(id)
      if (pair === undefined) continue
      if (stored === undefined || stored === 'damaged') this.forget(id)
      else {
        this.#spending.delete(id)
        this.#pairs.set(id, pair)
      }
    }
  }

  /** Pairs that were made while the clock was ahead count as made now. */
  async correct(now: number): Promise<void> {
    const wrong = [...this.#pairs.values()].filter((pair) => pair.issuedAt > now + CLOCK_JUMP)
    if (wrong.length === 0) return
    await this.#commit(wrong.map((pair) => ({ ...pair, issuedAt: now })))
    for (const { id } of wrong) {
      const pair = this.#pairs.get(id) // unless it was spent meanwhile
      if (pair !== undefined) this.#pairs.set(id, { ...pair, issuedAt: now })
    }
  }

  /** Destroys what is too old to be named by a first message that may still come. */
  async expire(now: number): Promise<void> {
    const dead = [...this.#pairs.values()].filter((pair) => pair.issuedAt < now - ONE_TIME_KEPT)
    if (dead.length === 0) return
    await this.#init.records.commit(dead.map(({ id }) => ({ type: 'del', key: keys.pair(id) })))
    for (const pair of dead) {
      // One that is being spent at this moment is wiped by `forget`.
      if (this.#pairs.delete(pair.id)) wipe(pair)
    }
  }

  /** Destroys all: in a store that went back, used ones are there again. */
  async drop(): Promise<void> {
    const all = [...this.#pairs.values()]
    // One whose commit is on its way, or has failed, must not be found again either.
    const ids = [...this.#pairs.keys(), ...this.#spending.keys()]
    if (ids.length === 0) return
    await this.#init.records.commit(ids.map((id) => ({ type: 'del', key: keys.pair(id) })))
    for (const pair of all) if (this.#pairs.delete(pair.id)) wipe(pair)
  }

  /** Wipes the private halves; nothing can be used until the next `load`. */
  unload(): void {
    for (const pair of [...this.#pairs.values(), ...this.#spending.values()]) wipe(pair)
    this.#pairs.clear()
    this.#spending.clear()
    this.#doubtful.clear()
  }

  #make(device: number, mailbox: AccountKey, ids: ReadonlySet<number>): StoredPair {
    const { account, clock, random, taken } = this.#init
    const issuedAt = clock.now()
    const expiresAt = issuedAt + ONE_TIME_VALIDITY
    const isTaken = (id: number): boolean => ids.has(id) || this.has(id) || taken(id)
    const lifetime = { issuedAt, expiresAt }
    const pair = createOneTimePair({ account, device, mailbox, ...lifetime, random, isTaken })
    const { id, keyPair, kem, signed } = pair
    const secrets = { oneTimePrekey: keyPair.privateKey, kemSeed: kem.seed }
    return { id, mailbox, ...secrets, signed, ...lifetime, uploaded: false }
  }

  #of(mailbox: AccountKey): readonly StoredPair[] {
    return [...this.#pairs.values()].filter((pair) => equalBytes(pair.mailbox, mailbox))
  }

  async #commit(pairs: readonly StoredPair[]): Promise<void> {
    const operations = pairs.map(putOf)
    const committed = this.#init.records.commit(operations)
    wipeValues(operations) // sealed by now
    await committed
  }

  #later(pair: StoredPair): void {
    const operations = [putOf(pair)]
    void this.#init.records.later(operations)
    wipeValues(operations)
  }
}

function putOf(pair: StoredPair): Operation {
  return { type: 'put', key: keys.pair(pair.id), value: encodePair(pair) }
}

function wipe(pair: StoredPair): void {
  wipeAll([pair.oneTimePrekey, pair.kemSeed])
}
