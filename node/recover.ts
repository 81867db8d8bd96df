// What a store that has lost something may not do any more: send in a session that it holds an older state of. All of them open what
// still comes and send nothing; what was sealed in them waits for the next session, and the contact is asked for what is missing.

import { receiveOnly } from '../protocol/session.ts'
import { currentEntries, type Composer } from './compose.ts'
import type { Draft } from './draft.ts'
import { unsealed } from './outbox.ts'
import { wantRenewal } from './renewal.ts'
import { forgetTold } from './their-tokens.ts'

/** Leaves every session with a contact. With an accepted one another session is wanted. */
export function leaveSessions(draft: Draft, { outbox }: Pick<Composer, 'outbox'>): void {
  if (draft.sessions.length === 0) return
  draft.sessions = draft.sessions.map((session) =>
    session.phase === 'receive-only' ? session : receiveOnly(session),
  )
  for (const entry of currentEntries(draft, outbox)) {
    if (entry.envelope !== undefined) draft.outbox.set(entry.order, unsealed(entry))
  }
  forgetTold(draft)
  wantRenewal(draft, 'recovery')
}
