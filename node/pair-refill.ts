/**
 * Keeps the shelf of one-time pairs at one of our mailboxes full. New pairs are made at most once an hour and at a random moment,
 * so that whoever drains the shelf does not make us answer in step (docs/protocol.md, "Custody").
 */
import { backoff } from '../net/backoff.ts'
import { CLOCK_JUMP, HOUR, ONE_TIME_VALIDITY } from './lifetimes.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Clock } from '../net/ports.ts'
import type { SignedPair } from './one-time-pairs.ts'
import type { OwnKeys } from './own-keys.ts'

export interface PairRefillInit {
  readonly clock: Clock
  readonly random: RandomBytes
  readonly keys: Pick<
    OwnKeys,
    | 'createOneTimePairs'
    | 'pendingOneTimePairs'
    | 'oneTimePairsUploaded'
    | 'oneTimePairsOutstanding'
    | 'oneTimePairsGiven'
  >
  readonly mailbox: AccountKey
  /** When pairs were last made for this mailbox; 0 for never. */
  readonly refilledAt: number
  /** Unix ms: what was issued before has no private half any more, wherever it still is; 0 for nothing. */
  readonly goodSince: () => number
  /** Told, when a shelf is found low, of pairs that were handed out and that no first message has used. */
  readonly onDrained: (unmatched: number) => void
  /** Stores that time, before pairs are made. */
  readonly save: (refilledAt: number) => Promise<void>
}

/** Sends signed pairs, at most `BATCH`, has those on the shelf that expire until `voidUntil` taken off, and resolves when that is acknowledged. */
export type UploadPairs = (signed: readonly Uint8Array[], voidUntil: number) => Promise<void>

/** Pairs that are handed out and not used, before it is told: half a shelf. First messages may be on their way. */
const DRAINED = 50

export const SHELF_TARGET = 100
export const REFILL_BELOW = 50
const REFILL_INTERVAL = HOUR

/** Around this long after a shelf was found low, never in the same moment. */
const REFILL_JITTER = { base: 5 * 60_000, max: 10 * 60_000 }

/** About 1.5 KB each: what one acknowledged upload of 64 KiB holds. */
const BATCH = 40

export class PairRefill {
  readonly #init: PairRefillInit
  #refilledAt: number
  /** When the next pairs may be made; drawn when the shelf is found low. */
  #planned: number | undefined
  /** The shelf was low when it was last looked at. */
  #wasLow = false

  constructor(init: PairRefillInit) {
    this.#init = init
    this.#refilledAt = init.refilledAt
  }

  /**
   * Brings the shelf up to 100 where it is below 50 and the time has come; what was made before and never acknowledged goes
   * first and at once. Pairs that were issued until `restored` (Unix ms) are none to the mailbox: it may have handed them out before it
   * was restored. Where it has more than it can have of ours, what is void is taken off first. Resolves to how many are on the shelf
   * then. Rejects as `upload` does; the rest is sent by the next call.
   */
  async tend(shelf: number, upload: UploadPairs, restored = 0): Promise<number> {
    const after = Math.max(restored, this.#goodSince() - 1)
    const onShelf = await this.#clear(shelf, upload, after)
    if (onShelf >= REFILL_BELOW) {
      this.#planned = undefined
      this.#wasLow = false
      return onShelf
    }
    this.#lookAtDrain(onShelf, after)
    const missing = SHELF_TARGET - onShelf
    const { clock, keys, mailbox } = this.#init
    const pending = keys.pendingOneTimePairs(mailbox, after).length
    if (pending < missing && this.#isDue() && clock.now() > after) {
      await this.#make(missing - pending)
    }
    const sent = keys.pendingOneTimePairs(mailbox, after).slice(0, missing)
    return onShelf + (await this.#send(sent, upload))
  }

  /** Who takes a pair without a private half gets no session with us. */
  async #clear(onShelf: number, upload: UploadPairs, after: number): Promise<number> {
    const { keys, mailbox } = this.#init
    const ours = keys.oneTimePairsGiven(mailbox, after)
    if (this.#goodSince() === 0 || onShelf <= ours) return onShelf
    await upload([], this.#voidUntil())
    return ours
  }

  /** One that is still to come was noted while the clock was ahead. */
  #goodSince(): number {
    const { clock, goodSince } = this.#init
    const since = goodSince()
    return since > clock.now() ? 0 : since
  }

  /** As pairs are signed: of these the mailbox knows when they expire. */
  #voidUntil(): number {
    return Math.max(0, this.#goodSince() - 1 + ONE_TIME_VALIDITY)
  }

  /** Once each time the shelf gets low. */
  #lookAtDrain(onShelf: number, after: number): void {
    if (this.#wasLow) return
    this.#wasLow = true
    const { keys, mailbox, onDrained } = this.#init
    const unmatched = keys.oneTimePairsOutstanding(mailbox, after) - onShelf
    if (unmatched >= DRAINED) onDrained(unmatched)
  }

  #isDue(): boolean {
    const now = this.#init.clock.now()
    // The first time; or the clock was ahead when it was noted.
    if (this.#refilledAt === 0 || this.#refilledAt > now + CLOCK_JUMP) return true
    if (this.#refilledAt < this.#goodSince()) return true
    const { random } = this.#init
    this.#planned ??=
      Math.max(now, this.#refilledAt + REFILL_INTERVAL) + backoff(0, { ...REFILL_JITTER, random })
    return now >= this.#planned
  }

  async #make(count: number): Promise<void> {
    const { clock, keys, mailbox, save } = this.#init
    const now = clock.now()
    await save(now)
    this.#refilledAt = now
    this.#planned = undefined
    for (let left = count; left > 0; left -= BATCH) {
      await keys.createOneTimePairs(mailbox, Math.min(BATCH, left))
    }
  }

  async #send(pairs: readonly SignedPair[], upload: UploadPairs): Promise<number> {
    const { keys } = this.#init
    for (let at = 0; at < pairs.length; at += BATCH) {
      const batch = pairs.slice(at, at + BATCH)
      await upload(
        batch.map(({ signed }) => signed),
        this.#voidUntil(),
      )
      keys.oneTimePairsUploaded(batch.map(({ id }) => id))
    }
    return pairs.length
  }
}
