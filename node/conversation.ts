// Everything between us and one contact, under one lock: sessions, counters, outbox. Load, pure step, commit are never
// interleaved; what arrives while a commit is on its way shares the next one. Does not talk to the network: the courier
// (courier.ts) delivers, the introducer (introduce.ts) finds bundles.

import { toHex, type RandomBytes } from '../protocol/bytes.ts'
import type { MessageId } from '../protocol/content.ts'
import type { FailedBodies } from '../protocol/failed-bodies.ts'
import type { Envelope } from '../protocol/envelope.ts'
import { tagMatches, type Accepted, type Session } from '../protocol/session.ts'
import type { Operation, Records } from '../net/records.ts'
import { StoreError } from '../net/store-error.ts'
import type { Clock } from '../net/ports.ts'
import type { ContactId, StateChange } from './api.ts'
import { adoptSession } from './adopt.ts'
import {
  composeControl,
  composeReceipts,
  composeText,
  encryptWaiting,
  readPointer,
  type Composer,
} from './compose.ts'
import { encodeContact, type ContactState } from './contact.ts'
import { Draft } from './draft.ts'
import type { EventLog } from './event-log.ts'
import { keys } from './keys.ts'
import { loadConversation, type Loaded } from './load.ts'
import { decodeMessage, encodeMessage, type StoredMessage } from './message.ts'
import { changeState, openEnvelope, type Arrival, type Opener } from './open.ts'
import { putEntry, removeEntry, type HeldBy, type OutboxEntry } from './outbox.ts'
import type { Outcome } from './outcome.ts'
import { RecentMessages } from './recent-messages.ts'
import { encodeSession } from '../protocol/session-codec.ts'

export interface ConversationInit {
  readonly contact: ContactState
  readonly records: Records
  readonly events: EventLog
  readonly clock: Clock
  /** For new ratchet keys. */
  readonly random: RandomBytes
  /** May be a pool: ids and salts. */
  readonly salts: RandomBytes
  readonly ourName: () => string
  /** Told after commits. */
  readonly listener: ConversationListener
}

export interface ConversationListener {
  /** There is something (more) to deliver, or to encrypt. */
  readonly wake: (conversation: Conversation) => void
  /** A message of ours changed. Called as soon as it is true, before the event is in the log. */
  readonly state: (message: StoredMessage, change: StateChange) => void
  /** Messages came by way of a mailbox: their sender waits for a receipt. */
  readonly receiptsDue: (conversation: Conversation) => void
  readonly session: (conversation: Conversation, session: Session) => void
}

/** What goes with a session that a first message made. */
export interface Adoption {
  readonly arrival: Arrival
  /** In the same commit. */
  readonly operations: readonly Operation[]
  /** Runs after it, before anybody hears of it. */
  readonly committed: () => void
}

interface PendingText {
  readonly text: string
  readonly resolve: (message: StoredMessage) => void
  readonly reject: (error: unknown) => void
}

/** Ends a step without a trace. */
class Refused extends Error {
  readonly outcome: Outcome

  constructor(outcome: Outcome) {
    super(outcome)
    this.outcome = outcome
  }
}

/** Texts that share one step. */
const MAX_TEXTS_A_STEP = 256

export class Conversation implements Composer, Opener {
  readonly #init: ConversationInit
  #contact: ContactState
  #sessions: readonly Session[] = []
  #outbox = new Map<number, OutboxEntry>()
  #orders = new Map<string, number>()
  #nextOrder = 1
  #due: readonly MessageId[] = []
  #recent = new RecentMessages()
  #texts: PendingText[] = []
  #tail: Promise<unknown> = Promise.resolve()
  /** A batch failed: what is in memory may be ahead of the store. */
  #stale = false
  #persisted: boolean

  private constructor(init: ConversationInit, persisted: boolean) {
    this.#init = init
    this.#contact = init.contact
    this.#persisted = persisted
  }

  /** A contact that is not in the store yet; its first step writes it. */
  static fresh(init: ConversationInit): Conversation {
    return new Conversation(init, false)
  }

  static async load(init: ConversationInit): Promise<Conversation> {
    const conversation = new Conversation(init, true)
    await conversation.#reload()
    return conversation
  }

  get id(): ContactId {
    return this.#contact.id
  }
  get contact(): ContactState {
    return this.#contact
  }
  get sessions(): readonly Session[] {
    return this.#sessions
  }
  get outbox(): ReadonlyMap<number, OutboxEntry> {
    return this.#outbox
  }
  get random(): RandomBytes {
    return this.#init.random
  }
  get salts(): RandomBytes {
    return this.#init.salts
  }
  get ourName(): string {
    return this.#init.ourName()
  }
  /** Ids of their messages that a receipt is due for. */
  get due(): readonly MessageId[] {
    return this.#due
  }
  readonly failedBodies = new Map<string, FailedBodies>()
  readonly nextOrder = (): number => this.#nextOrder++
  readonly orderOf = (id: Uint8Array): number | undefined => this.#orders.get(toHex(id))

  readonly sentMessage = async (id: Uint8Array): Promise<StoredMessage | undefined> => {
    const recent = this.#recent.get(id)
    if (recent !== undefined) return recent
    const value = await this.#init.records.get(keys.sentId(id))
    if (value === undefined) return undefined
    const { contact, counter } = readPointer(value)
    if (contact !== this.id) return undefined
    const stored = await this.#init.records.get(keys.sentMessage(contact, counter))
    return stored === undefined ? undefined : decodeMessage(stored)
  }

  readonly wasReceived = async (id: Uint8Array): Promise<boolean> =>
    (await this.#init.records.get(keys.receivedId(this.id, id))) !== undefined

  /** Accepts a text: resolves when it is on the disk. Texts given meanwhile share one step. */
  send(text: string): Promise<StoredMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<StoredMessage>()
    this.#texts.push({ text, resolve, reject })
    if (this.#texts.length === 1) this.#scheduleTexts()
    return promise
  }

  #scheduleTexts(): void {
    let texts: readonly PendingText[] = []
    const step = this.step((draft) => {
      texts = this.#texts.splice(0, MAX_TEXTS_A_STEP)
      if (this.#texts.length > 0) this.#scheduleTexts()
      for (const { text, resolve } of texts) composeText(draft, this, text, resolve)
      encryptWaiting(draft, this)
    })
    step.catch((error: unknown) => {
      for (const { reject } of texts) reject(error)
    })
  }

  /** Opens envelopes in the order given, in one commit. A store that fails makes all of them 'store-full'. */
  async receive(envelopes: readonly Envelope[], arrival: Arrival): Promise<readonly Outcome[]> {
    return this.#guarded(envelopes.length, async (draft) => {
      const outcomes: Outcome[] = []
      for (const envelope of envelopes) {
        outcomes.push(await openEnvelope(draft, this, envelope, arrival))
      }
      composeControl(draft, this)
      encryptWaiting(draft, this)
      return outcomes
    })
  }

  /** Takes over a session that a first message of the contact made, with the content that came in it. */
  async adopt(accepted: Accepted, context: Adoption): Promise<Outcome> {
    const outcomes = await this.#guarded(1, async (draft) => {
      const requested = { type: 'contact.requested', at: draft.now, contact: this.id }
      if (!this.#persisted) draft.events.push({ event: requested })
      const outcome = await adoptSession(draft, this, accepted, context.arrival)
      if (outcome !== 'opened') throw new Refused(outcome)
      draft.operations.push(...context.operations)
      draft.committed.push(context.committed, () =>
        this.#init.listener.session(this, accepted.session),
      )
      encryptWaiting(draft, this)
      return [outcome]
    })
    return outcomes[0] ?? 'store-full'
  }

  async #guarded(
    count: number,
    run: (draft: Draft) => Promise<readonly Outcome[]>,
  ): Promise<readonly Outcome[]> {
    try {
      return await this.step(run)
    } catch (error) {
      if (error instanceof StoreError) return Array<Outcome>(count).fill('store-full')
      if (error instanceof Refused) return [error.outcome]
      throw error
    }
  }

  /** A batch failed: the next step reads the store again. */
  distrust(): void {
    this.#stale = true
  }

  /** Entries of the outbox that are listed messages, oldest first. */
  waiting(): readonly OutboxEntry[] {
    return [...this.#outbox.values()].filter((entry) => entry.messageId.length > 0)
  }

  /** Resolves when no step is on its way. */
  async settled(): Promise<void> {
    await this.#tail
  }

  /** Whether an envelope belongs to one of the sessions. */
  recognises(envelope: Envelope): boolean {
    return tagMatches(this.#sessions, envelope) !== undefined
  }

  /** The recipient's node has committed these entries. */
  delivered(orders: readonly number[]): Promise<void> {
    return this.#lazyStep(async (draft) => {
      const change: StateChange = { state: 'delivered', at: draft.now, path: 'direct' }
      for (const order of orders) await this.#settle(draft, order, change)
      encryptWaiting(draft, this)
    })
  }

  /** A mailbox has signed that it holds this entry. What is not listed needs no more than that. */
  held(order: number, held: HeldBy): Promise<void> {
    return this.#lazyStep(async (draft) => {
      const entry = this.#outbox.get(order)
      if (entry === undefined) return
      const unlisted = entry.messageId.length === 0
      draft.outbox.set(order, unlisted ? undefined : { ...entry, held })
      if (unlisted) return
      const { keptUntil, storedAt } = held
      const change: StateChange = { state: 'stored', at: storedAt, path: 'mailbox', keptUntil }
      await changeState(draft, this, entry.messageId, change)
    })
  }

  /** These entries will never be delivered. */
  fail(orders: readonly number[], reason: StateChange['reason']): Promise<void> {
    return this.#lazyStep(async (draft) => {
      const change: StateChange = {
        state: 'failed',
        at: draft.now,
        ...(reason === undefined ? {} : { reason }),
      }
      for (const order of orders) await this.#settle(draft, order, change)
    })
  }

  async #settle(draft: Draft, order: number, change: StateChange): Promise<void> {
    const entry = this.#outbox.get(order)
    if (entry === undefined) return
    draft.outbox.set(order, undefined)
    if (entry.messageId.length > 0) await changeState(draft, this, entry.messageId, change)
  }

  /** Queues the receipts that are due. */
  sendReceipts(): Promise<void> {
    return this.step((draft) => {
      if (this.#due.length === 0) return
      composeReceipts(draft, this, 'delivery-receipt', this.#due)
      for (const id of this.#due)
        draft.operations.push({ type: 'del', key: keys.receiptDue(this.id, id) })
      draft.committed.push(() => {
        this.#due = []
      })
      encryptWaiting(draft, this)
    })
  }

  /**
   * Runs one step under the lock. `run` sees the conversation as it is and writes into the draft; resolves after the synced
   * batch. Rejects with what `run` threw, or `StoreError`, and then nothing has changed.
   */
  step<T>(run: (draft: Draft) => T | Promise<T>): Promise<T> {
    return this.#locked(async () => {
      const draft = await this.#draft()
      const value = await run(draft)
      const batch = this.#seal(draft)
      if (batch.operations.length > 0) await this.#init.records.commit(batch.operations)
      this.#take(draft)
      for (const secret of draft.spent) secret.wipe()
      batch.written()
      return value
    })
  }

  /** The same without a sync of its own: for what can be learnt again after a crash. Never for ratchet states. */
  #lazyStep(run: (draft: Draft) => Promise<void>): Promise<void> {
    return this.#locked(async () => {
      const draft = await this.#draft()
      await run(draft)
      if (draft.spent.length > 0) return this.#finishSynced(draft)
      const batch = this.#seal(draft)
      if (batch.operations.length > 0) {
        this.#init.records.later(batch.operations).then(batch.written, () => undefined) // told by onFailure
      }
      this.#take(draft)
    })
  }

  async #finishSynced(draft: Draft): Promise<void> {
    const batch = this.#seal(draft)
    await this.#init.records.commit(batch.operations)
    this.#take(draft)
    for (const secret of draft.spent) secret.wipe()
    batch.written()
  }

  #locked<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task)
    this.#tail = result.catch(() => undefined) // the caller has the rejection
    return result
  }

  async #draft(): Promise<Draft> {
    if (this.#stale && this.#persisted) await this.#reload()
    return new Draft(this.#contact, this.#sessions, this.#init.clock.now())
  }

  /** Everything the draft changes, with event numbers; to be queued in this same turn. */
  #seal(draft: Draft): { readonly operations: readonly Operation[]; readonly written: () => void } {
    const operations: Operation[] = [...this.#changes(draft)]
    let last = 0
    for (const pending of draft.events) {
      const { seq, operation } = this.#init.events.append(pending.event)
      operations.push(operation, ...(pending.operations?.(seq) ?? []))
      last = seq
    }
    return { operations, written: () => this.#init.events.written(last) }
  }

  *#changes(draft: Draft): Iterable<Operation> {
    const { id } = this
    if (draft.contact !== this.#contact || !this.#persisted) {
      yield { type: 'put', key: keys.contact(id), value: encodeContact(draft.contact) }
    }
    for (const session of draft.sessions) {
      if (this.#sessions.includes(session)) continue
      yield { type: 'put', key: keys.session(id, session.id), value: encodeSession(session) }
    }
    const kept = new Set(draft.sessions.map((session) => toHex(session.id)))
    for (const session of this.#sessions) {
      if (!kept.has(toHex(session.id))) yield { type: 'del', key: keys.session(id, session.id) }
    }
    for (const [order, entry] of draft.outbox) {
      if (entry !== undefined) yield putEntry(id, entry)
      else if (this.#outbox.has(order)) yield removeEntry(id, order)
    }
    for (const message of draft.sent.values()) {
      yield {
        type: 'put',
        key: keys.sentMessage(id, message.counter),
        value: encodeMessage(message),
      }
    }
    yield* draft.operations
  }

  /** The batch is in the store, or queued so that nothing later can be there without it. */
  #take(draft: Draft): void {
    this.#contact = draft.contact
    this.#sessions = draft.sessions
    this.#persisted = true
    for (const [order, entry] of draft.outbox) this.#setEntry(order, entry)
    for (const message of draft.sent.values()) this.#recent.set(message)
    this.#noteDue(draft)
    for (const run of draft.committed) run()
    for (const { message, change } of draft.stateChanges) this.#init.listener.state(message, change)
    if (draft.outbox.size > 0) this.#init.listener.wake(this)
  }

  #noteDue(draft: Draft): void {
    if (draft.due.length === 0) return
    this.#due = [...this.#due, ...draft.due]
    this.#init.listener.receiptsDue(this)
  }

  #setEntry(order: number, entry: OutboxEntry | undefined): void {
    const before = this.#outbox.get(order)
    if (before !== undefined) this.#orders.delete(toHex(before.messageId))
    if (entry === undefined) {
      this.#outbox.delete(order)
      return
    }
    this.#outbox.set(order, entry)
    if (entry.messageId.length > 0) this.#orders.set(toHex(entry.messageId), order)
  }

  async #reload(): Promise<void> {
    const loaded: Loaded = await loadConversation(
      this.#init.records,
      this.#contact,
      this.#init.clock.now(),
    )
    this.#contact = loaded.contact
    this.#sessions = loaded.sessions
    this.#due = loaded.due
    this.#outbox.clear()
    this.#orders.clear()
    this.#recent = new RecentMessages()
    for (const entry of loaded.entries) this.#setEntry(entry.order, entry)
    this.#nextOrder = Math.max(this.#nextOrder, (loaded.entries.at(-1)?.order ?? 0) + 1)
    this.#stale = false
  }
}
