// The writing half of a step: contents become outbox entries, entries become envelopes. All within a draft; nothing leaves
// the node before its commit.

import {
  concat,
  equalBytes,
  fromUtf8,
  toHex,
  u64,
  utf8,
  type RandomBytes,
} from '../protocol/bytes.ts'
import {
  createMessageId,
  encodeContent,
  MAX_RECEIPT_IDS,
  type Content,
  type MessageId,
} from '../protocol/content.ts'
import { deliveryTokenBytes } from '../protocol/delivery-token.ts'
import { continuityItems } from '../protocol/continuity.ts'
import { itemKinds } from '../protocol/padding.ts'
import { reader } from '../protocol/reader.ts'
import { hasPassed } from '../protocol/riding.ts'
import { encryptMessage, type Session } from '../protocol/session.ts'
import { stateHandshake } from '../protocol/statement.ts'
import type { ContactState } from './contact.ts'
import type { Draft } from './draft.ts'
import { contactBlocked } from './errors.ts'
import { handOutItems } from './hand-out.ts'
import { divergenceItems } from './irregular.ts'
import { keys } from './keys.ts'
import { encodeMessage, encodeStateChange, type StoredMessage } from './message.ts'
import { mayRepeatIn } from './fresh-start.ts'
import { toldToken, type IssuedToken } from './issued-tokens.ts'
import { DAY } from './lifetimes.ts'
import { MAX_ENVELOPES_AHEAD, unsealed, type OutboxEntry } from './outbox.ts'
import { protectionIn } from './protection.ts'
import { usableSession } from './series.ts'

/** What composing needs besides the draft. */
export interface Composer {
  /** For ids and salts; may be a pool. */
  readonly salts: RandomBytes
  /** The platform's generator: sending may make a key. */
  readonly random: RandomBytes
  readonly outbox: ReadonlyMap<number, OutboxEntry>
  readonly nextOrder: () => number
  /** What contacts see as our name; empty: we tell none. */
  readonly ourName: string
  /** Whether its mailbox knows a delivery token: not before that is it told to the contact. */
  readonly isRegistered: (token: IssuedToken) => boolean
  /** Whether nothing may be sent in a session yet. */
  readonly holds: (session: Session) => boolean
}

const NOTHING = new Uint8Array(0)

/** Envelopes opened without one of ours after which a control message turns the ratchet, and how long a text stays without. */
const MAX_UNANSWERED = 50
const UNANSWERED_AT_MOST = DAY

/** How long a receipt is waited for before a message goes into the session that sends now; how many do so in one step. */
const RECEIPT_AWAITED = DAY
export const MAX_SEALED_AGAIN = 64

/** One text: message, event and outbox entry. `done` gets the message with its number after the commit. SottoError NOT_ALLOWED. */
export function composeText(
  draft: Draft,
  composer: Composer,
  text: string,
  done: (message: StoredMessage) => void,
): void {
  if (draft.contact.state === 'blocked') throw contactBlocked()
  const counter = draft.contact.sentCounter + 1
  draft.patch({ sentCounter: counter, state: 'accepted' })
  const id = createMessageId(composer.salts)
  const base = {
    id,
    outgoing: true,
    counter,
    seen: draft.contact.receivedCounter,
    sentAt: draft.now,
    recordedAt: draft.now,
    text,
    late: false,
    states: [{ state: 'queued' as const, at: draft.now }],
    protection: undefined,
  }
  let stored: StoredMessage = { ...base, seq: 0 }
  draft.events.push({
    event: {
      type: 'message.state',
      at: draft.now,
      contact: draft.contact.id,
      messageId: id,
      outgoing: true,
      from: encodeStateChange({ state: 'queued', at: draft.now }),
      to: encodeStateChange({ state: 'queued', at: draft.now }),
    },
    operations: (seq) => {
      stored = { ...base, seq, protection: draft.outbox.get(order)?.protection }
      const key = keys.sentMessage(draft.contact.id, counter)
      return [
        { type: 'put', key, value: encodeMessage(stored) },
        { type: 'put', key: keys.sentId(id), value: pointer(draft.contact.id, counter) },
      ]
    },
  })
  draft.committed.push(() => done(stored))
  composeProfile(draft, composer)
  const order = addText(draft, composer, base)
}

/** An outbox entry for a message of the history, and its order. */
export function addText(
  draft: Draft,
  composer: Composer,
  message: Pick<StoredMessage, 'id' | 'counter' | 'seen' | 'sentAt' | 'text'>,
): number {
  const { id, counter, seen, sentAt, text } = message
  return addEntry(draft, composer, id, {
    ...{ messageId: id, counter, seen, sentAt },
    body: { kind: 'text', text },
  })
}

/** Our name, once, before the first text to a contact, and delivery tokens that it does not know. */
function composeProfile(draft: Draft, composer: Composer): void {
  const unnamed = !draft.contact.profileSent && composer.ourName !== ''
  if (!unnamed && !mayTellTokens(draft.contact, composer)) return
  draft.patch({ profileSent: draft.contact.profileSent || unnamed })
  addProfile(draft, composer)
}

/** The delivery tokens that the contact does not know, if there are any, in a session that there is. False if it was not due. */
export function composeTokens(draft: Draft, composer: Composer): boolean {
  const { contact, sessions, now } = draft
  if (!mayTellTokens(contact, composer)) return false
  if (usableSession(sessions, contact, now) === undefined) return false
  addProfile(draft, composer)
  return true
}

/** Whether there are tokens to tell the contact of. */
export function mayTellTokens(
  { state, tokens }: ContactState,
  { isRegistered }: Pick<Composer, 'isRegistered'>,
): boolean {
  return state === 'accepted' && tokens.some((token) => token.due && isRegistered(token))
}

/** Every token that its mailbox knows: a profile replaces the one before. The name only to those who have been told it. */
function addProfile(draft: Draft, composer: Composer): void {
  const { tokens, tokenRevision, profileSent } = draft.contact
  const name = profileSent ? composer.ourName : ''
  const told = tokens.filter(composer.isRegistered)
  if (!told.some(({ due }) => due)) return addUnlisted(draft, composer, { kind: 'profile', name })
  const revision = Math.max(tokenRevision + 1, draft.now)
  draft.patch({
    tokenRevision: revision,
    tokens: tokens.map((issued) => (told.includes(issued) ? toldToken(issued, draft.now) : issued)),
  })
  const bytes = told.map(({ mailbox, token }) => ({ mailbox, token: deliveryTokenBytes(token) }))
  const deliveryTokens = { revision, tokens: bytes }
  addUnlisted(draft, composer, { kind: 'profile', name, deliveryTokens })
}

/** Receipts for their messages, as few contents as possible. */
export function composeReceipts(
  draft: Draft,
  composer: Composer,
  kind: 'delivery-receipt' | 'read-receipt',
  ids: readonly MessageId[],
): void {
  for (let from = 0; from < ids.length; from += MAX_RECEIPT_IDS) {
    addUnlisted(draft, composer, { kind, messageIds: ids.slice(from, from + MAX_RECEIPT_IDS) })
  }
}

/**
 * Something without content when `unanswered` came in and nothing went out, or a text did and a day has passed, so that one-way
 * traffic heals too; false if it was not due. What is no text does not count for the day: two sides would turn the ratchet for ever.
 */
export function composeControl(
  draft: Draft,
  composer: Composer,
  unanswered = MAX_UNANSWERED,
): boolean {
  const { contact, now } = draft
  const { unansweredSince } = contact
  const waits = unansweredSince !== 0 && hasPassed(UNANSWERED_AT_MOST, unansweredSince, now)
  if ((contact.unanswered < unanswered && !waits) || contact.state !== 'accepted') return false
  // What waits for an envelope will turn the ratchet as well.
  const entries = currentEntries(draft, composer.outbox)
  if (entries.some((entry) => entry.envelope === undefined)) return false
  addUnlisted(draft, composer, { kind: 'control' })
  return true
}

/** Encrypts what waits without an envelope, oldest first, as far as the sending session and its window allow. */
export function encryptWaiting(draft: Draft, composer: Composer): void {
  if (draft.contact.trust === 'changed') return
  let session = usableSession(draft.sessions, draft.contact, draft.now)
  if (session === undefined || composer.holds(session)) return
  unsealOld(draft, composer, session)
  const entries = currentEntries(draft, composer.outbox)
  const { id } = session
  let room = MAX_ENVELOPES_AHEAD - entries.filter((entry) => isSealedIn(entry, id)).length
  for (const entry of entries) {
    if (room <= 0) return
    if (entry.envelope !== undefined) continue
    session = encryptEntry(draft, composer, session, entry)
    room--
  }
}

/** What no receipt came for in a day, from a session that does not send any more, is encrypted again, oldest first; at once if that session is gone. */
function unsealOld(draft: Draft, composer: Composer, session: Session): void {
  if (!mayRepeatIn(draft.contact, session)) return
  const { id } = session
  const held = new Set(draft.sessions.map((one) => toHex(one.id)))
  const old = currentEntries(draft, composer.outbox).filter(
    (entry) =>
      entry.envelope !== undefined &&
      !isSealedIn(entry, id) &&
      (!held.has(toHex(entry.sessionId)) || hasPassed(RECEIPT_AWAITED, entry.sealedAt, draft.now)),
  )
  for (const entry of old.slice(0, MAX_SEALED_AGAIN)) {
    draft.outbox.set(entry.order, unsealed(entry))
  }
}

/** Whether its envelope was made in the session with this id. */
export function isSealedIn({ envelope, sessionId }: OutboxEntry, id: Uint8Array): boolean {
  return envelope !== undefined && equalBytes(sessionId, id)
}

function encryptEntry(
  draft: Draft,
  composer: Composer,
  session: Session,
  entry: OutboxEntry,
): Session {
  const { random, salts } = composer
  const options = { now: draft.now, random, salts }
  const { handshakes } = draft.contact
  const { items, next: stating } = stateHandshake(session, handshakes.ours, handshakes.stating)
  const proofs = continuityItems(session, draft.sessions)
  const notes = [
    ...handOutItems(draft.contact, session),
    ...divergenceItems(draft.contact, session),
  ]
  const message = { content: entry.content, items: [...items, ...proofs, ...notes] }
  const { next, envelope, spent } = encryptMessage(session, message, options)
  draft.replaceSession(session, next)
  draft.spent.push(...spent)
  const protection = { ...protectionIn(next, draft.contact, draft.now), olderHandshake: false }
  const sealed = { envelope, sessionId: next.id, sealedAt: draft.now, protection }
  draft.outbox.set(entry.order, { ...entry, ...sealed })
  const told = notes.some(({ kind }) => kind === itemKinds.divergence)
  const divergence = told ? undefined : draft.contact.divergence
  const heard = { unanswered: 0, unansweredSince: 0 }
  draft.patch({ ...heard, divergence, handshakes: { ...handshakes, stating } })
  return next
}

/** Entries as the draft sees them, in order. */
export function currentEntries(
  draft: Draft,
  base: ReadonlyMap<number, OutboxEntry>,
): readonly OutboxEntry[] {
  if (draft.outbox.size === 0) return [...base.values()]
  const merged = new Map<number, OutboxEntry | undefined>(base)
  for (const [order, entry] of draft.outbox) merged.set(order, entry)
  const entries = [...merged.values()].filter((entry) => entry !== undefined)
  return entries.sort((a, b) => a.order - b.order)
}

/** Something that does not stand in the history: a receipt, a control message. */
export function addUnlisted(draft: Draft, composer: Composer, body: Content['body']): void {
  const messageId = createMessageId(composer.salts)
  addEntry(draft, composer, NOTHING, {
    messageId,
    counter: 0,
    seen: draft.contact.receivedCounter,
    sentAt: draft.now,
    body,
  })
}

function addEntry(
  draft: Draft,
  composer: Composer,
  listedId: Uint8Array,
  content: Content,
): number {
  const order = composer.nextOrder()
  draft.outbox.set(order, {
    order,
    messageId: listedId,
    content: encodeContent(content),
    envelope: undefined,
    sessionId: NOTHING,
    createdAt: draft.now,
    sealedAt: 0,
    held: [],
    protection: undefined,
  })
  return order
}

/** Value of an id record: counter and contact, where the message is. */
export function pointer(contact: string, counter: number): Uint8Array {
  return concat(u64(counter), utf8(contact))
}

/** The inverse of `pointer`. Throws `DecodeError`. */
export function readPointer(value: Uint8Array): {
  readonly contact: string
  readonly counter: number
} {
  const input = reader(value)
  const counter = input.u64()
  return { contact: fromUtf8(input.rest()), counter }
}
