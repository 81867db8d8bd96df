// What people are told about a session: how it began and whether the other side has answered.

import type { Session } from '../protocol/session.ts'
import { sendingSession } from '../protocol/sessions.ts'
import type { SessionInfo } from './api.ts'
import type { ContactState } from './contact.ts'
import { protectionIn } from './protection.ts'

/** The session that we send in, at a time (Unix ms); null while there is none. */
export function describeSession(
  sessions: readonly Session[],
  contact: ContactState,
  now: number,
): SessionInfo | null {
  const session = sendingSession(sessions, contact.handshakes)
  if (session === undefined) return null
  return {
    startedBy: session.handshake.by,
    answered: session.phase !== 'initiating',
    ...protectionIn(session, contact, now),
  }
}
