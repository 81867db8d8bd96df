// The reading half of a step: an envelope becomes a content, a content becomes records. All within a draft; the sender hears
// of it after the commit.

import { toHex } from '../protocol/bytes.ts'
import { decodeContent, type Content } from '../protocol/content.ts'
import { DecodeError, SessionError } from '../protocol/errors.ts'
import {
  countFailedBody,
  mayTryBody,
  NO_FAILED_BODIES,
  type FailedBodies,
} from '../protocol/failed-bodies.ts'
import { openMessage, tagMatches, type KeptRecord, type Session } from '../protocol/session.ts'
import type { Opened } from '../protocol/session.ts'
import type { Envelope } from '../protocol/envelope.ts'
import { encodeSkippedKey, skippedKeyName } from '../protocol/session-codec.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { StateChange } from './api.ts'
import { defaultName } from './contact.ts'
import { pointer } from './compose.ts'
import type { Draft } from './draft.ts'
import { keys } from './keys.ts'
import {
  advance,
  encodeMessage,
  encodeStateChange,
  stateOf,
  type StoredMessage,
} from './message.ts'
import type { Outcome } from './outcome.ts'

/** How an envelope reached us. */
export type Arrival = 'direct' | 'mailbox'

/** What opening needs besides the draft. */
export interface Opener {
  /** The platform's generator: opening may make a ratchet key. */
  readonly random: RandomBytes
  /** Bodies that did not open, by the hex of the session's id. */
  readonly failedBodies: Map<string, FailedBodies>
  /** Place of our message in the outbox, undefined when it is not there. */
  readonly orderOf: (id: Uint8Array) => number | undefined
  /** A message of ours as it is now, or undefined. */
  readonly sentMessage: (id: Uint8Array) => Promise<StoredMessage | undefined>
  /** Whether their message with this id is stored. */
  readonly wasReceived: (id: Uint8Array) => Promise<boolean>
}

/** Opens one envelope of this contact. Never throws for what the other side sent. */
export async function openEnvelope(
  draft: Draft,
  opener: Opener,
  envelope: Envelope,
  arrival: Arrival,
): Promise<Outcome> {
  const session = tagMatches(draft.sessions, envelope)
  if (session === undefined) return 'no-session'
  const opened = tryOpen(session, envelope, draft.now, opener)
  if (typeof opened === 'string') return opened
  draft.replaceSession(session, opened.next)
  draft.spent.push(...opened.spent)
  keepRecords(draft, opened.next, opened.skippedAdded)
  for (const key of opened.skippedRemoved) {
    const name = keys.skipped(draft.contact.id, opened.next.id, skippedKeyName(key))
    draft.operations.push({ type: 'del', key: name })
  }
  draft.patch({ unanswered: draft.contact.unanswered + 1 })
  await takeContent(draft, opener, opened.content, arrival)
  return 'opened'
}

function tryOpen(
  session: Session,
  envelope: Envelope,
  now: number,
  { random, failedBodies }: Opener,
): Opened | Outcome {
  const id = toHex(session.id)
  const failed = failedBodies.get(id) ?? NO_FAILED_BODIES
  if (!mayTryBody(failed, now)) return 'not-authentic'
  try {
    const opened = openMessage(session, envelope, { now, random })
    failedBodies.delete(id)
    return opened
  } catch (error) {
    const outcome = outcomeOf(error)
    if (outcome === 'not-authentic') failedBodies.set(id, countFailedBody(failed, now))
    return outcome
  }
}

/** Errors become outcomes here and nowhere else. What is no verdict on the envelope is a fault of ours and passes. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof DecodeError)
    return error.code === 'ERR_TOO_LARGE' ? 'oversized' : 'not-authentic'
  if (!(error instanceof SessionError)) throw error
  switch (error.code) {
    case 'ERR_DUPLICATE':
      return 'duplicate'
    case 'ERR_TOO_FAR_AHEAD':
      return 'too-far-ahead'
    case 'ERR_NO_SESSION':
      return 'no-session'
    case 'ERR_UNKNOWN_PREKEY':
      return 'unknown-prekey'
    case 'ERR_TOO_LARGE':
      return 'oversized'
    case 'ERR_LIMIT':
    case 'ERR_NOT_AUTHENTIC':
    case 'ERR_DIVERGED':
      return 'not-authentic'
  }
}

/** Writes the records that stand beside a session. */
export function keepRecords(draft: Draft, session: Session, added: readonly KeptRecord[]): void {
  for (const record of added) {
    const key = keys.skipped(draft.contact.id, session.id, skippedKeyName(record))
    draft.operations.push({ type: 'put', key, value: encodeSkippedKey(record) })
  }
}

/** Takes what an authentic message says. A content that cannot be read is dropped; the ratchet has moved all the same. */
export async function takeContent(
  draft: Draft,
  opener: Opener,
  bytes: Uint8Array,
  arrival: Arrival,
): Promise<void> {
  const content = readContent(bytes)
  if (content === undefined) return
  switch (content.body.kind) {
    case 'text':
      return takeText(draft, opener, content, content.body.text, arrival)
    case 'delivery-receipt':
      return takeReceipt(draft, opener, content.body.messageIds, 'delivered')
    case 'read-receipt':
      return takeReceipt(draft, opener, content.body.messageIds, 'read')
    case 'profile':
      return takeProfile(draft, content.body.name)
    case 'control':
      return undefined
  }
}

function readContent(bytes: Uint8Array): Content | undefined {
  try {
    return decodeContent(bytes)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

async function takeText(
  draft: Draft,
  opener: Opener,
  content: Content,
  text: string,
  arrival: Arrival,
): Promise<void> {
  const { contact } = draft
  const hex = toHex(content.messageId)
  if (arrival === 'mailbox' && contact.state === 'accepted') {
    draft.operations.push({
      type: 'put',
      key: keys.receiptDue(contact.id, content.messageId),
      value: new Uint8Array(1),
    })
    draft.due.push(content.messageId)
  }
  if (draft.received.has(hex) || (await opener.wasReceived(content.messageId))) return
  draft.received.add(hex)
  const late = content.counter <= contact.receivedCounter
  draft.patch({ receivedCounter: Math.max(contact.receivedCounter, content.counter) })
  const change: StateChange = { state: 'delivered', at: draft.now, path: arrival }
  const message = {
    id: content.messageId,
    outgoing: false,
    counter: content.counter,
    seen: content.seen,
    sentAt: content.sentAt,
    recordedAt: draft.now,
    text,
    late,
    states: [change],
  }
  draft.events.push({
    event: {
      type: 'message.received',
      at: draft.now,
      contact: contact.id,
      messageId: content.messageId,
    },
    operations: (seq) => {
      const key = keys.receivedMessage(contact.id, content.counter, content.messageId)
      return [
        { type: 'put', key, value: encodeMessage({ ...message, seq }) },
        {
          type: 'put',
          key: keys.receivedId(contact.id, content.messageId),
          value: pointer(contact.id, content.counter),
        },
      ]
    },
  })
}

async function takeReceipt(
  draft: Draft,
  opener: Opener,
  ids: readonly Uint8Array[],
  state: 'delivered' | 'read',
): Promise<void> {
  for (const id of ids) {
    await changeState(draft, opener, id, { state, at: draft.now, path: 'mailbox' })
  }
}

/** Moves a message of ours forward, with its event, and lets go of its outbox entry once it is delivered or has failed. */
export async function changeState(
  draft: Draft,
  opener: Opener,
  id: Uint8Array,
  change: StateChange,
): Promise<void> {
  const message = draft.sent.get(toHex(id)) ?? (await opener.sentMessage(id))
  const next = message === undefined ? undefined : advance(message, change)
  if (message === undefined || next === undefined) return
  draft.sent.set(toHex(id), next)
  draft.stateChanges.push({ message: next, change })
  draft.events.push({
    event: {
      type: 'message.state',
      at: draft.now,
      contact: draft.contact.id,
      messageId: id,
      outgoing: true,
      from: encodeStateChange({ state: stateOf(message), at: draft.now }),
      to: encodeStateChange(change),
    },
  })
  const order = opener.orderOf(id)
  if (change.state !== 'stored' && order !== undefined) draft.outbox.set(order, undefined)
}

function takeProfile(draft: Draft, name: string): void {
  if (draft.contact.name === defaultName(draft.contact.peer) && name !== '') draft.patch({ name })
}
