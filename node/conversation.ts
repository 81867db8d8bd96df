// Everything between us and one contact: what is sent, opened, adopted, settled. Each is one step under the conversation's
// lock (steps.ts); what arrives while a commit is on its way shares the next one. Does not talk to the network: the courier
// (courier.ts) delivers, the introducer (introduce.ts) finds bundles.

import { equalBytes, toHex, type RandomBytes } from '../protocol/bytes.ts'
import type { CounterRange, MessageId } from '../protocol/content.ts'
import type { FailedBodies } from '../protocol/failed-bodies.ts'
import type { Envelope } from '../protocol/envelope.ts'
import { tagMatches } from '../protocol/open-message.ts'
import type { Accepted, Session } from '../protocol/session.ts'
import { sendingSession, winningHandshake } from '../protocol/sessions.ts'
import type { Records } from '../net/records.ts'
import { StoreError } from '../net/store-error.ts'
import type { ContactId, StateChange } from './api.ts'
import { adoptSession } from './adopt.ts'
import { blockContact } from './block.ts'
import { expireSessions, redate } from './aging.ts'
import { composeControl, composeReceipts, composeTokens, encryptWaiting } from './compose.ts'
import type { ContactState } from './contact.ts'
import type { Adoption, ConversationInit } from './conversation-init.ts'
import { ConversationState } from './conversation-state.ts'
import type { Draft } from './draft.ts'
import { keys } from './keys.ts'
import type { IssuedToken } from './issued-tokens.ts'
import type { StoredMessage } from './message.ts'
import { answerMissing, lookAtGaps } from './missing.ts'
import { askAfterLoss } from './ask-after-loss.ts'
import { mend, queueAgain, type Mender } from './mend.ts'
import { openEnvelope, type Opener, type Way } from './open.ts'
import type { NewCopy, OutboxEntry } from './outbox.ts'
import type { Outcome } from './outcome.ts'
import { leaveSessions } from './recover.ts'
import { Refusals } from './refusals.ts'
import { lookAtAge, lookForLost, wantRenewal } from './renewal.ts'
import { hasLapsed } from './series.ts'
import { noteSending } from './session-age.ts'
import { noteHeld, settle } from './settle.ts'
import { SeenEnvelopes } from './seen-envelopes.ts'
import { Steps } from './steps.ts'
import { StoredMessages } from './stored-messages.ts'
import { TextQueue } from './text-queue.ts'

/** Ends a step without a trace. */
class Refused extends Error {
  readonly outcome: Outcome

  constructor(outcome: Outcome) {
    super(outcome)
    this.outcome = outcome
  }
}

export class Conversation implements Mender, Opener {
  readonly #init: ConversationInit
  readonly #state: ConversationState
  readonly #steps: Steps
  readonly #texts: TextQueue
  readonly #refusals = new Refusals()
  readonly #messages: StoredMessages
  readonly seen: SeenEnvelopes

  private constructor(init: ConversationInit, persisted: boolean) {
    this.#init = init
    this.#state = new ConversationState(init.contact, persisted)
    const { records, events, clock } = init
    this.seen = new SeenEnvelopes(init.contact.id, records)
    this.#messages = new StoredMessages(init.contact.id, records, this.#state.unwritten)
    const taken = (draft: Draft): void => this.#tell(draft)
    const reloaded = (): void => this.#tellAll()
    this.#steps = new Steps({ state: this.#state, records, events, clock, taken, reloaded })
    this.#texts = new TextQueue({ composer: this, step: (run) => this.#steps.run(run) })
  }

  /** A contact that is not in the store yet; its first step writes it. */
  static fresh(init: ConversationInit): Conversation {
    return new Conversation(init, false)
  }

  static async load(init: ConversationInit): Promise<Conversation> {
    const conversation = new Conversation(init, true)
    await conversation.#state.load(init.records, init.clock.now())
    for (const record of conversation.#state.damage) init.damages.note(record)
    return conversation
  }

  get records(): Records {
    return this.#init.records
  }
  get isDamaged(): boolean {
    return this.#state.damage.length > 0
  }
  get id(): ContactId {
    return this.#state.contact.id
  }
  get contact(): ContactState {
    return this.#state.contact
  }
  get sessions(): readonly Session[] {
    return this.#state.sessions
  }
  get outbox(): ReadonlyMap<number, OutboxEntry> {
    return this.#state.outbox
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
    return this.#state.due
  }
  /** Entries of the outbox, and texts that are about to be. */
  get queued(): number {
    return this.#state.outbox.size + this.#texts.size
  }
  readonly isRegistered = (token: IssuedToken): boolean => this.#init.isRegistered(token)
  readonly holds = (session: Session): boolean => this.#init.holds(session)
  readonly failedBodies = new Map<string, FailedBodies>()
  readonly unopened = new Map<string, string>()
  readonly nextOrder = (): number => this.#state.nextOrder()
  readonly orderOf = (id: Uint8Array): number | undefined => this.#state.orderOf(id)
  readonly mayBeCalled = (name: string): boolean => this.#init.mayBeCalled(name, this.id)

  readonly sentMessage = async (id: Uint8Array): Promise<StoredMessage | undefined> => {
    const message = await this.#messages.sent(id)
    return message && this.#asSealed(message)
  }
  readonly current = (message: StoredMessage): StoredMessage =>
    this.#asSealed(this.#messages.current(message))
  readonly sentBetween = (range: CounterRange): AsyncIterable<StoredMessage> =>
    this.#messages.sentBetween(range)
  readonly wasReceived = (id: Uint8Array): Promise<boolean> => this.#messages.wasReceived(id)

  /** The message with what it is sealed in now, which its record says from its next state on. */
  #asSealed(message: StoredMessage): StoredMessage {
    const protection = this.outbox.get(this.orderOf(message.id) ?? 0)?.protection
    return protection === undefined ? message : { ...message, protection }
  }

  /** Accepts a text: resolves when it is on the disk. Texts given meanwhile share one step. */
  send(text: string): Promise<StoredMessage> {
    return this.#texts.send(text)
  }

  /** Opens envelopes in the order given, in one commit. A store that fails makes all of them 'store-full'. */
  async receive(envelopes: readonly Envelope[], way: Way): Promise<readonly Outcome[]> {
    return this.#guarded(envelopes.length, async (draft) => {
      const outcomes: Outcome[] = []
      for (const envelope of envelopes) {
        outcomes.push(await openEnvelope(draft, this, envelope, way))
      }
      await answerMissing(draft, this)
      composeControl(draft, this)
      encryptWaiting(draft, this)
      return outcomes
    })
  }

  /** Takes over a session that a first message of the contact made, with the content that came in it. */
  async adopt(accepted: Accepted, context: Adoption): Promise<Outcome> {
    const outcomes = await this.#guarded(1, async (draft) => {
      const requested = { type: 'contact.requested', at: draft.now, contact: this.id }
      if (!this.#state.persisted) draft.events.push({ event: requested })
      const outcome = await adoptSession(draft, this, accepted, context)
      if (outcome !== 'opened') throw new Refused(outcome)
      await answerMissing(draft, this)
      const { wanted } = draft.before.renewal
      // Theirs came before ours: it is asked in the one that sends.
      const isThere = wanted?.reason === 'recovery' && draft.contact.renewal.wanted === undefined
      if (isThere) askAfterLoss(draft, this)
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
    this.#steps.distrust()
  }

  /** Whether the envelope of an entry may leave: not that of a first message whose bundle has expired. */
  maySend({ sessionId }: OutboxEntry): boolean {
    const { contact, sessions } = this
    if (contact.series === undefined) return true
    const lapsed = sessions.find((held) => hasLapsed(held, contact, this.#init.clock.now()))
    return lapsed === undefined || !equalBytes(lapsed.id, sessionId)
  }

  /** Entries of the outbox that are listed messages, oldest first. */
  waiting(): readonly OutboxEntry[] {
    return [...this.outbox.values()].filter((entry) => entry.messageId.length > 0)
  }

  /** Resolves when no step is on its way, and the sessions in memory are wiped. */
  async end(): Promise<void> {
    await this.#steps.end()
  }

  /** Whether an envelope belongs to one of the sessions. */
  recognises(envelope: Envelope): boolean {
    return tagMatches(this.sessions, envelope) !== undefined
  }

  /** The recipient's node has committed these entries. */
  delivered(orders: readonly number[]): Promise<void> {
    return this.#settle(orders, (at) => ({ state: 'delivered', at, path: 'direct' }))
  }

  /** These entries will never be delivered. */
  fail(orders: readonly number[], reason: StateChange['reason']): Promise<void> {
    const why = reason === undefined ? {} : { reason }
    return this.#settle(orders, (at) => ({ state: 'failed', at, ...why }))
  }

  #settle(orders: readonly number[], change: (now: number) => StateChange): Promise<void> {
    return this.#steps.lazily(async (draft) => {
      await settle(draft, this, orders, change(draft.now))
      encryptWaiting(draft, this)
    })
  }

  /** A mailbox has signed that it holds the envelope of this entry. */
  held(entry: OutboxEntry, held: NewCopy): Promise<void> {
    return this.#steps.lazily((draft) => noteHeld(draft, this, entry, held))
  }

  /** Queues the receipts that are due. */
  sendReceipts(): Promise<void> {
    return this.step((draft) => {
      const due = new Map(this.due.map((id) => [toHex(id), id]))
      if (due.size === 0) return
      composeReceipts(draft, this, 'delivery-receipt', [...due.values()])
      this.#settleDue(draft)
      encryptWaiting(draft, this)
    })
  }

  /**
   * Looks at what time alone makes due: messages that are to be encrypted again or asked for, sessions that are to be replaced;
   * on request also whether a session is gone. Resolves to true if one is, and another is wanted.
   */
  tend(options: { readonly lookForLost?: boolean } = {}): Promise<boolean> {
    return this.step(async (draft) => {
      await this.#mend(draft)
      noteSending(draft)
      lookAtAge(draft, this)
      if (options.lookForLost === true) lookForLost(draft)
      lookAtGaps(draft, this)
      encryptWaiting(draft, this) // what is encrypted again answers as well
      if (composeControl(draft, this)) encryptWaiting(draft, this)
      return draft.troubles.includes('no-session')
    })
  }

  /** Our device key is gone: the session is replaced by one of the device as it is now. */
  leaveSession(): Promise<void> {
    return this.step((draft) => {
      const session = sendingSession(draft.sessions, draft.contact.handshakes)
      if (session !== undefined) wantRenewal(draft, 'damaged', session)
    })
  }

  /** It came back from a backup: begins again with somebody we have spoken with, and queues what may not have arrived. */
  async beginAgain(): Promise<void> {
    if (this.contact.restoredAt === 0) return
    await this.step(async (draft) => {
      draft.patch({ restoredAt: 0 })
      await queueAgain(draft, this)
      const { sentCounter, receivedCounter, handshakes } = draft.contact
      const spoke = sentCounter > 0 || receivedCounter > 0 || winningHandshake(handshakes)
      if (spoke) wantRenewal(draft, 'restored')
    })
  }

  /** Our store has lost something: nothing is sent any more in the sessions that it holds. */
  leaveSessions(): Promise<void> {
    return this.step((draft) => leaveSessions(draft, this))
  }

  /** Makes up for damage that was met. */
  async #mend(draft: Draft): Promise<void> {
    const { damage } = this.#state
    if (damage.length === 0) return
    await mend(draft, this, damage)
    draft.committed.push(() => {
      this.#state.damage = []
    })
  }

  /** Tells the contact of delivery tokens that it does not know yet, if it can be told now. */
  tellTokens(): Promise<void> {
    return this.step((draft) => {
      if (composeTokens(draft, this)) encryptWaiting(draft, this)
    })
  }

  /** They say on their own stream that they cannot open these. */
  refused(envelopes: readonly Uint8Array[]): Promise<void> {
    return this.step((draft) => {
      const entries = [...this.outbox.values()]
      const refused = entries.filter(({ envelope }) => envelope && envelopes.includes(envelope))
      for (const entry of refused) this.#refusals.note(draft, entry)
      encryptWaiting(draft, this)
    })
  }

  /** Lets go of what has been kept long enough at a time (Unix ms). */
  expire(by: number): Promise<void> {
    return this.step((draft) => expireSessions(draft, by))
  }

  /** What was dated after `now` (Unix ms), by a clock that was ahead, counts as of now. */
  redate(now: number): Promise<void> {
    return this.step((draft) => redate(draft, this.outbox, now))
  }

  /** Nothing of the contact is taken any more, and nothing sent. */
  block(): Promise<void> {
    return this.step(async (draft) => {
      await blockContact(draft, this)
      this.#settleDue(draft)
    })
  }

  /** No receipt is due any more: they were sent, or nobody is to get them. */
  #settleDue(draft: Draft): void {
    for (const id of this.due) {
      draft.operations.push({ type: 'del', key: keys.receiptDue(this.id, id) })
    }
    draft.committed.push(() => {
      this.#state.due = []
    })
  }

  /** Runs one step under the lock: `Steps.run`. */
  step<T>(run: (draft: Draft) => T | Promise<T>): Promise<T> {
    return this.#steps.run(run)
  }

  #tell(draft: Draft): void {
    const { listener } = this.#init
    if (draft.contact.state !== draft.before.state) listener.standing(this)
    if (draft.due.length > 0) listener.receiptsDue(this)
    if (draft.theirTime !== undefined) listener.time(this, draft.theirTime)
    for (const { message, change } of draft.stateChanges) listener.state(message, change)
    for (const what of draft.irregularities) listener.irregular(this, what)
    for (const doubt of draft.doubted.values()) listener.doubted(this, doubt)
    for (const reason of draft.troubles) listener.trouble(this, reason)
    if (draft.outbox.size > 0 || draft.troubles.length > 0) listener.wake(this)
    listener.gaps(this)
  }

  #tellAll(): void {
    const { listener } = this.#init
    if (this.due.length > 0) listener.receiptsDue(this)
    if (this.outbox.size > 0) listener.wake(this)
    listener.gaps(this)
  }
}
