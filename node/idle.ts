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

/** Notes which sessions are idle, and ends those that have been so for long: their secrets and records go in one commit. */
export function endIdle(draft: Draft): void {
  const { sessions, contact, now } = draft
  const sending = sendingSession(sessions, contact.handshakes)
  const idle = sessions.filter((session) => session !== sending)
  const noted = idle.map(({ id }) => ({ sessionId: id, since: sinceOf(draft, id) }))
  const kept = noted.filter(({ since }) => now - since < RECEIVE_ONLY_KEPT)
  if (!isSame(kept, contact.idle)) draft.patch({ idle: kept })
  if (kept.length === noted.length) return
  const ended = idle.filter(({ id }) => !kept.some(({ sessionId }) => equalBytes(sessionId, id)))
  draft.sessions = sessions.filter((session) => !ended.includes(session))
  for (const session of ended) draft.spent.push(...sessionSecrets(session))
}

/** What a clock that was ahead has noted counts from now. */
function sinceOf({ contact, now }: Draft, id: Session['id']): number {
  const noted = contact.idle.find(({ sessionId }) => equalBytes(sessionId, id))
  return Math.min(noted?.since ?? now, now)
}

function isSame(a: readonly IdleSession[], b: readonly IdleSession[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ sessionId, since }) =>
      b.some((other) => other.since === since && equalBytes(other.sessionId, sessionId)),
    )
  )
}
