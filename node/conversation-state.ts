// One conversation as it is in memory, what a draft changes of it in the store, and how it is read back. Knows no lock and no
// step: those are conversation.ts.

import { toHex } from '../protocol/bytes.ts'
import type { MessageId } from '../protocol/content.ts'
import { wipeAll, type Secret } from '../protocol/secret.ts'
import { sessionSecrets, type Session } from '../protocol/session.ts'
import { encodeSession, skippedKeyName } from '../protocol/session-codec.ts'
import type { Operation, Records } from '../net/records.ts'
import { contactSecrets, encodeContact, withoutTokens, type ContactState } from './contact.ts'
import type { DamagedRecord } from './damage.ts'
import type { Draft } from './draft.ts'
import {
  encodeGenerations,
  NO_GENERATIONS,
  withGeneration,
  type Generations,
} from './generations.ts'
import { keys } from './keys.ts'
import { loadConversation } from './load.ts'
import { encodeMessage } from './message.ts'
import { putEntry, removeEntry, type OutboxEntry } from './outbox.ts'
import { UnwrittenMessages } from './unwritten-messages.ts'

export class ConversationState {
  contact: ContactState
  sessions: readonly Session[] = []
  /** By order, rising. */
  readonly outbox = new Map<number, OutboxEntry>()
  /** Ids of their messages that a receipt is due for. */
  due: readonly MessageId[] = []
  readonly unwritten = new UnwrittenMessages()
  /** What was damaged when it was read, until it is mended. */
  damage: readonly DamagedRecord[] = []
  /** Whether the contact is in the store. */
  persisted: boolean
  #generations = NO_GENERATIONS
  readonly #orders = new Map<string, number>()
  #nextOrder = 1

  constructor(contact: ContactState, persisted: boolean) {
    this.contact = contact
    this.persisted = persisted
  }

  nextOrder(): number {
    return this.#nextOrder++
  }

  /** Place of a listed message in the outbox. */
  orderOf(id: Uint8Array): number | undefined {
    return this.#orders.get(toHex(id))
  }

  /** What makes the store agree with the draft, without its events. */
  *changes(draft: Draft): Iterable<Operation> {
    const { id } = this.contact
    if (draft.contact !== this.contact || !this.persisted) {
      yield { type: 'put', key: keys.contact(id), value: encodeContact(draft.contact) }
    }
    yield* this.#sessionChanges(draft)
    for (const [order, entry] of draft.outbox) {
      if (entry !== undefined) yield putEntry(id, entry)
      else if (this.outbox.has(order)) yield removeEntry(id, order)
    }
    for (const message of draft.sent.values()) {
      const key = keys.sentMessage(id, message.counter)
      yield { type: 'put', key, value: encodeMessage(message) }
    }
    yield* draft.operations
  }

  *#sessionChanges(draft: Draft): Iterable<Operation> {
    if (draft.sessions === this.sessions) return
    const { id } = this.contact
    const generations = this.#nextGenerations(draft)
    const key = keys.sessionGenerations(id)
    yield { type: 'put', key, value: encodeGenerations(generations) }
    for (const session of draft.sessions) {
      if (this.sessions.includes(session)) continue
      const generation = generations.get(toHex(session.id)) ?? 0
      const value = withGeneration(generation, encodeSession(session))
      yield { type: 'put', key: keys.session(id, session.id), value }
    }
    const kept = new Set(draft.sessions.map((session) => toHex(session.id)))
    for (const session of this.sessions) {
      if (kept.has(toHex(session.id))) continue
      yield { type: 'del', key: keys.session(id, session.id) }
      const { retired, skipped, marks } = session.ratchet
      for (const record of [...retired, ...skipped, ...marks]) {
        yield { type: 'del', key: keys.skipped(id, session.id, skippedKeyName(record)) }
      }
    }
  }

  #nextGenerations({ sessions }: Pick<Draft, 'sessions'>): Generations {
    return new Map(
      sessions.map((session) => {
        const name = toHex(session.id)
        const before = this.#generations.get(name) ?? 0
        return [name, this.sessions.includes(session) ? before : before + 1]
      }),
    )
  }

  /** The draft is in the store, or queued so that nothing later can be there without it. */
  take(draft: Draft): void {
    this.contact = draft.contact
    this.#generations = this.#nextGenerations(draft)
    this.sessions = draft.sessions
    this.persisted = true
    for (const [order, entry] of draft.outbox) this.#setEntry(order, entry)
    for (const message of draft.sent.values()) this.unwritten.set(message)
    if (draft.due.length > 0) this.due = [...this.due, ...draft.due]
  }

  /** What was taken of the draft is in the store. */
  written(draft: Draft): void {
    for (const message of draft.sent.values()) this.unwritten.written(message)
  }

  /** Everything as the store has it. Throws as `Records` does, and then nothing has changed. */
  async load(records: Records, now: number): Promise<void> {
    const loaded = await loadConversation(records, this.contact, now)
    wipeAll(this.sessions.flatMap(sessionSecrets))
    if (loaded.contact !== this.contact) wipeAll(contactSecrets(this.contact))
    this.contact = loaded.contact
    this.sessions = loaded.sessions
    this.#generations = loaded.generations
    this.due = loaded.due
    this.damage = loaded.damage
    this.outbox.clear()
    this.#orders.clear()
    this.unwritten.clear()
    for (const entry of loaded.entries) this.#setEntry(entry.order, entry)
    this.#nextOrder = Math.max(this.#nextOrder, (loaded.entries.at(-1)?.order ?? 0) + 1)
  }

  /** Wipes the secrets in memory; the store has them. */
  forgetSecrets(): void {
    wipeAll(secretsOf(this))
    this.sessions = []
    this.contact = withoutTokens(this.contact)
  }

  /** Wipes what a step has made that came to nothing, and nothing that it shares with the sessions as they are. */
  dispose({ sessions, contact, spent }: Draft): void {
    const held = new Set(secretsOf(this))
    const made = [...secretsOf({ sessions, contact }), ...spent]
    wipeAll(made.filter((secret) => !held.has(secret)))
  }

  #setEntry(order: number, entry: OutboxEntry | undefined): void {
    const before = this.outbox.get(order)
    if (before !== undefined) this.#orders.delete(toHex(before.messageId))
    if (entry === undefined) {
      this.outbox.delete(order)
      return
    }
    this.outbox.set(order, entry)
    if (entry.messageId.length > 0) this.#orders.set(toHex(entry.messageId), order)
  }
}

function secretsOf({ sessions, contact }: Pick<Draft, 'sessions' | 'contact'>): readonly Secret[] {
  return [...sessions.flatMap(sessionSecrets), ...contactSecrets(contact)]
}
