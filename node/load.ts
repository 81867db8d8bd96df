// Reads one conversation from the store: sessions with their skipped keys, the outbox, receipts that are due.

import { fromHex } from '../protocol/bytes.ts'
import { messageId, type MessageId } from '../protocol/content.ts'
import type { Session } from '../protocol/session.ts'
import { decodeSession } from '../protocol/session-codec.ts'
import type { Records } from '../net/records.ts'
import { decodeContact, type ContactState } from './contact.ts'
import { keys } from './keys.ts'
import { decodeEntry, type OutboxEntry } from './outbox.ts'

export interface Loaded {
  readonly contact: ContactState
  readonly sessions: readonly Session[]
  /** In order. */
  readonly entries: readonly OutboxEntry[]
  readonly due: readonly MessageId[]
}

export async function loadConversation(
  records: Records,
  contact: ContactState,
  now: number,
): Promise<Loaded> {
  const value = await records.get(keys.contact(contact.id))
  return {
    contact: value === undefined ? contact : decodeContact(contact.id, value, now),
    sessions: await loadSessions(records, contact.id),
    entries: await collect(records, keys.outboxOf(contact.id), decodeEntry),
    due: await collect(records, `${keys.receiptsDue}${contact.id}/`, (key) =>
      messageId(fromHex(key.slice(key.lastIndexOf('/') + 1))),
    ),
  }
}

async function loadSessions(records: Records, contact: string): Promise<readonly Session[]> {
  const stored = await collect(records, keys.sessions(contact), (key, value) => ({
    id: fromHex(key.slice(key.lastIndexOf('/') + 1)),
    value,
  }))
  const sessions: Session[] = []
  for (const { id, value } of stored) {
    const skipped = await collect(records, keys.skippedOf(contact, id), (_key, bytes) => bytes)
    sessions.push(decodeSession(value, skipped))
  }
  return sessions
}

async function collect<T>(
  records: Records,
  prefix: string,
  read: (key: string, value: Uint8Array) => T,
): Promise<T[]> {
  const found: T[] = []
  for await (const { key, value } of records.range(prefix)) found.push(read(key, value))
  return found
}
