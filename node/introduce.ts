// How a conversation gets a session when it has something to say and none to say it in: a bundle that is found and verified,
// a one-time pair where a mailbox hands one out, a PQXDH handshake. Not on the path of a message once there is a session.

import type { RandomBytes } from '../protocol/bytes.ts'
import { initiateSession } from '../protocol/session.ts'
import { handshakeMade, nextOrdinal, sendingSession } from '../protocol/sessions.ts'
import { addressTexts } from '../net/address.ts'
import { backoff, between } from '../net/backoff.ts'
import { Throttle } from '../net/throttle.ts'
import type { Clock, PeerName, Timer } from '../net/ports.ts'
import { addSession, deviceHolds, noteDevice, type Outbox } from './adopt.ts'
import type { BundlePath } from './api.ts'
import type { BundleFinder, Found } from './bundle-finder.ts'
import { encryptWaiting } from './compose.ts'
import type { ContactState, KnownBundle } from './contact.ts'
import { tokenFor } from './their-tokens.ts'
import type { Conversation } from './conversation.ts'
import type { Draft } from './draft.ts'
import { carryNote } from './hand-out.ts'
import { BUNDLE_REPUBLISH } from './lifetimes.ts'
import type { MailboxHint, MailboxPool, TakenPrekey } from './mailbox-pool.ts'
import type { OwnKeys } from './own-keys.ts'
import { isRenewalDue, mayBegin, noteBegun, retireReplaced, wantRenewal } from './renewal.ts'
import { continued, doubtsPairs, hasLapsed, usableSession } from './series.ts'

export interface IntroducerInit {
  readonly finder: BundleFinder
  readonly pool: MailboxPool
  readonly ownKeys: OwnKeys
  readonly clock: Clock
  readonly random: RandomBytes
  /** Peers that this node has been connected to since it started. */
  readonly met: () => readonly PeerName[]
  /** `met`: as it was when the lookup began. */
  readonly onFound: (
    conversation: Conversation,
    path: BundlePath,
    from: PeerName,
    met: readonly PeerName[],
  ) => void
  readonly onSession: (conversation: Conversation) => void
  /** The contact's mailboxes are known now. */
  readonly onBundle: (conversation: Conversation) => void
}

interface Waiting {
  attempt: number
  timer: Timer | undefined
  running: boolean
}

/** Between two lookups of one contact that has a bundle. */
const REFRESH_INTERVAL = 15_000

const RETRY = { base: 1_000, max: 300_000 }

/** Handshakes after our store has lost something: at most 30 an hour, and not all contacts in one moment. */
const AFTER_LOSS = { burst: 10, perSecond: 20 / 3_600 }
const AFTER_LOSS_JITTER = 10_000

export class Introducer {
  readonly #init: IntroducerInit
  readonly #waiting = new Map<Conversation, Waiting>()
  readonly #refreshed = new Map<Conversation, number>()
  readonly #afterLoss: Throttle
  #abort = new AbortController()
  #onKnown = (): void => undefined

  constructor(init: IntroducerInit) {
    this.#init = init
    this.#afterLoss = new Throttle({ clock: init.clock, ...AFTER_LOSS })
  }

  stop(): void {
    this.#abort.abort(new DOMException('the node stops', 'AbortError'))
    for (const { timer } of this.#waiting.values()) timer?.cancel()
    this.#waiting.clear()
  }

  /** Sees to it that there is a bundle, and a session where entries wait for one. Tries again by itself, ever more rarely. */
  ensure(conversation: Conversation): void {
    if (!this.#needed(conversation) || this.#abort.signal.aborted) return
    const waiting = this.#waiting.get(conversation)
    if (waiting !== undefined) return
    const begun = this.#begin(conversation)
    if (isAfterLoss(conversation) && conversation.waiting().length === 0)
      this.#later(conversation, begun)
    else void this.#run(conversation, begun)
  }

  #later(conversation: Conversation, waiting: Waiting): void {
    const { clock, random } = this.#init
    const wait = between(0, AFTER_LOSS_JITTER, random)
    waiting.timer = clock.after(wait, () => void this.#run(conversation, waiting))
  }

  /**
   * Looks for a newer bundle of a contact that we cannot reach by the one we have: it may name another mailbox. At most once in
   * a while for each contact.
   */
  async refresh(conversation: Conversation): Promise<void> {
    const { clock, finder } = this.#init
    if (conversation.contact.state === 'blocked') return
    if (conversation.contact.bundle === undefined) return this.ensure(conversation)
    const now = clock.now()
    if (now - (this.#refreshed.get(conversation) ?? -Infinity) < REFRESH_INTERVAL) return
    this.#refreshed.set(conversation, now)
    const minSequence = conversation.contact.bundleSequence
    const hints = { ...hintsOf(conversation), minSequence }
    const met = this.#init.met()
    const found = await finder.find(conversation.contact.account, hints, {
      signal: this.#abort.signal,
    })
    if (found !== undefined && found.bundle.sequence > minSequence) {
      await this.#keep(conversation, found, met)
    }
  }

  /** Looks again for the bundles of contacts that were not looked up for a while, one after another. */
  async refreshOld(conversations: readonly Conversation[]): Promise<void> {
    for (const conversation of conversations) {
      const last = this.#refreshed.get(conversation) ?? -Infinity
      if (this.#init.clock.now() - last >= BUNDLE_REPUBLISH) await this.refresh(conversation)
    }
  }

  /** There are more peers to ask. */
  hurryAll(): void {
    for (const conversation of this.#waiting.keys()) this.hurry(conversation)
  }

  /** Resolves when no contact is without a bundle any more, and after `patience` ms at the latest. */
  async firstLookups(patience: number): Promise<void> {
    if (!this.#anyUnknown()) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = this.#init.clock.after(patience, resolve)
    this.#abort.signal.addEventListener('abort', () => resolve(), { once: true })
    this.#onKnown = () => {
      if (!this.#anyUnknown()) resolve()
    }
    await promise
    timer.cancel()
    this.#onKnown = () => undefined
  }

  #anyUnknown(): boolean {
    return [...this.#waiting.keys()].some(({ contact }) => contact.bundle === undefined)
  }

  /** Something changed (the contact came online): the next attempt is now. */
  hurry(conversation: Conversation): void {
    const waiting = this.#waiting.get(conversation)
    if (waiting === undefined || waiting.running || !this.#needed(conversation)) return
    waiting.timer?.cancel()
    void this.#run(conversation, waiting)
  }

  #begin(conversation: Conversation): Waiting {
    const waiting: Waiting = { attempt: 0, timer: undefined, running: false }
    this.#waiting.set(conversation, waiting)
    return waiting
  }

  #needed(conversation: Conversation): boolean {
    const now = this.#init.clock.now()
    return lacksBundle(conversation, now) || needsSession(conversation, now)
  }

  async #run(conversation: Conversation, waiting: Waiting): Promise<void> {
    waiting.running = true
    try {
      await this.#introduce(conversation)
    } catch {
      // Not reachable now, or the store refused: both are tried again below.
    }
    waiting.running = false
    if (this.#abort.signal.aborted) return
    if (!this.#needed(conversation)) {
      this.#waiting.delete(conversation)
      return
    }
    const delay = backoff(waiting.attempt++, { ...RETRY, random: this.#init.random })
    waiting.timer = this.#init.clock.after(delay, () => void this.#run(conversation, waiting))
  }

  async #introduce(conversation: Conversation): Promise<void> {
    const { signal } = this.#abort
    if (isAfterLoss(conversation) && !this.#afterLoss.allows(ALL)) return
    const now = this.#init.clock.now()
    const lacks = lacksBundle(conversation, now)
    if (lacks || isRenewalDue(conversation.contact, now)) {
      const met = this.#init.met()
      const found = await this.#init.finder.find(
        conversation.contact.account,
        { ...hintsOf(conversation), minSequence: conversation.contact.bundleSequence },
        { signal },
      )
      const kept = found !== undefined && (await this.#keep(conversation, found, met))
      if (!kept && lacks) return
    }
    if (!needsSession(conversation, this.#init.clock.now())) return
    if (isAfterLoss(conversation) && !this.#afterLoss.take(ALL)) return
    await this.#beginSession(conversation, await this.#oneTimePair(conversation))
  }

  async #keep(
    conversation: Conversation,
    found: Found,
    met: readonly PeerName[],
  ): Promise<boolean> {
    const bundle: KnownBundle = { verified: found.bundle, ...found.source }
    const kept = await conversation.step((draft) => keepBundle(draft, conversation, bundle))
    if (!kept) return false
    this.#init.onFound(conversation, found.source.path, found.source.from, met)
    this.#init.onBundle(conversation)
    this.#onKnown()
    return true
  }

  /** A drained or unreachable mailbox costs the one-time pair, not the session: the session says so. */
  async #oneTimePair(conversation: Conversation): Promise<TakenPrekey | undefined> {
    const mailboxes = mailboxesOf(conversation)
    if (mailboxes.length === 0 || doubtsPairs(conversation.contact)) return undefined
    const { account } = conversation.contact
    try {
      const { signal } = this.#abort
      return await this.#init.pool.takePrekey(mailboxes, account, { signal })
    } catch {
      return undefined
    }
  }

  async #beginSession(conversation: Conversation, taken: TakenPrekey | undefined): Promise<void> {
    const { ownKeys, random } = this.#init
    const oneTime = taken?.pair
    const began = await conversation.step((draft) => {
      const theirs = draft.contact.bundle?.verified
      if (theirs === undefined || !mayHandshake(draft)) return false
      const refused = draft.contact.renewal.wanted?.reason === 'refused'
      retireReplaced(draft, conversation)
      const { now, contact } = draft
      const { ours, seen, seenByThem } = contact.handshakes
      const ordinal = nextOrdinal({ previous: ours?.ordinal ?? 0, seenByThem, now })
      const made = { ours: ownKeys.device, theirs, oneTime, ordinal, seen, now, random }
      const session = initiateSession(made)
      const useBy = Math.min(theirs.expiresAt, oneTime?.expiresAt ?? Infinity)
      draft.patch({
        handshakes: handshakeMade(contact.handshakes, session.handshake),
        series: continued(contact.series, { now, useBy, refused }),
      })
      noteBegun(draft)
      carryNote(draft, session, taken?.note)
      addSession(draft, session)
      encryptWaiting(draft, conversation)
      return true
    })
    if (began) this.#init.onSession(conversation)
  }
}

/** One budget for all contacts. */
const ALL = ''

function isAfterLoss({ contact }: Conversation): boolean {
  const reason = contact.renewal.wanted?.reason
  return reason === 'recovery' || reason === 'damaged' || reason === 'restored'
}

/** Whether a handshake is to be made now: there is no session to send in, or it is to be replaced. */
function mayHandshake(draft: Draft): boolean {
  const { sessions, contact, now } = draft
  const session = sendingSession(sessions, contact.handshakes)
  if (session !== undefined && hasLapsed(session, contact, now)) {
    wantRenewal(draft, 'unanswered', session)
  }
  if (session === undefined && mayBegin(contact, now)) return true
  return isRenewalDue(draft.contact, now)
}

function keepBundle(draft: Draft, outbox: Outbox, bundle: KnownBundle): boolean {
  const { verified } = bundle
  if (verified.sequence < draft.contact.bundleSequence) return false
  if (!deviceHolds(draft, verified.certificate)) return false
  noteDevice(draft, outbox, verified.certificate)
  draft.patch({ bundle, bundleSequence: verified.sequence })
  return true
}

/** Strangers are not looked up before they are answered: who writes to us shall not make us ask the network. */
function lacksBundle({ contact }: Conversation, now: number): boolean {
  if (contact.state !== 'accepted') return false
  return contact.bundle === undefined || contact.bundle.verified.expiresAt <= now
}

function needsSession(conversation: Conversation, now: number): boolean {
  const { sessions, contact } = conversation
  if (!mayBegin(contact, now)) return false
  if (isRenewalDue(contact, now)) return true
  if (usableSession(sessions, contact, now) !== undefined) return false
  for (const entry of conversation.outbox.values()) if (entry.envelope === undefined) return true
  return false
}

function hintsOf(conversation: Conversation): {
  readonly addresses: readonly string[]
  readonly mailboxes: readonly MailboxHint[]
} {
  return { addresses: conversation.contact.addresses, mailboxes: mailboxesOf(conversation) }
}

/** Mailboxes of a contact, each with what we may show there: those of the bundle, which is signed and newer, before those of the link. */
export function mailboxesOf({ contact }: Conversation): readonly MailboxHint[] {
  return named(contact).map((hint) => withToken(contact, hint))
}

/** With the token that counts now: the one in an older hint may have been replaced, and wiped. */
export function withToken({ theirTokens }: ContactState, hint: MailboxHint): MailboxHint {
  const { account, addresses } = hint
  const token = tokenFor(theirTokens, account)
  return { account, addresses, ...(token && { token }) }
}

function named({ bundle, mailboxes }: ContactState): readonly MailboxHint[] {
  if (bundle === undefined) return mailboxes
  return bundle.verified.mailboxes.map(({ account, addresses }) => ({
    account,
    addresses: addressTexts(addresses),
  }))
}
