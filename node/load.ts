// Reads one conversation from the store: sessions with their skipped keys, the outbox, receipts that are due. What is damaged is
// left out and said; mend.ts makes up for it.

import { fromHex, toHex } from '../protocol/bytes.ts'
import { messageId, type MessageId } from '../protocol/content.ts'
import { DecodeError } from '../protocol/errors.ts'
import type { Session } from '../protocol/session.ts'
import { decodeSession } from '../protocol/session-codec.ts'
import type { Records } from '../net/records.ts'
import type { DamageKind } from './api.ts'
import { decodeContact, type ContactState } from './contact.ts'
import { soundly, type DamagedRecord } from './damage.ts'
import { readGenerations, splitGeneration, type Generations } from './generations.ts'
import { keys } from './keys.ts'
import { decodeEntry, type OutboxEntry } from './outbox.ts'

export interface Loaded {
  readonly contact: ContactState
  readonly sessions: readonly Session[]
  readonly generations: Generations
  /** In order. */
  readonly entries: readonly OutboxEntry[]
  readonly due: readonly MessageId[]
  readonly damage: readonly DamagedRecord[]
}

/** `contact` is what is known of it where its record is damaged. */
export async function loadConversation(
  records: Records,
  contact: ContactState,
  now: number,
): Promise<Loaded> {
  const { id } = contact
  const damage: DamagedRecord[] = []
  const value = await soundly(records, keys.contact(id))
  if (value === 'damaged') damage.push({ what: 'contact', key: keys.contact(id) })
  const isRead = value !== undefined && value !== 'damaged'
  const { sessions, generations } = await loadSessions(records, id, damage)
  const entries = await collect(records, keys.outboxOf(id), damagedAs('entry', damage))
  // All that these say is in their names.
  const due: string[] = []
  const dueRange = records.range(keys.dueOf(id), { damaged: (key) => due.push(key) })
  for await (const { key } of dueRange) due.push(key)
  return {
    contact: isRead ? decodeContact(id, value, now) : contact,
    sessions,
    generations,
    entries: entries.map(({ key, value: bytes }) => decodeEntry(key, bytes)),
    due: due.map((key) => messageId(fromHex(lastPart(key)))),
    damage,
  }
}

export type LoadedSessions = Pick<Loaded, 'sessions' | 'generations'>

/**
 * The sessions with a contact. A damaged one is gone, with the records beside it, and so is one that is not the last that was
 * written; a damaged record beside it costs what it was for.
 */
export async function loadSessions(
  records: Records,
  contact: string,
  damage: DamagedRecord[],
): Promise<LoadedSessions> {
  const gone: string[] = []
  const known = await soundly(records, keys.sessionGenerations(contact))
  const generations = readGenerations(known === 'damaged' ? undefined : known)
  const stored = await collect(records, keys.sessions(contact), (key) => gone.push(key))
  const sessions: Session[] = []
  for (const { key, value } of stored) {
    const prefix = keys.skippedOf(contact, fromHex(lastPart(key)))
    const beside = await collect(records, prefix, damagedAs('key', damage))
    const session = decoded(
      value,
      generations.get(lastPart(key)),
      beside.map((record) => record.value),
    )
    if (session === undefined) gone.push(key)
    else sessions.push(session)
  }
  for (const key of gone) damage.push({ what: 'session', key })
  const held = new Set(sessions.map(({ id }) => toHex(id)))
  return { sessions, generations: new Map([...generations].filter(([id]) => held.has(id))) }
}

function decoded(
  value: Uint8Array,
  expected: number | undefined,
  beside: readonly Uint8Array[],
): Session | undefined {
  try {
    const { generation, session } = splitGeneration(value)
    return generation === expected ? decodeSession(session, beside) : undefined
  } catch (cause) {
    if (cause instanceof DecodeError) return undefined
    throw cause
  }
}

function damagedAs(what: DamageKind, damage: DamagedRecord[]): (key: string) => void {
  return (key) => void damage.push({ what, key })
}

async function collect(
  records: Records,
  prefix: string,
  damaged: (key: string) => void,
): Promise<readonly { readonly key: string; readonly value: Uint8Array }[]> {
  const found: { readonly key: string; readonly value: Uint8Array }[] = []
  for await (const record of records.range(prefix, { damaged })) found.push(record)
  return found
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}
