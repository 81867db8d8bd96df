// Messages that did not arrive: a receiver names them inside the session, the sender encrypts again what it has no receipt for
// and says what will not come (docs/protocol.md, "Missing messages"). All within a draft; when to ask is gap-asker.ts.

import { toHex } from '../protocol/bytes.ts'
import { MAX_RANGES, type CounterRange } from '../protocol/content.ts'
import { hasPassed } from '../protocol/riding.ts'
import type { Session } from '../protocol/session.ts'
import { sendingSession } from '../protocol/sessions.ts'
import type { GapState } from './api.ts'
import { addText, addUnlisted, isSealedIn, MAX_SEALED_AGAIN, type Composer } from './compose.ts'
import type { ContactState } from './contact.ts'
import type { Draft } from './draft.ts'
import { mayRepeatIn } from './fresh-start.ts'
import {
  asked,
  closeGaps,
  heardIn,
  inSession,
  joined,
  MAX_GAPS,
  newGap,
  nextStep,
  nextStepAt,
  waitingForAnother,
  type Gap,
} from './gaps.ts'
import { stateOf, type StoredMessage } from './message.ts'
import { unsealed } from './outbox.ts'
import { fetchedBehind, hasAnotherMailbox, judge } from './promises.ts'
import { wantRenewal } from './renewal.ts'

/** What answering needs besides the draft. */
export interface Answerer extends Composer {
  readonly orderOf: (id: Uint8Array) => number | undefined
  /** Our messages with these counters, rising, as far as they can be read. */
  readonly sentBetween: (range: CounterRange) => AsyncIterable<StoredMessage>
}

/** An envelope of the session that sends is on its way for so long before it is made again. */
const ON_ITS_WAY = 10 * 60_000

/** Messages looked at for one report. What is behind them is asked for again. */
const MAX_LOOKED_AT = 1_000

const NO_SESSION = new Uint8Array(0)

/** A message of theirs with this counter is stored now: it fills a gap, or shows one. */
export function noteCounter(draft: Draft, counter: number): void {
  const { receivedCounter } = draft.contact
  if (counter <= receivedCounter) return close(draft, { first: counter, last: counter }, 'filled')
  draft.patch({ receivedCounter: counter })
  if (counter > receivedCounter + 1) {
    open(draft, { first: receivedCounter + 1, last: counter - 1 })
  }
}

/** They say that these will not come. */
export function takeLost(draft: Draft, ranges: readonly CounterRange[]): void {
  for (const range of ranges) close(draft, range, 'lost')
}

/** A message of theirs has opened: it may show that they have heard of what was asked for. */
export function noteHeard(draft: Draft, before: Session, next: Session): void {
  const { ordinal } = before.ratchet.sending
  if (draft.contact.gaps.length === 0 || next.ratchet.sending.ordinal === ordinal) return
  draft.patch({
    gaps: draft.contact.gaps.map((gap) => heardIn(gap, next.id, ordinal, draft.now)),
  })
}

/** Asks for what has been missing for long enough; gives up, or wants another session, where asking has not helped. */
export function lookAtGaps(draft: Draft, composer: Composer): void {
  if (draft.contact.gaps.length === 0) return
  const session = askingIn(draft.contact, draft.sessions)
  if (session === undefined) return
  const gaps = draft.contact.gaps.map((gap) => inSession(gap, session.id))
  const due = gaps.filter((gap) => nextStep(gap, draft.now) === 'ask').slice(0, MAX_RANGES)
  const { ordinal } = session.ratchet.sending
  const kept = gaps.flatMap((gap) => {
    const step = nextStep(gap, draft.now)
    if (step === 'give-up') {
      tell(draft, gap, 'lost')
      return []
    }
    if (step === 'replace') return [waitingForAnother(gap)]
    return [due.includes(gap) ? asked(gap, ordinal, draft.now) : gap]
  })
  if (gaps.some((gap) => nextStep(gap, draft.now) === 'replace')) wantRenewal(draft, 'gap', session)
  draft.patch({ gaps: kept })
  const [first] = due
  if (first === undefined) return
  const fetched = fetchedBehind(draft.contact, first.first)
  const marks = fetched.length === 0 ? {} : { fetched }
  addUnlisted(draft, composer, { kind: 'missing', ranges: joined(due), ...marks })
}

/** Unix ms when `lookAtGaps` has something to do; undefined while it has not. */
export function gapsDueAt(contact: ContactState, sessions: readonly Session[]): number | undefined {
  if (contact.gaps.length === 0) return undefined
  const session = askingIn(contact, sessions)
  if (session === undefined) return undefined
  const times = contact.gaps.flatMap((gap) => nextStepAt(inSession(gap, session.id)) ?? [])
  return times.length === 0 ? undefined : Math.min(...times)
}

/**
 * They miss these. What has no receipt is encrypted again where the session may have it; of the rest they are told that it
 * will not come.
 */
export async function answerMissing(draft: Draft, answerer: Answerer): Promise<void> {
  const ranges = draft.missing
  const session = ranges.length === 0 ? undefined : askingIn(draft.contact, draft.sessions)
  if (session === undefined || !mayRepeatIn(draft.contact, session)) return
  const lost: CounterRange[] = []
  const budget = { again: MAX_SEALED_AGAIN, looks: MAX_LOOKED_AT }
  for (const range of ranges) {
    let next = range.first
    for await (const stored of answerer.sentBetween(range)) {
      if (budget.again === 0 || budget.looks-- === 0) return sayLost(draft, answerer, lost)
      if (stored.counter > next) lost.push({ first: next, last: stored.counter - 1 })
      next = stored.counter + 1
      const message = draft.sent.get(toHex(stored.id)) ?? stored
      const { counter } = message
      if (!isUnreceipted(message)) lost.push({ first: counter, last: counter })
      else if (repeat(draft, answerer, session, message)) budget.again--
    }
    if (next <= range.last) lost.push({ first: next, last: range.last })
  }
  sayLost(draft, answerer, lost)
}

function sayLost(draft: Draft, composer: Composer, lost: readonly CounterRange[]): void {
  const ranges = joined(lost).slice(0, MAX_RANGES)
  if (ranges.length > 0) addUnlisted(draft, composer, { kind: 'lost', ranges })
}

/** Whether the message still waits for a receipt. */
export function isUnreceipted(message: StoredMessage): boolean {
  const state = stateOf(message)
  return state === 'queued' || state === 'stored'
}

/** Sees to it that a message is encrypted again. False when it is on its way already. */
function repeat(
  draft: Draft,
  answerer: Answerer,
  session: Session,
  message: StoredMessage,
): boolean {
  const order = answerer.orderOf(message.id)
  const entry = order === undefined ? undefined : answerer.outbox.get(order)
  if (order === undefined || entry === undefined) {
    addText(draft, answerer, message) // its entry was damaged, or went with a part of the store
    return true
  }
  if (draft.outbox.has(order) || entry.envelope === undefined) return false
  const current = isSealedIn(entry, session.id)
  // What was sealed in another session may have come where nothing could open it.
  const judged = current ? judge(draft, entry, draft.fetched) : entry
  if (judged !== entry && hasAnotherMailbox(draft.contact, judged)) {
    draft.outbox.set(order, judged) // the same bytes, by another way
    return true
  }
  if (current && !hasPassed(ON_ITS_WAY, entry.sealedAt, draft.now)) {
    if (judged !== entry) draft.outbox.set(order, judged)
    return false
  }
  draft.outbox.set(order, unsealed(entry))
  return true
}

/** The session in which the two speak of what is missing: only between accepted contacts. */
function askingIn(contact: ContactState, sessions: readonly Session[]): Session | undefined {
  if (contact.state !== 'accepted' || contact.trust === 'changed') return undefined
  return sendingSession(sessions, contact.handshakes)
}

function open(draft: Draft, range: CounterRange): void {
  const { contact, sessions, now } = draft
  const sessionId = sendingSession(sessions, contact.handshakes)?.id ?? NO_SESSION
  tell(draft, range, 'open')
  keep(draft, [...contact.gaps, newGap(range, now, sessionId)])
}

function close(draft: Draft, range: CounterRange, state: 'filled' | 'lost'): void {
  const { left, closed } = closeGaps(draft.contact.gaps, range, draft.now)
  if (closed.length === 0) return
  for (const part of closed) tell(draft, part, state)
  keep(draft, left)
}

/** The newest ones: what is behind them is not asked for any more. */
function keep(draft: Draft, gaps: readonly Gap[]): void {
  const tooMany = Math.max(0, gaps.length - MAX_GAPS)
  for (const oldest of gaps.slice(0, tooMany)) tell(draft, oldest, 'lost')
  draft.patch({ gaps: gaps.slice(tooMany) })
}

function tell(draft: Draft, { first, last }: CounterRange, state: GapState): void {
  const contact = draft.contact.id
  draft.events.push({
    event: { type: 'message.gap', at: draft.now, contact, gap: { first, last, state } },
  })
}
