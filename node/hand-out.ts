// The mailbox's signed note for a one-time pair that we took, on its way to the pair's owner: it rides in every message of the
// handshake until one is answered (docs/protocol.md, "Hand-out notes"). What the owner does with it is hand-out-notes.ts.

import { equalBytes } from '../protocol/bytes.ts'
import { itemKinds } from '../protocol/padding.ts'
import type { CallerItem, Session } from '../protocol/session.ts'
import type { ContactState } from './contact.ts'
import type { Draft } from './draft.ts'

/** A note that no answer of the owner has come for. */
export interface HandOutNote {
  /** The session whose messages carry it. */
  readonly sessionId: Uint8Array
  readonly note: Uint8Array
}

/**
 * A handshake of ours begins: it carries the note of an earlier one that was not answered, else its own. The owner sees by the
 * pair that its own was handed out; of a pair that somebody else has used up it learns by the note alone.
 */
export function carryNote(draft: Draft, { id }: Session, own: Uint8Array | undefined): void {
  const note = draft.contact.handOut?.note ?? own
  draft.patch({ handOut: note && { sessionId: id, note } })
}

/** What rides with a message of this session. */
export function handOutItems({ handOut }: ContactState, session: Session): readonly CallerItem[] {
  if (handOut === undefined || session.phase !== 'initiating') return []
  if (!equalBytes(handOut.sessionId, session.id)) return []
  return [{ kind: itemKinds.handOutNote, value: handOut.note }]
}

/** A message of theirs opened in a session: it has answered our handshake if it was not answered before. */
export function noteAnswered(draft: Draft, before: Session): void {
  const { handOut } = draft.contact
  if (handOut === undefined || before.phase !== 'initiating') return
  if (equalBytes(handOut.sessionId, before.id)) draft.patch({ handOut: undefined })
}
