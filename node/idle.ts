// Sessions that do not send any more open what still comes, and end forty days after they stopped to send (docs/protocol.md,
// "Keys and lifetimes"). Looked at every hour, and only while the clock may be believed.

import { equalBytes } from '../protocol/bytes.ts'
import { sessionSecrets, type Session } from '../protocol/session.ts'
import { sendingSession } from '../protocol/sessions.ts'
import type { Draft } from './draft.ts'
import { RECEIVE_ONLY_KEPT } from './lifetimes.ts'

/** A session beside the one that sends. */
export interface IdleSession {
  readonly sessionId: Uint8Array
  /** Unix ms when it was first found idle. */
  readonly since: number
}

/**
 * Notes which sessions are idle, and ends those that have been so for long `by` (Unix ms): their secrets and records go in one
 * commit.
 */
export function endIdle(draft: Draft, by: number): void {
  const { sessions, contact } = draft
  const sending = sendingSession(sessions, contact.handshakes)
  const idle = sessions.filter((session) => session !== sending)
  const noted = idle.map(({ id }) => ({ sessionId: id, since: sinceOf(draft, id) }))
  const kept = noted.filter(({ since }) => by - since < RECEIVE_ONLY_KEPT)
  if (!isSame(kept, contact.idle)) draft.patch({ idle: kept })
  if (kept.length === noted.length) return
  const ended = idle.filter(({ id }) => !kept.some(({ sessionId }) => equalBytes(sessionId, id)))
  draft.sessions = sessions.filter((session) => !ended.includes(session))
  for (const session of ended) draft.spent.push(...sessionSecrets(session))
}

/** What was noted after `now` (Unix ms), by a clock that was ahead, counts from now. */
export function redateIdle(draft: Draft, now: number): void {
  const { idle } = draft.contact
  if (idle.every(({ since }) => since <= now)) return
  draft.patch({ idle: idle.map((one) => ({ ...one, since: Math.min(one.since, now) })) })
}

function sinceOf({ contact, now }: Draft, id: Session['id']): number {
  return contact.idle.find(({ sessionId }) => equalBytes(sessionId, id))?.since ?? now
}

function isSame(a: readonly IdleSession[], b: readonly IdleSession[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ sessionId, since }) =>
      b.some((other) => other.since === since && equalBytes(other.sessionId, sessionId)),
    )
  )
}
