// A contact whose messages contradict each other runs twice, or was put back to a copy. Its node may not know: the session is replaced,
// and we say so in another one (docs/protocol.md, "Going back").

import type { Session } from '../protocol/session.ts'
import type { Draft } from './draft.ts'
import { noteIrregularity } from './irregular.ts'
import { wantRenewal } from './renewal.ts'

/** It showed in this session of ours with them. */
export function noteDivergence(draft: Draft, session: Session): void {
  noteIrregularity(draft, 'diverged')
  wantRenewal(draft, 'diverged', session)
  draft.patch({ divergence: session.handshake.mark })
}
