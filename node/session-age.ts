// How old the sending session is (docs/protocol.md, "Replacement"): counted from when it was first found to send here, by our own
// clock as far as that is believed. Its ordinal is no time: a clock that was ahead at either side stays in all later ones.

import { equalBytes } from '../protocol/bytes.ts'
import { sendingSession } from '../protocol/sessions.ts'
import type { Draft } from './draft.ts'
import { SESSION_RENEWED } from './lifetimes.ts'
import { wantRenewal } from './renewal.ts'

/** Since when which session sends. */
export interface SendsSince {
  readonly sessionId: Uint8Array
  /** Unix ms. */
  readonly since: number
}

/** Notes which session sends, if it is another one than before. */
export function noteSending(draft: Draft): void {
  const { sessions, contact, now } = draft
  const session = sendingSession(sessions, contact.handshakes)
  const noted = contact.sends?.sessionId
  if (session === undefined || (noted && equalBytes(noted, session.id))) return
  draft.patch({ sends: { sessionId: session.id, since: now } })
}

/** Asks for another session where the one that sends is old `by` a time (Unix ms) that may be believed. */
export function lookAtSessionAge(draft: Draft, by: number): void {
  noteSending(draft)
  const { sessions, contact } = draft
  const session = sendingSession(sessions, contact.handshakes)
  if (session === undefined || contact.sends === undefined) return
  const age = by - contact.sends.since
  if (age >= SESSION_RENEWED[session.handshake.by]) wantRenewal(draft, 'age', session)
}

/** What was noted after `now` (Unix ms), by a clock that was ahead, counts from now. */
export function redateSending(draft: Draft, now: number): void {
  const { sends } = draft.contact
  if (sends !== undefined && sends.since > now) draft.patch({ sends: { ...sends, since: now } })
}
