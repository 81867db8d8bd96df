// What a contact's program does against the rules, and what shows that it runs twice: counted in the contact and told of. What a
// message says counts all the same.

import { equalBytes } from '../protocol/bytes.ts'
import type { OpenedContent } from '../protocol/opened-content.ts'
import { itemKinds } from '../protocol/padding.ts'
import type { CallerItem, Session } from '../protocol/session.ts'
import type { Irregularity } from './api.ts'
import type { ContactState } from './contact.ts'
import type { Draft } from './draft.ts'

/** How often each has been met. */
export type Irregularities = Readonly<Record<Irregularity, number>>

export const NO_IRREGULARITIES: Irregularities = { contents: 0, items: 0, diverged: 0, reported: 0 }

/** Stored as 32 bits. */
const MAX_COUNT = 2 ** 32 - 1

export function noteIrregularity(draft: Draft, what: Irregularity): void {
  const { irregularities } = draft.contact
  const count = Math.min(MAX_COUNT, irregularities[what] + 1)
  draft.patch({ irregularities: { ...irregularities, [what]: count } })
  draft.irregularities.push(what)
}

/** A message of theirs has opened. */
export function noteBeside(
  draft: Draft,
  { malformedItems }: Pick<OpenedContent, 'malformedItems'>,
): void {
  if (malformedItems) noteIrregularity(draft, 'items')
}

/** What tells them, with the next message of another session, that messages of theirs contradict each other. */
export function divergenceItems(
  { divergence }: ContactState,
  { handshake }: Session,
): readonly CallerItem[] {
  if (divergence === undefined || equalBytes(divergence, handshake.mark)) return []
  return [{ kind: itemKinds.divergence, value: divergence }]
}
