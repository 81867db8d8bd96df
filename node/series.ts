// A series of unanswered handshakes (docs/protocol.md, "Series"): it begins with our first handshake after the contact last
// spoke in the sending session, and ends when it does so again. What is remembered of it is in the contact's record.

import type { Session } from '../protocol/session.ts'
import { sendingSession } from '../protocol/sessions.ts'
import type { ContactState } from './contact.ts'
import { DAY } from './lifetimes.ts'

export interface Series {
  /** Unix ms of the first handshake, and of the last. */
  readonly startedAt: number
  readonly lastAt: number
  /** How many were made because the contact had refused the one before. */
  readonly refused: number
  /** Unix ms; nothing is sent in the session of the last handshake from then on. */
  readonly useBy: number
}

/** When, after the first handshake, another one is made if there is something to deliver. */
const RETRY_AFTER = [1, 3, 7, 14, 21, 28].map((days) => days * DAY)

/** Handshakes in a series that refusals may bring about. */
const MAX_REFUSED = 3

/** After one more handshake of ours, from a bundle that expires at `useBy`. */
export function continued(
  series: Series | undefined,
  made: { readonly now: number; readonly useBy: number; readonly refused: boolean },
): Series {
  const { now, useBy } = made
  const isAhead = series !== undefined && series.startedAt - now >= DAY // by a clock that was wrong
  const refused = (series?.refused ?? 0) + (made.refused ? 1 : 0)
  const startedAt = series === undefined || isAhead ? now : series.startedAt
  return { startedAt, lastAt: now, refused, useBy }
}

/** Whether the time has come for another handshake. */
export function isRetryDue({ startedAt, lastAt }: Series, now: number): boolean {
  if (Math.max(startedAt, lastAt) - now >= DAY) return true // made by a clock that was ahead
  return RETRY_AFTER.some((after) => lastAt < startedAt + after && startedAt + after <= now)
}

/** Whether a refusal may bring about another handshake at once. */
export function mayFollowRefusal({ series }: ContactState): boolean {
  return series === undefined || series.refused < MAX_REFUSED
}

/** Whether the next handshake does without a one-time pair: a mailbox that gives used ones would have each of them refused. */
export function doubtsPairs({ series }: Pick<ContactState, 'series'>): boolean {
  return series !== undefined && series.refused > 0
}

/**
 * Whether this is a session that nothing may be sent in any more: unanswered, and from a bundle that has expired, or of a series that
 * has ended. They have spoken in a session that they began since, and have begun another that does not win against this one: they
 * know nothing of it, and may not have its prekeys any more.
 */
export function hasLapsed(
  { phase, handshake }: Session,
  { series, handshakes }: ContactState,
  now: number,
): boolean {
  if (phase !== 'initiating' || handshake.ordinal !== handshakes.ours?.ordinal) return false
  return series === undefined || series.useBy <= now
}

/** The session to send in, unless nothing may be sent in it any more. */
export function usableSession(
  sessions: readonly Session[],
  contact: ContactState,
  now: number,
): Session | undefined {
  const session = sendingSession(sessions, contact.handshakes)
  return session === undefined || hasLapsed(session, contact, now) ? undefined : session
}
