// A contact is blocked, and let in again. All within a draft.

import { expireSkippedKeys } from '../protocol/session.ts'
import type { Draft } from './draft.ts'
import { forgetRecords } from './open.ts'
import type { OutboxEntry } from './outbox.ts'
import { settle, type Settler } from './settle.ts'
import { replaceTokens } from './issued-tokens.ts'

/**
 * Nothing more goes to the contact: what waits fails, its delivery tokens end, no session is begun. What of theirs was skipped
 * cannot be opened any more. The sessions stay, so that they go on where they were when the contact is let in.
 */
export async function blockContact(
  draft: Draft,
  settler: Settler & { readonly outbox: ReadonlyMap<number, OutboxEntry> },
): Promise<void> {
  const { state, id, renewal } = draft.contact
  if (state === 'blocked') return
  const failed = { state: 'failed', at: draft.now, reason: 'blocked' } as const
  await settle(draft, settler, [...settler.outbox.keys()], failed)
  forgetSkipped(draft)
  replaceTokens(draft, [])
  draft.patch({
    ...{ state: 'blocked', blockedFrom: state, series: undefined },
    renewal: { ...renewal, wanted: undefined },
  })
  draft.events.push({ event: { type: 'contact.blocked', at: draft.now, contact: id } })
}

/** They are again what they were. */
export function unblockContact(draft: Draft): void {
  const { blockedFrom, id } = draft.contact
  if (blockedFrom === undefined) return
  draft.patch({ state: blockedFrom, blockedFrom: undefined })
  draft.events.push({ event: { type: 'contact.unblocked', at: draft.now, contact: id } })
}

function forgetSkipped(draft: Draft): void {
  for (const session of draft.sessions) {
    const { next, spent, skippedRemoved } = expireSkippedKeys(session, Infinity)
    if (next === session) continue
    draft.replaceSession(session, next)
    draft.spent.push(...spent)
    forgetRecords(draft, next, skippedRemoved)
  }
}
