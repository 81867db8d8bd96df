// Leaves one contact's envelopes with its mailboxes: each with several of them, so that no single one can lose or withhold it. What
// goes where is decided here; when to do it is the courier's business (courier.ts).

import { toHex, type RandomBytes } from '../protocol/bytes.ts'
import { envelopeDigest } from '../protocol/custody.ts'
import { backoff } from '../net/backoff.ts'
import { MailboxError } from '../net/mailbox-error.ts'
import { accountOf, peerName } from '../net/peer-name.ts'
import type { Clock, PeerName } from '../net/ports.ts'
import type { Conversation } from './conversation.ts'
import { mailboxesOf, withToken } from './introduce.ts'
import type { MailboxHint, MailboxPool } from './mailbox-pool.ts'
import { liveCopies, type OutboxEntry } from './outbox.ts'
import { doubtsNow } from './promises.ts'

export interface DepositorInit {
  readonly conversation: Conversation
  readonly pool: MailboxPool
  readonly clock: Clock
  readonly random: RandomBytes
  /** With how many mailboxes of the contact an envelope is left, if it has so many. */
  readonly copies: number
  readonly signal: AbortSignal
}

/** Deposits on their way at once beyond the first of each envelope: they wait for a mailbox that may be gone. */
const MAX_FURTHER = 256

/** How long a mailbox that failed gets no further copies. A first copy is always tried. */
const REST = { base: 5_000, max: 15 * 60_000 }

interface Resting {
  readonly failures: number
  readonly until: number
}

export class Depositor {
  readonly #init: DepositorInit
  /** Order and mailbox of each deposit on its way. */
  readonly #underway = new Set<string>()
  readonly #resting = new Map<PeerName, Resting>()

  constructor(init: DepositorInit) {
    this.#init = init
  }

  /** Whether another mailbox should get the envelope of this entry now. Without any copy always: there may be other mailboxes. */
  wants(entry: OutboxEntry): boolean {
    if (this.#held(entry) === 0) return true
    return this.#missing(entry) > 0 && this.#candidates(entry).length > 0
  }

  /**
   * Leaves each with as many mailboxes as it still lacks. Resolves as soon as each is left with one; the others go on. False where
   * there were some without any, and nobody took one of them.
   */
  async leave(entries: readonly OutboxEntry[]): Promise<boolean> {
    const first: Promise<void>[] = []
    for (const entry of entries) {
      const lanes = this.#lanes(entry)
      if (this.#held(entry) === 0) first.push(Promise.any(lanes))
      for (const lane of lanes) lane.catch(() => undefined) // the mailbox rests; the courier comes back to it
    }
    const results = await Promise.allSettled(first)
    return results.length === 0 || results.some(({ status }) => status === 'fulfilled')
  }

  #held(entry: OutboxEntry): number {
    return liveCopies(entry, this.#init.clock.now()).length
  }

  /** Copies that are neither there nor on their way. */
  #missing(entry: OutboxEntry): number {
    const { conversation, copies } = this.#init
    const hints = mailboxesOf(conversation)
    const underway = hints.filter(({ account }) => this.#isUnderway(entry, peerName(account)))
    return Math.min(copies, hints.length) - this.#held(entry) - underway.length
  }

  /** Mailboxes that could get it, the best first. */
  #candidates(entry: OutboxEntry): MailboxHint[] {
    const { clock } = this.#init
    const now = clock.now()
    const copies = liveCopies(entry, now)
    // Who has lost it would only show the same receipt again.
    const broken = entry.held.filter((copy) => copy.broken)
    const out = new Set([...copies, ...broken].map((copy) => toHex(copy.mailbox)))
    const further = copies.length > 0
    if (further && this.#underway.size >= MAX_FURTHER) return []
    return this.#preferred(now).filter(({ account }) => {
      const mailbox = peerName(account)
      if (out.has(toHex(account)) || this.#isUnderway(entry, mailbox)) return false
      return !further || !this.#isResting(mailbox, now)
    })
  }

  /** Mailboxes of the contact; those that may have lost something come last. */
  #preferred(now: number): readonly MailboxHint[] {
    const { conversation } = this.#init
    const doubts = doubtsNow(conversation.contact, now)
    const doubted = new Set(doubts.map(({ mailbox }) => toHex(mailbox)))
    const hints = mailboxesOf(conversation)
    const isDoubted = ({ account }: MailboxHint): boolean => doubted.has(toHex(account))
    return [...hints.filter((hint) => !isDoubted(hint)), ...hints.filter(isDoubted)]
  }

  /** One for each copy that is missing; where one mailbox fails, it goes on to the next that no other has taken. */
  #lanes(entry: OutboxEntry): readonly Promise<void>[] {
    const queue = this.#candidates(entry)
    const count = Math.max(1, Math.min(this.#missing(entry), queue.length)) // of no mailbox: one that fails
    return Array.from({ length: count }, () => this.#lane(entry, queue))
  }

  async #lane(entry: OutboxEntry, queue: MailboxHint[]): Promise<void> {
    let failure: unknown = new MailboxError('ERR_UNAVAILABLE')
    for (let hint = queue.shift(); hint !== undefined; hint = queue.shift()) {
      try {
        return await this.#put(entry, hint)
      } catch (cause) {
        this.#init.signal.throwIfAborted()
        failure = cause
      }
    }
    throw failure
  }

  async #put(entry: OutboxEntry, hint: MailboxHint): Promise<void> {
    const { conversation, pool, clock, signal } = this.#init
    if (entry.envelope === undefined) return
    const mailbox = peerName(hint.account)
    const request = {
      owner: conversation.contact.account,
      depositId: envelopeDigest(entry.envelope).slice(0, 16),
      envelope: entry.envelope,
    }
    const name = nameOf(entry, mailbox)
    this.#underway.add(name)
    try {
      const shown = withToken(conversation.contact, hint)
      const { keptUntil, receipt } = await pool.deposit([shown], request, { signal })
      this.#resting.delete(mailbox)
      const held = { mailbox: accountOf(mailbox), storedAt: clock.now(), keptUntil, receipt }
      await conversation.held(entry, held)
    } catch (cause) {
      if (!signal.aborted) this.#rest(mailbox)
      throw cause
    } finally {
      this.#underway.delete(name)
    }
  }

  /** What fails while it rests already was asked before. */
  #rest(mailbox: PeerName): void {
    const { clock, random } = this.#init
    const now = clock.now()
    if (this.#isResting(mailbox, now)) return
    const failures = (this.#resting.get(mailbox)?.failures ?? 0) + 1
    this.#resting.set(mailbox, {
      failures,
      until: now + backoff(failures - 1, { ...REST, random }),
    })
  }

  /** What a clock said before it was set back is not waited for. */
  #isResting(mailbox: PeerName, now: number): boolean {
    const until = this.#resting.get(mailbox)?.until ?? 0
    return until > now && until - now <= REST.max
  }

  #isUnderway(entry: OutboxEntry, mailbox: PeerName): boolean {
    return this.#underway.has(nameOf(entry, mailbox))
  }
}

/** What is encrypted again is another envelope. */
function nameOf({ order, sealedAt }: OutboxEntry, mailbox: PeerName): string {
  return `${order} ${sealedAt} ${mailbox}`
}
