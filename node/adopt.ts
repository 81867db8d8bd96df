// A session that a first message made becomes one of the conversation: certificate and ordinal rules of docs/protocol.md,
// "Sessions". The content that came with it is taken in the same commit.

import { equalBytes } from '../protocol/bytes.ts'
import type { DeviceCertificate } from '../protocol/device.ts'
import {
  receiveOnly,
  sessionSecrets,
  type Accepted,
  type Handshake,
  type Session,
} from '../protocol/session.ts'
import { contradicts, handshakeOpened, sendingSession } from '../protocol/sessions.ts'
import { currentEntries, type Composer } from './compose.ts'
import { contactShort, trustNumber } from './contact.ts'
import { noteDivergence } from './divergence.ts'
import type { Draft } from './draft.ts'
import { isFreshStart, noteBeginning } from './fresh-start.ts'
import { noteBeside } from './irregular.ts'
import { hasSaidEnough, keepRecords, type Opener } from './open.ts'
import { unsealed } from './outbox.ts'
import type { Outcome } from './outcome.ts'
import { protectionIn } from './protection.ts'
import { lookForLost, mayTake, noteLate, noteSpoken, noteTaken } from './renewal.ts'
import { hearReport } from './reported.ts'
import type { CameAs } from './seen-envelopes.ts'
import { takeContent } from './take-content.ts'
import { forgetTold } from './their-tokens.ts'

/** Sessions begun by each side that are kept per contact (docs/protocol.md, "Limits"). */
const MAX_SESSIONS_A_SIDE = 5

/**
 * Makes a session of a first message that has opened. What it spent is a one-time pair of ours: whoever keeps the pairs wipes it
 * after the commit, and has it still when the commit fails.
 */
export async function adoptSession(
  draft: Draft,
  opener: Opener & Outbox,
  accepted: Accepted,
  came: CameAs,
): Promise<Outcome> {
  const { handshake } = accepted.session
  if (!deviceHolds(draft, accepted.theirs)) return 'not-authentic'
  if (repeatsOrdinal(draft, handshake)) return 'not-authentic'
  if (draft.contact.state === 'blocked' || hasSaidEnough(draft.contact)) return 'blocked'
  if (!mayTake(draft.contact, draft.now)) return 'store-full'
  noteDevice(draft, opener, accepted.theirs)
  const { handshakes } = draft.contact
  const late = handshake.ordinal < handshakes.seen
  if (!late) noteBeginning(draft, accepted.session, accepted.items)
  if (isFreshStart(draft.contact, accepted.session)) forgetTold(draft)
  addSession(draft, late ? receiveOnly(accepted.session) : accepted.session)
  if (late) noteLate(draft)
  noteBeside(draft, accepted)
  if (accepted.diverged) noteDivergence(draft, accepted.session)
  hearReport(draft, opener, accepted.items)
  keepRecords(draft, accepted.session, accepted.skippedAdded)
  draft.patch({
    handshakes: handshakeOpened(handshakes, handshake),
    unanswered: draft.contact.unanswered + 1,
  })
  noteTaken(draft, accepted.session)
  if (!late) noteSpoken(draft, accepted.session)
  lookForLost(draft)
  const protection = {
    ...protectionIn(accepted.session, draft.contact, draft.now),
    olderHandshake: late,
  }
  await takeContent(draft, opener, accepted.content, { ...came, protection })
  return 'opened'
}

/** The certificate is not older than the newest seen, and not another one under the same number. */
export function deviceHolds(draft: Draft, certificate: DeviceCertificate): boolean {
  const { certificateSequence, identityKey } = draft.contact
  if (certificate.sequence > certificateSequence) return true
  if (certificate.sequence < certificateSequence) return false
  return equalBytes(certificate.identityKey, identityKey)
}

/** An equal ordinal with another ephemeral key is a divergence: one of the two is not from the device that made the first. */
function repeatsOrdinal({ contact, sessions }: Draft, made: Handshake): boolean {
  if (contradicts(contact.handshakes, made)) return true
  return sessions.some(
    ({ handshake: { by, ordinal } }) => by === 'theirs' && ordinal === made.ordinal,
  )
}

/** What may still be on its way to an old device. */
export type Outbox = Pick<Composer, 'outbox'>

/** Remembers the device; another key of a verified contact is shown and stops sending until the user has looked. */
export function noteDevice(draft: Draft, outbox: Outbox, certificate: DeviceCertificate): void {
  const { contact } = draft
  const first = contact.identityKey.length === 0
  const changed = !first && !equalBytes(certificate.identityKey, contact.identityKey)
  if (certificate.sequence > contact.certificateSequence || first) {
    draft.patch({
      certificateSequence: certificate.sequence,
      identityKey: certificate.identityKey,
    })
  }
  if (changed) leaveDevice(draft, outbox)
  if (!changed || contact.trust !== 'verified') return
  draft.patch({ trust: 'changed' })
  draft.events.push({
    event: {
      type: 'contact.trust',
      at: draft.now,
      contact: contactShort(contact).id,
      trustFrom: trustNumber('verified'),
      trustTo: trustNumber('changed'),
    },
  })
}

/** The sessions with the old device send no more, and what they have not delivered is encrypted again, under the same ids. */
function leaveDevice(draft: Draft, { outbox }: Outbox): void {
  forgetTold(draft)
  draft.sessions = draft.sessions.map((session) =>
    session.phase === 'receive-only' ? session : receiveOnly(session),
  )
  for (const entry of currentEntries(draft, outbox)) {
    if (entry.envelope === undefined) continue
    draft.outbox.set(entry.order, unsealed(entry))
  }
}

/** Adds a session; of the sessions begun by the same side the one with the lowest ordinal goes when there are too many. */
export function addSession(draft: Draft, session: Session): void {
  draft.replaceSession(undefined, session)
  const sending = sendingSession(draft.sessions, draft.contact.handshakes)
  const sameSide = draft.sessions.filter((held) => held.handshake.by === session.handshake.by)
  if (sameSide.length <= MAX_SESSIONS_A_SIDE) return
  const oldest = sameSide
    .filter((held) => held !== sending && held !== session)
    .reduce((a, b) => (a.handshake.ordinal <= b.handshake.ordinal ? a : b))
  draft.sessions = draft.sessions.filter((held) => held !== oldest)
  draft.spent.push(...sessionSecrets(oldest))
}
