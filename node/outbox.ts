// What waits to be delivered to one contact. An entry lives from the commit that accepted it until the recipient's own proof
// of delivery; until there is a session it has no envelope, and a retry sends the same envelope, byte for byte.

import { create, toBinary } from '@bufbuild/protobuf'
import { OutboxRecordSchema } from '../protocol/generated/store_pb.ts'
import type { Operation } from '../net/records.ts'
import type { ContactId, MessageProtection } from './api.ts'
import { keys } from './keys.ts'
import { toInteger } from '../protocol/protobuf.ts'
import { decodeRecord, RECORD_VERSION } from './stored-record.ts'
import { readProtection, storedProtection } from './protection.ts'

/** A mailbox's signed word that it holds the envelope. */
export interface HeldBy {
  /** Account key of the mailbox, 32 bytes. */
  readonly mailbox: Uint8Array
  readonly storedAt: number
  readonly keptUntil: number
  /** The receipt as the mailbox has signed it. */
  readonly receipt: Uint8Array
  /** Our highest counter in the conversation then: messages with higher ones came to any mailbox after this one. */
  readonly counter: number
  /** It has handed over what came after this, and not this (docs/protocol.md, "Broken promises"). */
  readonly broken: boolean
}

/** What a mailbox has just signed. */
export type NewCopy = Omit<HeldBy, 'counter' | 'broken'>

export interface OutboxEntry {
  /** Position in the conversation's outbox, rising. */
  readonly order: number
  /** 16 bytes; empty for what is not listed (receipts, control). */
  readonly messageId: Uint8Array
  readonly content: Uint8Array
  readonly envelope: Uint8Array | undefined
  readonly sessionId: Uint8Array
  readonly createdAt: number
  /** Unix ms when the envelope was made; 0 while there is none. */
  readonly sealedAt: number
  /** One for each mailbox, at most `MAX_COPIES`. */
  readonly held: readonly HeldBy[]
  /** Of the session in which it is sealed; undefined while there is no envelope. */
  readonly protection: MessageProtection | undefined
}

/** More is refused: nobody waits for ten thousand unanswered messages. */
export const MAX_OUTBOX_ENTRIES = 10_000

/** More mailboxes than this are never asked to hold one envelope. */
export const MAX_COPIES = 4

/** Those who hold the envelope by their own word at `now` (Unix ms). */
export function liveCopies({ held }: OutboxEntry, now: number): readonly HeldBy[] {
  return held.filter(({ keptUntil, broken }) => keptUntil > now && !broken)
}

/** An entry whose envelope is taken back: it waits to be encrypted again, under the same message id. */
export function unsealed(entry: OutboxEntry): OutboxEntry {
  const nothing = new Uint8Array(0)
  return {
    ...entry,
    envelope: undefined,
    sessionId: nothing,
    sealedAt: 0,
    held: [],
    protection: undefined,
  }
}

/** Envelopes ahead of the oldest one without receipt, per session (docs/protocol.md, "Limits"). */
export const MAX_ENVELOPES_AHEAD = 1_000

export function putEntry(contact: ContactId, entry: OutboxEntry): Operation {
  const value = toBinary(
    OutboxRecordSchema,
    create(OutboxRecordSchema, {
      version: RECORD_VERSION,
      messageId: entry.messageId,
      content: entry.content,
      envelope: entry.envelope ?? new Uint8Array(0),
      sessionId: entry.sessionId,
      createdAt: BigInt(entry.createdAt),
      sealedAt: BigInt(entry.sealedAt),
      held: entry.held.map((one) => ({
        mailbox: one.mailbox,
        storedAt: BigInt(one.storedAt),
        keptUntil: BigInt(one.keptUntil),
        receipt: one.receipt,
        counter: BigInt(one.counter),
        broken: one.broken,
      })),
      ...storedProtection(entry.protection),
    }),
  )
  return { type: 'put', key: keys.outboxEntry(contact, entry.order), value }
}

export function removeEntry(contact: ContactId, order: number): Operation {
  return { type: 'del', key: keys.outboxEntry(contact, order) }
}

/** Reads a record of `outbox/<contact>/<order>`. */
export function decodeEntry(key: string, bytes: Uint8Array): OutboxEntry {
  const record = decodeRecord(OutboxRecordSchema, bytes)
  return {
    order: Number.parseInt(key.slice(key.lastIndexOf('/') + 1), 16),
    messageId: record.messageId,
    content: record.content,
    envelope: record.envelope.length === 0 ? undefined : record.envelope,
    sessionId: record.sessionId,
    createdAt: toInteger(record.createdAt),
    sealedAt: toInteger(record.sealedAt),
    protection: readProtection(record.protection),
    held: record.held.map((one) => ({
      mailbox: one.mailbox,
      storedAt: toInteger(one.storedAt),
      keptUntil: toInteger(one.keptUntil),
      receipt: one.receipt,
      counter: toInteger(one.counter),
      broken: one.broken,
    })),
  }
}
