// The class of a session (docs/protocol.md, "Class"), as it is shown, and as it is kept with every message that was sealed or
// opened in it: what a message was worth is known also when its session is gone.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { StoredProtection, StoredProtectionSchema } from '../protocol/generated/store_pb.ts'
import { isHealingStalled, type Session } from '../protocol/session.ts'
import type { MessageProtection, Protection } from './api.ts'
import type { ContactState } from './contact.ts'
import { isFreshStart } from './fresh-start.ts'

/** The class of a session with this contact at a time (Unix ms). */
export function protectionIn(session: Session, contact: ContactState, now: number): Protection {
  const { oneTime, postQuantum } = session.class
  return {
    oneTime,
    postQuantum,
    healingStalled: isHealingStalled(session, now),
    freshStart: isFreshStart(contact, session),
  }
}

/** The stored form; nothing for a message that was never sealed. */
export function storedProtection(protection: MessageProtection | undefined): {
  readonly protection?: MessageInitShape<typeof StoredProtectionSchema>
} {
  return protection === undefined ? {} : { protection: { ...protection } }
}

export function readProtection(
  stored: StoredProtection | undefined,
): MessageProtection | undefined {
  if (stored === undefined) return undefined
  const { oneTime, postQuantum, healingStalled, freshStart, olderHandshake } = stored
  return { oneTime, postQuantum, healingStalled, freshStart, olderHandshake }
}
