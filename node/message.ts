// A message as it is kept: text, counters, and every delivery state with its time. States only move forward
// (interfaces "Delivery states"); the one exception, an explicit retry of a failed message, is not part of this module.

import { create, toBinary } from '@bufbuild/protobuf'
import {
  MessageRecordSchema,
  StoredStateSchema,
  type StoredState,
} from '../protocol/generated/store_pb.ts'
import { toHex } from '../protocol/bytes.ts'
import { messageId as wireMessageId, type MessageId as WireMessageId } from '../protocol/content.ts'
import { DecodeError } from '../protocol/errors.ts'
import { toInteger } from '../protocol/protobuf.ts'
import type {
  ContactId,
  DeliveryState,
  FailureReason,
  Message,
  MessageId,
  MessageProtection,
  StateChange,
} from './api.ts'
import { decodeRecord, RECORD_VERSION } from './stored-record.ts'
import { readProtection, storedProtection } from './protection.ts'

/** One message of a conversation; the bytes of the id are 16. */
export interface StoredMessage {
  readonly id: WireMessageId
  readonly outgoing: boolean
  readonly seq: number
  readonly counter: number
  /** Highest counter of the other side that the sender had when it wrote this. */
  readonly seen: number
  readonly sentAt: number
  readonly recordedAt: number
  readonly text: string
  readonly late: boolean
  readonly states: readonly StateChange[]
  /** Of ours: of the session in which it was sealed last; undefined before. */
  readonly protection: MessageProtection | undefined
}

const ORDER: readonly DeliveryState[] = ['queued', 'stored', 'delivered', 'read']

/** Number of a state in stored records; failed is 5. */
function stateNumber(state: DeliveryState): number {
  return state === 'failed' ? 5 : ORDER.indexOf(state) + 1
}

function stateFrom(number: number): DeliveryState {
  const state = number === 5 ? 'failed' : ORDER[number - 1]
  if (state === undefined) throw new DecodeError('ERR_MALFORMED')
  return state
}

/** The state a message is in: the newest of its changes. */
export function stateOf(message: StoredMessage): DeliveryState {
  return message.states.at(-1)?.state ?? 'queued'
}

/** The message with one more change, or undefined when that would be a step back or none at all. */
export function advance(message: StoredMessage, change: StateChange): StoredMessage | undefined {
  const from = stateOf(message)
  if (from === 'read' || from === 'failed') return undefined
  const forward =
    change.state === 'failed'
      ? from === 'queued' || from === 'stored'
      : ORDER.indexOf(change.state) > ORDER.indexOf(from)
  return forward ? { ...message, states: [...message.states, change] } : undefined
}

/** Whether `state` keeps the promise that `wanted` asks for. */
export function reached(state: DeliveryState, wanted: DeliveryState): boolean {
  return state !== 'failed' && ORDER.indexOf(state) >= ORDER.indexOf(wanted)
}

/** The text form of a message id. */
export function messageIdText(id: Uint8Array): MessageId {
  return `m_${toHex(id)}`
}

export function publicMessage(contact: ContactId, message: StoredMessage): Message {
  return {
    kind: 'text',
    id: messageIdText(message.id),
    contact,
    direction: message.outgoing ? 'out' : 'in',
    seq: message.seq,
    counter: message.counter,
    text: message.text,
    sentAt: message.sentAt,
    recordedAt: message.recordedAt,
    state: stateOf(message),
    states: message.states,
    late: message.late,
    protection: message.protection ?? null,
  }
}

export function encodeStateChange(change: StateChange): StoredState {
  return create(StoredStateSchema, {
    state: stateNumber(change.state),
    at: BigInt(change.at),
    path: change.path === undefined ? 0 : change.path === 'direct' ? 1 : 2,
    keptUntil: BigInt(change.keptUntil ?? 0),
    reason: change.reason ?? '',
  })
}

export function decodeStateChange(stored: StoredState): StateChange {
  return {
    state: stateFrom(stored.state),
    at: toInteger(stored.at),
    ...(stored.path === 0 ? {} : { path: stored.path === 1 ? 'direct' : 'mailbox' }),
    ...(stored.keptUntil === 0n ? {} : { keptUntil: toInteger(stored.keptUntil) }),
    ...(stored.reason === '' ? {} : { reason: stored.reason as FailureReason }),
  }
}

export function encodeMessage(message: StoredMessage): Uint8Array {
  return toBinary(
    MessageRecordSchema,
    create(MessageRecordSchema, {
      version: RECORD_VERSION,
      messageId: message.id,
      outgoing: message.outgoing,
      seq: BigInt(message.seq),
      counter: BigInt(message.counter),
      seen: BigInt(message.seen),
      sentAt: BigInt(message.sentAt),
      recordedAt: BigInt(message.recordedAt),
      text: message.text,
      late: message.late,
      states: message.states.map(encodeStateChange),
      ...storedProtection(message.protection),
    }),
  )
}

export function decodeMessage(bytes: Uint8Array): StoredMessage {
  const record = decodeRecord(MessageRecordSchema, bytes)
  return {
    id: wireMessageId(record.messageId),
    outgoing: record.outgoing,
    seq: toInteger(record.seq),
    counter: toInteger(record.counter),
    seen: toInteger(record.seen),
    sentAt: toInteger(record.sentAt),
    recordedAt: toInteger(record.recordedAt),
    text: record.text,
    late: record.late,
    states: record.states.map(decodeStateChange),
    protection: readProtection(record.protection),
  }
}
