// What becomes of entries of the outbox once others have spoken: delivered, held by a mailbox, failed. All within a draft.

import { equalBytes } from '../protocol/bytes.ts'
import type { StateChange } from './api.ts'
import type { Draft } from './draft.ts'
import type { Opener } from './open.ts'
import { MAX_COPIES, type NewCopy, type OutboxEntry } from './outbox.ts'
import { changeState } from './take-content.ts'

/** What settling needs besides the draft. */
export interface Settler extends Opener {
  readonly outbox: ReadonlyMap<number, OutboxEntry>
}

/** These entries need nothing more: they leave the outbox, and the messages in them change their state. */
export async function settle(
  draft: Draft,
  settler: Settler,
  orders: readonly number[],
  change: StateChange,
): Promise<void> {
  for (const order of orders) {
    const entry = settler.outbox.get(order)
    if (entry === undefined) continue
    draft.outbox.set(order, undefined)
    if (entry.messageId.length > 0) await changeState(draft, settler, entry.messageId, change)
  }
}

/** A mailbox has signed that it holds the envelope of this entry. What is not listed needs no more than that. */
export async function noteHeld(
  draft: Draft,
  settler: Settler,
  { order, envelope }: OutboxEntry,
  held: NewCopy,
): Promise<void> {
  const entry = settler.outbox.get(order)
  if (entry === undefined || entry.envelope !== envelope) return // it was encrypted again meanwhile
  const unlisted = entry.messageId.length === 0
  const { mailbox, keptUntil, storedAt } = held
  const others = entry.held.filter((one) => !equalBytes(one.mailbox, mailbox))
  const copy = { ...held, counter: draft.contact.sentCounter, broken: false }
  const all = [...others, copy].slice(-MAX_COPIES)
  draft.outbox.set(order, unlisted ? undefined : { ...entry, held: all })
  if (unlisted) return
  const change: StateChange = { state: 'stored', at: storedAt, path: 'mailbox', keptUntil }
  await changeState(draft, settler, entry.messageId, change)
}
