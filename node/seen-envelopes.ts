// Which message an envelope brought, by the envelope's digest: one that comes again by way of a mailbox cannot be opened a second
// time, and its sender may still wait for the receipt. The marks stand in the store by the day on which they were made, so that
// old ones are found without looking at the others.

import { concat, u64 } from '../protocol/bytes.ts'
import { MESSAGE_ID_BYTES, messageId, type MessageId } from '../protocol/content.ts'
import { reader } from '../protocol/reader.ts'
import { hasPassed } from '../protocol/riding.ts'
import type { Operation, Records } from '../net/records.ts'
import type { ContactId } from './api.ts'
import { soundly } from './damage.ts'
import type { Draft } from './draft.ts'
import { keys } from './keys.ts'
import { DAY, HOUR, SEEN_MARKS_KEPT } from './lifetimes.ts'

/** An envelope as it came in. */
export interface CameAs {
  /** By way of a mailbox its sender waits for an encrypted receipt. */
  readonly arrival: 'direct' | 'mailbox'
  /** Account key of the mailbox of ours that handed it over. */
  readonly mailbox?: Uint8Array | undefined
  /** 32 bytes, the one in the envelope's tag. */
  readonly digest: Uint8Array
}

/** Marks of one contact in one day; what comes beyond them is not marked, and its repetition brings no receipt. */
const MAX_MARKS_A_DAY = 16_384

/** Repetitions bring a receipt again after this. */
const RECEIPT_AGAIN = HOUR

const NAME_BYTES = 16

export class SeenEnvelopes {
  readonly #contact: ContactId
  readonly #records: Records
  /** Marks of the newest day that one was made on. */
  #today: { readonly day: number; count: number } | undefined

  constructor(contact: ContactId, records: Records) {
    this.#contact = contact
    this.#records = records
  }

  /** A message came in this envelope: remembered in the commit of the draft. */
  async note(draft: Draft, came: CameAs, id: MessageId): Promise<void> {
    const day = dayOf(draft.now)
    if (this.#today?.day !== day) this.#today = { day, count: await this.#count(day) }
    if (this.#today.count >= MAX_MARKS_A_DAY) return
    this.#today.count++
    const receiptAt = came.arrival === 'mailbox' ? draft.now : 0
    draft.operations.push(putMark(this.#key(day, came.digest), id, receiptAt))
  }

  /** The envelope came again by way of a mailbox: makes a receipt due, once in a while, if it is known what it brought. */
  async repeated(draft: Draft, digest: Uint8Array): Promise<void> {
    if (draft.contact.state !== 'accepted') return
    for (let day = dayOf(draft.now), at = 0; at <= SEEN_MARKS_KEPT / DAY; at++) {
      const key = this.#key(day - at, digest)
      const value = await soundly(this.#records, key)
      if (value === undefined || value === 'damaged') continue
      const { id, receiptAt } = readMark(value)
      if (!hasPassed(RECEIPT_AGAIN, receiptAt, draft.now)) return
      draft.operations.push(putMark(key, id, draft.now))
      oweReceipt(draft, id)
      return
    }
  }

  async #count(day: number): Promise<number> {
    let count = 0
    const range = this.#records.range(keys.seenOn(day, this.#contact), { damaged: () => undefined })
    for await (const { key } of range) if (key !== '') count++
    return count
  }

  #key(day: number, digest: Uint8Array): string {
    return keys.seen(day, this.#contact, digest.subarray(0, NAME_BYTES))
  }
}

/** Their message came by way of a mailbox: a receipt for it is due. */
export function oweReceipt(draft: Draft, id: MessageId): void {
  const key = keys.receiptDue(draft.contact.id, id)
  draft.operations.push({ type: 'put', key, value: new Uint8Array(1) })
  draft.due.push(id)
}

/** Lets go of marks that are older than they need be. Rejects with `StoreError`. */
export async function forgetSeen(records: Records, now: number): Promise<void> {
  const end = keys.seenFrom(dayOf(now - SEEN_MARKS_KEPT))
  const gone: Operation[] = []
  const take = (key: string): void => void gone.push({ type: 'del', key })
  for await (const { key } of records.range(keys.seenMarks, { damaged: take })) {
    if (key >= end) break
    take(key)
  }
  const old = gone.filter(({ key }) => key < end)
  if (old.length > 0) await records.commit(old)
}

/** Lets go of marks that a clock has dated ahead of `now`: they would stay as long as it was ahead. Rejects with `StoreError`. */
export async function forgetSeenAhead(records: Records, now: number): Promise<void> {
  const from = keys.seenFrom(dayOf(now) + 2)
  const gone = new Set<string>()
  const take = (key: string): void => void gone.add(key)
  for await (const { key } of records.range(keys.seenMarks, { from, damaged: take })) take(key)
  if (gone.size > 0) await records.commit([...gone].map((key) => ({ type: 'del', key })))
}

function dayOf(time: number): number {
  return Math.max(0, Math.floor(time / DAY))
}

function putMark(key: string, id: MessageId, receiptAt: number): Operation {
  return { type: 'put', key, value: concat(id, u64(receiptAt)) }
}

/** Throws `DecodeError`. */
function readMark(value: Uint8Array): { readonly id: MessageId; readonly receiptAt: number } {
  const input = reader(value)
  const id = messageId(input.take(MESSAGE_ID_BYTES).slice())
  const receiptAt = input.u64()
  input.end()
  return { id, receiptAt }
}
