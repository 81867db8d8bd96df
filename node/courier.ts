// Delivers one contact's outbox: the direct stream first, the contact's mailboxes second. One function decides (`#attempt`).
// Sends the envelopes of the outbox as they are and tells the conversation what became of them.

import type { RandomBytes } from '../protocol/bytes.ts'
import { hasPassed } from '../protocol/riding.ts'
import { backoff } from '../net/backoff.ts'
import { DIRECT_PROTOCOL } from '../net/names.ts'
import type { Channel, Clock, Timer, Wire } from '../net/ports.ts'
import { BusyContact, isAhead } from './busy-contact.ts'
import type { Conversation } from './conversation.ts'
import { timeoutError, withDeadline } from './deadline.ts'
import { Depositor } from './depositor.ts'
import { DirectSender, MAX_DIRECT_FRAME_BYTES, WINDOW } from './direct.ts'
import { DAY } from './lifetimes.ts'
import type { MailboxPool } from './mailbox-pool.ts'
import { liveCopies, type OutboxEntry } from './outbox.ts'
import { REFUSED } from './outcome.ts'

export interface CourierInit {
  readonly conversation: Conversation
  readonly wire: Wire
  readonly pool: MailboxPool
  readonly clock: Clock
  readonly random: RandomBytes
  /** With how many mailboxes of a contact an envelope is left. @default 2 */
  readonly copies?: number
  /** Unix ms: what is too old then is given up; undefined while nobody knows what time it is. */
  readonly expireBy: () => number | undefined
  /** The contact cannot be reached by what we know of it: look for a newer bundle. Never rejects. */
  readonly lost: (conversation: Conversation) => void
}

const OPEN_TIMEOUT = 5_000
/** A stream without work is closed, and one that acknowledges nothing is given up: a mailbox may do better. */
const IDLE = 60_000
const STALL = 20_000
const RETRY = { base: 1_000, max: 300_000 }
/** How long a refused envelope rests before it is offered again. */
const REST = 600_000
/** What a mailbox holds is offered directly as well when the contact is there and has sent no receipt for this long. */
const RECEIPT_PATIENCE = 30_000
/** It may have been lost there: the contact itself is tried this often, until there is a receipt. */
const HELD_RETRY = 15 * 60_000
/** An undelivered message is given up after this. */
const KEEP_TRYING = 30 * DAY
/** Enough that the loss of one mailbox loses nothing; each more sees the contact's mail come. */
const COPIES = 2
/** Entries of which a first copy is on its way. */
const DEPOSITS_AT_ONCE = 64

/** A refused envelope. */
interface Rest {
  readonly envelope: Uint8Array
  readonly until: number
}

export class Courier {
  readonly #init: CourierInit
  readonly #abort = new AbortController()
  readonly #depositor: Depositor
  readonly #busy: BusyContact
  /** Envelopes on the stream. */
  readonly #inFlight = new Map<number, Uint8Array>()
  /** Refused ones. What is encrypted again is another envelope, and does not rest. */
  readonly #resting = new Map<number, Rest>()
  /**
   * Were on a stream that ended before the acknowledgement: the contact may have them, and then what a mailbox hands over is a
   * repeat, which brings a receipt only once in a while. So they are offered directly again, held or not. After a start this may be true of all.
   */
  readonly #unsure = new Set<number>()
  #sender: DirectSender | undefined
  #channel: Channel | undefined
  #working = false
  #again = false
  #failures = 0
  #notBefore = 0
  /** When the direct path was tried last. */
  #triedAt = 0
  /** The stream has brought something: when it ends, the next one is worth an attempt at once. */
  #proven = false
  #timer: Timer | undefined
  #quiet: Timer | undefined

  constructor(init: CourierInit) {
    this.#init = init
    const { conversation, pool, clock, random, copies = COPIES } = init
    const { signal } = this.#abort
    this.#busy = new BusyContact(random)
    this.#depositor = new Depositor({ conversation, pool, clock, random, copies, signal })
    for (const { order, held } of conversation.outbox.values()) {
      if (held.length > 0) this.#unsure.add(order)
    }
  }

  /** There may be something to deliver. */
  wake(): void {
    if (this.#abort.signal.aborted) return
    this.#again = true
    if (!this.#working) void this.#work()
  }

  /**
   * The contact is connected: the direct path is worth an attempt at once. Failures are forgotten when something has arrived: a connection
   * that breaks with each attempt, which connects anew, would else be made again each second.
   */
  online(): void {
    this.#notBefore = 0
    this.#busy.cameBack()
    this.wake()
  }

  stop(): void {
    this.#abort.abort(new DOMException('the node stops', 'AbortError'))
    this.#timer?.cancel()
    this.#quiet?.cancel()
    void this.#channel?.close()
  }

  /** One worker at a time; what arrives meanwhile makes it go round again. Never rejects. */
  async #work(): Promise<void> {
    this.#working = true
    while (this.#again && !this.#abort.signal.aborted) {
      this.#again = false
      try {
        await this.#attempt()
      } catch {
        // A path failed or the store refused: the timer below brings the next attempt.
      }
    }
    this.#working = false
    this.#plan()
  }

  async #attempt(): Promise<void> {
    await this.#giveUpOld()
    if (this.#waiting('direct').length > 0 && (await this.#reach())) this.#pump()
    const now = this.#init.clock.now()
    const left = this.#waiting('mailbox')
    const isOnItsWay = this.#sender !== undefined && !this.#busy.isLeftAlone(now)
    if (left.length > 0 && !isOnItsWay) await this.#deposit(left)
  }

  /** Entries that this path should carry now. */
  #waiting(path: 'direct' | 'mailbox'): readonly OutboxEntry[] {
    const { conversation, clock, wire } = this.#init
    const now = clock.now()
    if (path === 'direct' && this.#busy.isLeftAlone(now)) return []
    const here = wire.isConnected(conversation.contact.peer)
    return [...conversation.outbox.values()].filter((entry) => {
      if (entry.envelope === undefined || this.#inFlight.has(entry.order)) return false
      if (!conversation.maySend(entry)) return false
      const rest = this.#resting.get(entry.order)
      if (rest?.envelope === entry.envelope && isAhead(rest.until, REST, now)) return false
      if (path === 'mailbox') return this.#depositor.wants(entry)
      const [first] = liveCopies(entry, now)
      if (first === undefined || this.#unsure.has(entry.order)) return true
      if (here) return hasPassed(RECEIPT_PATIENCE, first.storedAt, now)
      return hasPassed(HELD_RETRY, first.storedAt, now) && hasPassed(HELD_RETRY, this.#triedAt, now)
    })
  }

  async #giveUpOld(): Promise<void> {
    const { conversation, expireBy } = this.#init
    const by = expireBy()
    if (by === undefined) return
    const old = [...conversation.outbox.values()].filter(
      ({ createdAt }) => by - createdAt > KEEP_TRYING,
    )
    if (old.length === 0) return
    await conversation.fail(
      old.map(({ order }) => order),
      'expired',
    )
  }

  /** An open stream to the contact, or false when it is not there (or was not a moment ago). */
  async #reach(): Promise<boolean> {
    if (this.#sender !== undefined) return true
    const { conversation, wire, clock, random } = this.#init
    const { peer, addresses } = conversation.contact
    if (isAhead(this.#notBefore, RETRY.max, clock.now())) return false
    this.#triedAt = clock.now()
    try {
      const { signal } = this.#abort
      const channel = await withDeadline({ clock, timeout: OPEN_TIMEOUT, signal }, (inner) =>
        wire.open(peer, DIRECT_PROTOCOL, {
          addresses,
          maxFrameBytes: MAX_DIRECT_FRAME_BYTES,
          signal: inner,
        }),
      )
      this.#listen(channel)
      return true
    } catch {
      this.#notBefore = clock.now() + backoff(this.#failures++, { ...RETRY, random })
      return false
    }
  }

  #listen(channel: Channel): void {
    const sender = new DirectSender(channel)
    this.#channel = channel
    this.#sender = sender
    this.#proven = false
    void this.#settle(channel, sender)
  }

  async #settle(channel: Channel, sender: DirectSender): Promise<void> {
    let reason: unknown = new Error('the stream ended')
    try {
      for await (const { delivered, refused } of sender.settled()) {
        if (delivered.length > 0) {
          await this.#init.conversation.delivered(delivered)
          this.#busy.took()
        }
        for (const order of delivered) this.#inFlight.delete(order)
        if (refused.length > 0) await this.#refuse(refused)
        this.#failures = 0
        this.#proven = true
        this.#pump()
        this.#watchQuiet(channel, sender)
      }
    } catch (error) {
      reason = error
    }
    this.#lose(channel, sender, reason)
  }

  /** A refusal is no end: who was a stranger may be a contact tomorrow, and a disk may have room again. */
  async #refuse(
    refused: readonly { readonly order: number; readonly code: number }[],
  ): Promise<void> {
    const now = this.#init.clock.now()
    const unopened: Uint8Array[] = []
    for (const { order, code } of refused) {
      const envelope = this.#inFlight.get(order)
      if (code === REFUSED.tryLater) this.#busy.refused(now)
      else if (envelope !== undefined) this.#resting.set(order, { envelope, until: now + REST })
      this.#inFlight.delete(order)
      if (code === REFUSED.cannotOpen && envelope !== undefined) unopened.push(envelope)
    }
    if (unopened.length > 0) {
      this.#init.lost(this.#init.conversation) // it may have begun again with other keys
      await this.#init.conversation.refused(unopened)
    }
    this.#plan()
  }

  #lose(channel: Channel, sender: DirectSender, reason: unknown): void {
    channel.abort(reason instanceof Error ? reason : new Error('the stream ended'))
    if (this.#sender !== sender) return
    this.#sender = undefined
    this.#channel = undefined
    for (const order of this.#inFlight.keys()) this.#unsure.add(order)
    this.#inFlight.clear()
    this.#quiet?.cancel()
    if (this.#abort.signal.aborted) return
    const { clock, random } = this.#init
    if (!this.#proven) {
      this.#notBefore = clock.now() + backoff(this.#failures++, { ...RETRY, random })
    }
    this.wake()
  }

  /** Fills the window. Whoever could take nothing gets one to begin with. */
  #pump(): void {
    const [channel, sender] = [this.#channel, this.#sender]
    if (channel === undefined || sender === undefined) return
    const wasQuiet = sender.inFlight === 0
    const window = this.#busy.isDoubtful ? 1 : WINDOW
    try {
      for (const entry of this.#waiting('direct')) {
        if (sender.inFlight >= window) break
        if (entry.envelope === undefined) continue
        this.#inFlight.set(entry.order, entry.envelope)
        sender.send(entry.order, entry.envelope)
      }
    } catch {
      // The stream closed under us; its reader notices and clears what is in flight.
    }
    if (wasQuiet) this.#watchQuiet(channel, sender)
  }

  /** Begins to wait for the end of a stream on which nothing happens. */
  #watchQuiet(channel: Channel, sender: DirectSender): void {
    this.#quiet?.cancel()
    if (this.#sender !== sender) return
    const { clock } = this.#init
    if (sender.inFlight === 0) {
      this.#quiet = clock.after(IDLE, () => void channel.close())
      return
    }
    this.#quiet = clock.after(STALL, () => {
      this.#proven = false
      channel.abort(timeoutError(STALL))
    })
  }

  async #deposit(entries: readonly OutboxEntry[]): Promise<void> {
    const { conversation, lost } = this.#init
    for (let from = 0; from < entries.length; from += DEPOSITS_AT_ONCE) {
      const run = entries.slice(from, from + DEPOSITS_AT_ONCE)
      if (!(await this.#depositor.leave(run))) return lost(conversation)
    }
  }

  /** When to look again: something waits for the direct path, for a rest to end, or for a receipt. */
  #plan(): void {
    this.#timer?.cancel()
    if (this.#abort.signal.aborted) return
    const { conversation, clock } = this.#init
    const entries = [...conversation.outbox.values()].filter(
      ({ envelope }) => envelope !== undefined,
    )
    for (const orders of [this.#resting, this.#unsure]) {
      for (const order of orders.keys()) if (!conversation.outbox.has(order)) orders.delete(order)
    }
    if (entries.every(({ order }) => this.#inFlight.has(order))) return
    const now = clock.now()
    const wait = Math.min(RETRY.max, Math.max(RETRY.base, this.#notBefore - now))
    const heldOnly = entries.every(
      (entry) => liveCopies(entry, now).length > 0 && !this.#unsure.has(entry.order),
    )
    this.#timer = clock.after(heldOnly ? Math.max(wait, RECEIPT_PATIENCE) : wait, () => this.wake())
  }
}
