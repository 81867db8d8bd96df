// A contact says that our own messages contradict each other: we run twice, or were put back to a copy (docs/protocol.md, "Going back").
// That ends the one session, if it has not ended already, and nothing else.

import { equalBytes } from '../protocol/bytes.ts'
import { itemKinds, type Item } from '../protocol/padding.ts'
import { receiveOnly } from '../protocol/session.ts'
import { currentEntries, isSealedIn, type Composer } from './compose.ts'
import type { Draft } from './draft.ts'
import { noteIrregularity } from './irregular.ts'
import { unsealed } from './outbox.ts'

/** What an opened message says of it. Of a session that we do not have it says nothing. */
export function hearReport(
  draft: Draft,
  { outbox }: Pick<Composer, 'outbox'>,
  items: readonly Item[],
): void {
  const said = items.find(({ kind }) => kind === itemKinds.divergence)?.value
  const session = said && draft.sessions.find(({ handshake }) => equalBytes(handshake.mark, said))
  if (session === undefined) return
  noteIrregularity(draft, 'reported')
  if (session.phase === 'receive-only') return
  draft.replaceSession(session, receiveOnly(session))
  for (const entry of currentEntries(draft, outbox)) {
    if (isSealedIn(entry, session.id)) draft.outbox.set(entry.order, unsealed(entry))
  }
}
