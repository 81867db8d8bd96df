// What a node asks a contact for when its own store has lost something (docs/durability.md).

import { MAX_RANGES } from '../protocol/content.ts'
import { addUnlisted, type Composer } from './compose.ts'
import type { Draft } from './draft.ts'
import { joined } from './gaps.ts'

/** A contact looks at no more for one report. */
const ASKED_BEHIND = 1_000

/** The gaps that are known, and whatever is behind what we have: nothing here shows that it is missing. */
export function askAfterLoss(draft: Draft, composer: Composer): void {
  const { receivedCounter, gaps } = draft.contact
  const behind = { first: receivedCounter + 1, last: receivedCounter + ASKED_BEHIND }
  const ranges = joined([...gaps.slice(0, MAX_RANGES - 1), behind])
  addUnlisted(draft, composer, { kind: 'missing', ranges })
}
