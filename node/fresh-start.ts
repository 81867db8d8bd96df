// Sessions that began without a proof that they come from the same device as an older one (docs/protocol.md, "Continuity"):
// perhaps a person who starts afresh, perhaps a thief. They are shown, and what was sent before goes into them with care.

import { equalBytes } from '../protocol/bytes.ts'
import { hasHeard, provenBy } from '../protocol/continuity.ts'
import type { Item } from '../protocol/padding.ts'
import type { Session } from '../protocol/session.ts'
import { statementIn } from '../protocol/statement.ts'
import type { ContactState } from './contact.ts'
import type { Draft } from './draft.ts'
import { DAY } from './lifetimes.ts'

export interface FreshStart {
  readonly sessionId: Uint8Array
  /** Unix ms; of a session that is proved under a marked one, that one's. */
  readonly at: number
}

/** So many fresh starts in a day stop the automatic repetition of what was sent before. */
const MAX_FRESH_STARTS = 2

/** Whether a session is marked as started afresh. */
export function isFreshStart(contact: ContactState, session: Session): boolean {
  return markOf(contact, session) !== undefined
}

function markOf(
  { freshStarts }: ContactState,
  session: Session | undefined,
): FreshStart | undefined {
  return session && freshStarts.find(({ sessionId }) => equalBytes(sessionId, session.id))
}

/** Marks a session of theirs, unless it proves where it comes from or there is nothing that it could come from. */
export function noteBeginning(draft: Draft, session: Session, items: readonly Item[]): void {
  const { contact, sessions, now } = draft
  const spoke =
    contact.handshakes.seen > 0 || contact.receivedCounter > 0 || sessions.some(hasHeard)
  if (!spoke || isProven(draft, session, items)) return
  const held = contact.freshStarts.filter(
    ({ sessionId, at }) => now - at < DAY || sessions.some(({ id }) => equalBytes(id, sessionId)),
  )
  const before = markOf(contact, provenBy(session, items, sessions))
  draft.patch({ freshStarts: [...held, { sessionId: session.id, at: before?.at ?? now }] })
}

/**
 * Takes the mark off again: a later message of the session brings the proof, or a message of a session that is not
 * marked states the handshake of one that is.
 */
export function noteProof(draft: Draft, session: Session, items: readonly Item[]): void {
  if (draft.contact.freshStarts.length === 0) return
  if (isFreshStart(draft.contact, session)) {
    if (isProven(draft, session, items)) unmark(draft, session)
    return
  }
  const statement = statementIn(session, items)
  const stated = draft.sessions.find(
    ({ handshake: { by, mark } }) =>
      by === 'theirs' && statement && equalBytes(mark, statement.mark),
  )
  if (stated !== undefined) unmark(draft, stated)
}

/** Whether what was sealed for another session may be sealed again for this one without asking the user. */
export function mayRepeatIn(contact: ContactState, session: Session): boolean {
  const start = markOf(contact, session)
  if (start === undefined) return true
  const times = contact.freshStarts.map(({ at }) => at)
  const near = new Set(times.filter((at) => Math.abs(at - start.at) < DAY))
  return contact.trust !== 'verified' && near.size < MAX_FRESH_STARTS
}

/** A session proved only under one that is marked is no better than that one. */
function isProven({ contact, sessions }: Draft, session: Session, items: readonly Item[]): boolean {
  const trusted = sessions.filter((older) => !isFreshStart(contact, older))
  return provenBy(session, items, trusted) !== undefined
}

function unmark(draft: Draft, { id }: Session): void {
  const freshStarts = draft.contact.freshStarts.filter(
    ({ sessionId }) => !equalBytes(sessionId, id),
  )
  draft.patch({ freshStarts })
}
