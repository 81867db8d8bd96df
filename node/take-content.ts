// What an opened message says, as records: texts, receipts, names. All within a draft. How it was opened is open.ts.

import { toHex } from '../protocol/bytes.ts'
import { decodeContent, type Content } from '../protocol/content.ts'
import { DecodeError } from '../protocol/errors.ts'
import type { MessageProtection, StateChange } from './api.ts'
import { pointer } from './compose.ts'
import { defaultName } from './contact.ts'
import type { Draft } from './draft.ts'
import { noteIrregularity } from './irregular.ts'
import { keys } from './keys.ts'
import {
  advance,
  encodeMessage,
  encodeStateChange,
  stateOf,
  type StoredMessage,
} from './message.ts'
import { noteCounter, takeLost } from './missing.ts'
import { noteFetched } from './promises.ts'
import { noteTheirTokens } from './their-tokens.ts'
import { oweReceipt, type CameAs, type SeenEnvelopes } from './seen-envelopes.ts'

/** How an envelope reached us, and what the session that opened it is worth. */
export interface OpenedAs extends CameAs {
  readonly protection: MessageProtection
}

/** What taking a content needs besides the draft. */
export interface Taker {
  /** Place of our message in the outbox, undefined when it is not there. */
  readonly orderOf: (id: Uint8Array) => number | undefined
  /** A message of ours as it is now, or undefined. */
  readonly sentMessage: (id: Uint8Array) => Promise<StoredMessage | undefined>
  /** Whether the contact may be listed under a name that it has given itself. */
  readonly mayBeCalled: (name: string) => boolean
  readonly seen: SeenEnvelopes
  /** Whether their message with this id is stored. */
  readonly wasReceived: (id: Uint8Array) => Promise<boolean>
}

/** Takes what an authentic message says. A content that cannot be read is dropped; the ratchet has moved all the same. */
export async function takeContent(
  draft: Draft,
  taker: Taker,
  bytes: Uint8Array,
  came: OpenedAs,
): Promise<void> {
  const content = readContent(draft, bytes)
  if (content === undefined) return
  if (came.arrival === 'direct') draft.theirTime = content.sentAt // what waited tells nothing of now
  noteWritten(draft, content.seen)
  switch (content.body.kind) {
    case 'text':
      return takeText(draft, taker, content, content.body.text, came)
    case 'delivery-receipt':
      return takeReceipt(draft, taker, content.body.messageIds, 'delivered', 'mailbox')
    case 'read-receipt':
      return takeReceipt(draft, taker, content.body.messageIds, 'read', came.arrival)
    case 'profile':
      if (content.body.deliveryTokens) noteTheirTokens(draft, content.body.deliveryTokens)
      return takeProfile(draft, taker, content.body.name)
    case 'missing':
      draft.missing = content.body.ranges
      draft.fetched = content.body.fetched ?? []
      return undefined
    case 'lost':
      return takeLost(draft, content.body.ranges)
    case 'control':
      return undefined
  }
}

/** So many messages at most are taken to be missing from our own history. */
const MAX_FORGOTTEN = 1_000_000

/**
 * They have seen more of our messages than we know of: our side came back from a backup, and has forgotten what it wrote after. New
 * ones stand behind those.
 */
function noteWritten(draft: Draft, seen: number): void {
  const { sentCounter } = draft.contact
  if (seen > sentCounter && seen - sentCounter <= MAX_FORGOTTEN) draft.patch({ sentCounter: seen })
}

function readContent(draft: Draft, bytes: Uint8Array): Content | undefined {
  try {
    return decodeContent(bytes)
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    // A kind of a later version breaks no rule.
    if (error.code !== 'ERR_UNKNOWN_VERSION') noteIrregularity(draft, 'contents')
    return undefined
  }
}

async function takeText(
  draft: Draft,
  taker: Taker,
  content: Content,
  text: string,
  came: OpenedAs,
): Promise<void> {
  const { contact } = draft
  const { arrival } = came
  const hex = toHex(content.messageId)
  if (arrival === 'mailbox' && contact.state === 'accepted') oweReceipt(draft, content.messageId)
  if (came.mailbox !== undefined) noteFetched(draft, came.mailbox, content.counter)
  await taker.seen.note(draft, came, content.messageId)
  if (draft.received.has(hex) || (await taker.wasReceived(content.messageId))) return
  draft.received.add(hex)
  if (contact.unansweredSince === 0) draft.patch({ unansweredSince: draft.now })
  const late = content.counter <= contact.receivedCounter
  noteCounter(draft, content.counter)
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
    protection: came.protection,
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

/** Delivery receipts are sent for what came by way of a mailbox only. */
async function takeReceipt(
  draft: Draft,
  taker: Taker,
  ids: readonly Uint8Array[],
  state: 'delivered' | 'read',
  path: CameAs['arrival'],
): Promise<void> {
  for (const id of ids) {
    await changeState(draft, taker, id, { state, at: draft.now, path })
  }
}

/** Moves a message of ours forward, with its event, and lets go of its outbox entry once it is delivered or has failed. */
export async function changeState(
  draft: Draft,
  taker: Taker,
  id: Uint8Array,
  change: StateChange,
): Promise<void> {
  const order = taker.orderOf(id)
  if (change.state !== 'stored' && order !== undefined) draft.outbox.set(order, undefined)
  const message = draft.sent.get(toHex(id)) ?? (await taker.sentMessage(id))
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
}

/** What a contact calls itself counts until the user has chosen a name, and where nobody else could be meant. */
function takeProfile(draft: Draft, taker: Taker, name: string): void {
  const unnamed = draft.contact.name === defaultName(draft.contact.peer)
  if (unnamed && taker.mayBeCalled(name)) draft.patch({ name })
}
