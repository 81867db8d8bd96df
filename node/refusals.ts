// What follows when the contact says on its own stream that it cannot open an envelope (docs/protocol.md, "Refusals"). The word
// is uniform: it may have lost the session, never had it, or be older than it was. Nobody but the contact can say it.

import { equalBytes } from '../protocol/bytes.ts'
import type { Session } from '../protocol/session.ts'
import { sendingSession } from '../protocol/sessions.ts'
import type { Draft } from './draft.ts'
import { mayRepeatIn } from './fresh-start.ts'
import { DAY } from './lifetimes.ts'
import { unsealed, type OutboxEntry } from './outbox.ts'
import { wantRenewal } from './renewal.ts'
import { mayFollowRefusal } from './series.ts'

/** A session that was good once is replaced when the refusals go on for so long: a handshake of theirs may be on its way. */
const PATIENCE = 5 * 60_000

export class Refusals {
  /** Since when what we seal in the sending session is refused. */
  #since: { readonly sessionId: Uint8Array; readonly at: number } | undefined

  /** Notes that this entry, as it is sealed now, was refused. */
  note(draft: Draft, entry: OutboxEntry): void {
    const session = sendingSession(draft.sessions, draft.contact.handshakes)
    if (session === undefined || !equalBytes(session.id, entry.sessionId)) {
      if (session === undefined || mayRepeatIn(draft.contact, session)) {
        draft.outbox.set(entry.order, unsealed(entry))
      }
    } else if (session.phase === 'initiating') {
      if (mayFollowRefusal(draft.contact)) wantRenewal(draft, 'refused', session)
    } else if (this.#goesOn(session, draft.now)) {
      wantRenewal(draft, 'lost', session)
    }
  }

  #goesOn({ id }: Session, now: number): boolean {
    const before = this.#since
    const passed = now - (before?.at ?? now)
    const isSame = before !== undefined && equalBytes(before.sessionId, id)
    if (isSame && passed >= 0 && passed < DAY) return passed >= PATIENCE
    this.#since = { sessionId: id, at: now }
    return false
  }
}
