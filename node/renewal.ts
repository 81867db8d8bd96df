// When a session is replaced by a new handshake of ours, and how often (docs/protocol.md, "Replacement"). A reason is noted
// in the contact; the introducer (introduce.ts) finds a bundle and makes the handshake. A reason can only come from what is
// authentic, from the contact's own stream, or from a session that no message of theirs has opened in.

import { equalBytes } from '../protocol/bytes.ts'
import { hasHeard } from '../protocol/continuity.ts'
import { isHealingStalled, receiveOnly, type Session } from '../protocol/session.ts'
import { sendingSession, winningHandshake } from '../protocol/sessions.ts'
import type { RenewalReason } from './api.ts'
import { composeControl, currentEntries, type Composer } from './compose.ts'
import type { ContactState } from './contact.ts'
import type { Draft } from './draft.ts'
import { DAY, HOUR } from './lifetimes.ts'
import { askAfterLoss } from './ask-after-loss.ts'
import { unsealed } from './outbox.ts'
import { hasLapsed, isRetryDue } from './series.ts'

/** What a contact's record says of replacements. */
export interface Renewal {
  /** A new handshake is wanted. */
  readonly wanted: WantedRenewal | undefined
  /** Unix ms of the replacements within a day; of all handshakes of ours; of all sessions that we took over from them. */
  readonly made: readonly number[]
  readonly begun: readonly number[]
  readonly taken: readonly number[]
  /** Unix ms when they spoke in an older session, 0 if they have spoken in the sending session since. */
  readonly lateSince: number
}

export interface WantedRenewal {
  readonly reason: RenewalReason
  /** Which session is replaced; empty: there is none. */
  readonly sessionId: Uint8Array
}

export const NO_RENEWAL: Renewal = {
  wanted: undefined,
  made: [],
  begun: [],
  taken: [],
  lateSince: 0,
}

/** Replacements of one contact in a day, and how long each waits after the one before. */
const PAUSES = [0, HOUR, 4 * HOUR] as const

/** New sessions a day with one contact: those we begin, and those of theirs, where two of their days may come at once. */
const MAX_BEGUN = 5
const MAX_TAKEN = 2 * MAX_BEGUN

/** Notes that a session has to be replaced; the first reason counts. Strangers cannot make us ask the network. */
export function wantRenewal(draft: Draft, reason: RenewalReason, session?: Session): void {
  const { renewal, state } = draft.contact
  if (state !== 'accepted' || !outranks(reason, renewal.wanted?.reason)) return
  const sessionId = session?.id ?? new Uint8Array(0)
  draft.patch({ renewal: { ...renewal, wanted: { reason, sessionId } } })
  draft.troubles.push(reason)
}

/** After a loss of ours there is more to ask. A divergence is always told of, and what has times of its own does not wait for what has not. */
function outranks(reason: RenewalReason, before: RenewalReason | undefined): boolean {
  if (before === undefined || reason === 'recovery') return before !== reason
  if (before === 'recovery') return false
  if (before === reason || before === 'diverged') return false
  return reason === 'diverged' || (isOfSeries(reason) && !isOfSeries(before))
}

/** Reasons that the series of unanswered handshakes bounds, not the pauses of replacements. */
function isOfSeries(reason: RenewalReason): boolean {
  return reason === 'refused' || reason === 'unanswered'
}

/** Whether we may begin another session with this contact today. */
export function mayBegin({ renewal, trust, state }: ContactState, now: number): boolean {
  if (trust === 'changed' || state === 'blocked') return false
  return withinDay(renewal.begun, now).length < MAX_BEGUN
}

/** Whether another session that this contact has begun is taken over today. */
export function mayTake({ renewal }: ContactState, now: number): boolean {
  return withinDay(renewal.taken, now).length < MAX_TAKEN
}

/** Whether a replacement is wanted and may be made now. */
export function isRenewalDue(contact: ContactState, now: number): boolean {
  const { wanted, made } = contact.renewal
  if (wanted === undefined || !mayBegin(contact, now)) return false
  if (isOfSeries(wanted.reason)) return true
  const today = withinDay(made, now)
  const pause = PAUSES[today.length]
  return pause !== undefined && now - (today.at(-1) ?? -Infinity) >= pause
}

/** Just before the new handshake: the session it replaces never sends again, and what it carried is encrypted again. */
export function retireReplaced(draft: Draft, composer: Composer): void {
  const { renewal } = draft.contact
  const { wanted } = renewal
  if (wanted === undefined) return
  const made = withinDay(renewal.made, draft.now)
  const kept = isOfSeries(wanted.reason) ? made : [...made, draft.now]
  draft.patch({ renewal: { ...renewal, wanted: undefined, made: kept, lateSince: 0 } })
  const { sessionId } = wanted
  const session = draft.sessions.find(({ id }) => equalBytes(id, sessionId))
  if (session !== undefined) draft.replaceSession(session, receiveOnly(session))
  for (const entry of currentEntries(draft, composer.outbox)) {
    if (entry.envelope !== undefined && equalBytes(entry.sessionId, sessionId)) {
      draft.outbox.set(entry.order, unsealed(entry))
    }
  }
  if (wanted.reason === 'recovery') askAfterLoss(draft, composer)
  else composeControl(draft, composer, 0)
}

/** Counts a handshake of ours. */
export function noteBegun(draft: Draft): void {
  const { renewal } = draft.contact
  const begun = [...withinDay(renewal.begun, draft.now), draft.now]
  draft.patch({ renewal: { ...renewal, begun } })
}

/** Counts a session of theirs. One that sends now is what a replacement would have brought. */
export function noteTaken(draft: Draft, { id }: Session): void {
  const { renewal, handshakes } = draft.contact
  const taken = [...withinDay(renewal.taken, draft.now), draft.now]
  const sends = sendingSession(draft.sessions, handshakes)?.id === id
  const wanted = sends ? undefined : renewal.wanted
  draft.patch({ renewal: { ...renewal, taken, wanted } })
}

/**
 * Looks whether the session that both sides should send in is gone here: one that we began, or one of theirs whose first message
 * had opened. They may go on in it and would be noise.
 */
export function lookForLost(draft: Draft): void {
  const { handshakes } = draft.contact
  const winner = winningHandshake(handshakes)
  if (winner === undefined || (winner.by === 'theirs' && winner.ordinal > handshakes.seen)) return
  const isHeld = draft.sessions.some(
    ({ handshake: { by, ordinal } }) => by === winner.by && ordinal === winner.ordinal,
  )
  if (!isHeld) wantRenewal(draft, 'no-session')
}

/** What time alone makes due: an offer or a handshake that is never answered, a contact that stays in an older session. */
export function lookAtAge(draft: Draft, composer: Composer): void {
  const { contact, now } = draft
  const session = sendingSession(draft.sessions, contact.handshakes)
  if (session === undefined) return
  if (isHealingStalled(session, now)) wantRenewal(draft, 'stalled', session)
  if (composer.outbox.size > 0 && isUnanswered(draft, session)) {
    wantRenewal(draft, 'unanswered', session)
  }
  const { lateSince } = contact.renewal
  if (lateSince !== 0 && now - lateSince >= DAY) wantRenewal(draft, 'late', session)
}

/** Another handshake of the series is due. */
function isUnanswered({ contact, now }: Draft, session: Session): boolean {
  if (session.phase !== 'initiating') return false
  return (
    hasLapsed(session, contact, now) || (contact.series && isRetryDue(contact.series, now)) === true
  )
}

/**
 * Session mail of theirs that no session of ours has made. Noise, unless they have spoken in none that we hold: then we have lost
 * the one that they use, and a handshake of ours is made, or made again when it is time.
 */
export function noteUnknown(draft: Draft): void {
  const { sessions, contact } = draft
  if (sessions.some(hasHeard)) return
  const session = sendingSession(sessions, contact.handshakes)
  if (session === undefined) wantRenewal(draft, 'no-session')
  else if (isUnanswered(draft, session)) wantRenewal(draft, 'unanswered', session)
}

/** They spoke in an older session: they may have lost the newer one. */
export function noteLate(draft: Draft): void {
  const { renewal } = draft.contact
  if (renewal.lateSince === 0) draft.patch({ renewal: { ...renewal, lateSince: draft.now } })
}

/** They have spoken in a session. What they refused of it before, they can open now. */
export function noteSpoken(draft: Draft, session: Session): void {
  const { renewal, handshakes } = draft.contact
  const { wanted } = renewal
  if (wanted && isRefusal(wanted.reason) && equalBytes(wanted.sessionId, session.id)) {
    draft.patch({ renewal: { ...renewal, wanted: undefined } })
  }
  const sending = sendingSession(draft.sessions, handshakes)
  if (sending?.id !== session.id) {
    if (sending !== undefined && hasHeard(sending)) noteLate(draft)
    return
  }
  if (draft.contact.series !== undefined) draft.patch({ series: undefined })
  if (draft.contact.renewal.lateSince === 0) return
  draft.patch({ renewal: { ...draft.contact.renewal, lateSince: 0 } })
}

function isRefusal(reason: RenewalReason): boolean {
  return isOfSeries(reason) || reason === 'lost'
}

function withinDay(times: readonly number[], now: number): readonly number[] {
  return times.filter((at) => at > now - DAY && at <= now)
}
