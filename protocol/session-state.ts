// Parts of a session that several of its steps need.

import type { PostQuantum, Side } from './post-quantum.ts'
import type { Ratchet } from './ratchet.ts'
import type { Session, SessionState } from './session.ts'

/** The initiator of the handshake sends in direction 1. */
export function sideOf({ id, handshake }: Session): Side {
  return { sessionId: id, sends: handshake.by === 'ours' ? 1 : 2 }
}

/** What stays when the phase changes. */
export function stateOf(
  session: Session,
  ratchet: Ratchet,
  postQuantum: PostQuantum,
): SessionState {
  const { id, theirs, handshake, class: protection, ephemeralKey, associatedData } = session
  const same = { id, theirs, handshake, class: protection, ephemeralKey, associatedData }
  return { ...same, ratchet, postQuantum }
}
