// Whether the mailboxes of a contact keep their word. A receiver says with what it misses up to where its mailboxes have handed it
// our messages; what one of them had signed for before that, and has not handed over, it may have lost (docs/protocol.md,
// "Broken promises"). All within a draft.

import { equalBytes, toHex } from '../protocol/bytes.ts'
import { MAX_FETCHED, type FetchedMark } from '../protocol/content.ts'
import { hasPassed } from '../protocol/riding.ts'
import type { ContactState } from './contact.ts'
import type { Draft } from './draft.ts'
import { DOUBT_KEPT } from './lifetimes.ts'
import type { HeldBy, OutboxEntry } from './outbox.ts'

/** A mailbox of the contact that may have lost what it had signed for. */
export interface Doubt {
  /** Account key, 32 bytes. */
  readonly mailbox: Uint8Array
  /** Messages, since there are doubts. */
  readonly messages: number
  /** Unix ms of the last one. */
  readonly at: number
}

/** Mailboxes of one contact that are remembered, for either purpose: as many as a bundle names. */
const MAX_MAILBOXES = MAX_FETCHED

/** Stored as 32 bits. */
const MAX_MESSAGES = 2 ** 32 - 1

/** A message of theirs with this counter came by way of this mailbox of ours. */
export function noteFetched(draft: Draft, mailbox: Uint8Array, counter: number): void {
  const { fetched } = draft.contact
  const known = fetched.find((mark) => equalBytes(mark.mailbox, mailbox))
  if (known !== undefined && known.counter >= counter) return
  const others = fetched.filter((mark) => mark !== known)
  draft.patch({ fetched: [...others, { mailbox, counter }].slice(-MAX_MAILBOXES) })
}

/** What a report says of mailboxes: those that have handed over something behind the first counter that is missing. */
export function fetchedBehind({ fetched }: ContactState, counter: number): readonly FetchedMark[] {
  return fetched.filter((mark) => mark.counter > counter)
}

/**
 * The entry after a report that names its message: mailboxes that have handed over what was left there later are marked in it, and
 * doubted from now on. The same entry where there is nothing against any.
 */
export function judge(
  draft: Draft,
  entry: OutboxEntry,
  fetched: readonly FetchedMark[],
): OutboxEntry {
  const broken = entry.held.filter((copy) => hasBroken(copy, fetched, draft))
  if (broken.length === 0) return entry
  for (const { mailbox } of broken) noteDoubt(draft, mailbox)
  const held = entry.held.map((copy) => (broken.includes(copy) ? { ...copy, broken: true } : copy))
  return { ...entry, held }
}

/** Whether a mailbox of the contact has never had the envelope of this entry. */
export function hasAnotherMailbox({ bundle }: ContactState, { held }: OutboxEntry): boolean {
  const had = new Set(held.map(({ mailbox }) => toHex(mailbox)))
  return bundle?.verified.mailboxes.some(({ account }) => !had.has(toHex(account))) ?? false
}

/** Doubts that still count. */
export function doubtsNow({ doubts }: ContactState, now: number): readonly Doubt[] {
  return doubts.filter(({ at }) => !hasPassed(DOUBT_KEPT, at, now))
}

/**
 * A mailbox hands over the oldest first. So who has handed over a message that was written after this receipt came has
 * handed over this one before, or has not kept it.
 */
function hasBroken(copy: HeldBy, fetched: readonly FetchedMark[], draft: Draft): boolean {
  if (copy.broken || copy.keptUntil <= draft.now) return false
  const mark = fetched.find(({ mailbox }) => equalBytes(mailbox, copy.mailbox))
  if (mark === undefined) return false
  return mark.counter > copy.counter && mark.counter <= draft.contact.sentCounter
}

function noteDoubt(draft: Draft, mailbox: Uint8Array): void {
  const { doubts } = draft.contact
  const known = doubts.find((doubt) => equalBytes(doubt.mailbox, mailbox))
  const messages = Math.min(MAX_MESSAGES, (known?.messages ?? 0) + 1)
  const others = doubts.filter((doubt) => doubt !== known)
  const doubt = { mailbox, messages, at: draft.now }
  draft.patch({ doubts: [...others, doubt].slice(-MAX_MAILBOXES) })
  draft.doubted.set(toHex(mailbox), doubt)
}
