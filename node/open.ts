// The reading half of a step: an envelope becomes a content, within a draft; the sender hears of it after the commit. What the
// content becomes is take-content.ts.

import { toHex } from '../protocol/bytes.ts'
import { DecodeError, SessionError } from '../protocol/errors.ts'
import {
  countFailedBody,
  mayTryBody,
  NO_FAILED_BODIES,
  type FailedBodies,
} from '../protocol/failed-bodies.ts'
import { openMatched, tagMatches, type Opened, type TagMatch } from '../protocol/open-message.ts'
import type { KeptRecord, KeptRecordId, Session } from '../protocol/session.ts'
import type { Envelope } from '../protocol/envelope.ts'
import { encodeSkippedKey, skippedKeyName } from '../protocol/session-codec.ts'
import { handshakeStated, type Handshakes } from '../protocol/sessions.ts'
import { statementAnswered, statementIn } from '../protocol/statement.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { ContactState } from './contact.ts'
import type { Composer } from './compose.ts'
import { noteDivergence } from './divergence.ts'
import type { Draft } from './draft.ts'
import { noteProof } from './fresh-start.ts'
import { noteAnswered } from './hand-out.ts'
import { noteBeside } from './irregular.ts'
import { keys } from './keys.ts'
import { noteHeard } from './missing.ts'
import type { Outcome } from './outcome.ts'
import { protectionIn } from './protection.ts'
import { lookForLost, noteSpoken, noteUnknown, wantRenewal } from './renewal.ts'
import { hearReport } from './reported.ts'
import type { CameAs } from './seen-envelopes.ts'
import { takeContent, type Taker } from './take-content.ts'

/** How an envelope reached us. */
export type Way = Pick<CameAs, 'arrival' | 'mailbox'>

/** What opening needs besides the draft. */
export interface Opener extends Taker, Pick<Composer, 'outbox'> {
  /** The platform's generator: opening may make a ratchet key. */
  readonly random: RandomBytes
  /** Bodies that did not open, by the hex of the session's id. */
  readonly failedBodies: Map<string, FailedBodies>
  /** Digest of the last envelope that a session's key had made and that did not open, by the hex of the session's id. */
  readonly unopened: Map<string, string>
}

/** Envelopes that we take from somebody before we have answered or added them. */
const MAX_FROM_STRANGER = 100

/** A stranger's messages take room on our disk: there is an end to that. */
export function hasSaidEnough(contact: ContactState): boolean {
  return contact.state === 'requested' && contact.unanswered >= MAX_FROM_STRANGER
}

/** Opens one envelope of this contact. Never throws for what the other side sent. */
export async function openEnvelope(
  draft: Draft,
  opener: Opener,
  envelope: Envelope,
  way: Way,
): Promise<Outcome> {
  const match = tagMatches(draft.sessions, envelope)
  if (match === undefined) {
    if (envelope.kind === 'session') noteUnknown(draft)
    return 'no-session'
  }
  // It is theirs, and that is all that matters: the session stays where it is, so that nothing is confirmed that was not kept.
  if (draft.contact.state === 'blocked') return 'blocked'
  const { session } = match
  const opened = tryOpen(draft, match, opener)
  if (typeof opened === 'string') {
    if (opened === 'duplicate' && way.arrival === 'mailbox') {
      await opener.seen.repeated(draft, envelope.digest)
    }
    return opened
  }
  if (hasSaidEnough(draft.contact)) return 'blocked' // not before: what is stored already is a duplicate
  draft.replaceSession(session, opened.next)
  draft.spent.push(...opened.spent)
  keepRecords(draft, opened.next, opened.skippedAdded)
  forgetRecords(draft, opened.next, opened.skippedRemoved)
  const handshakes = hearStatement(draft.contact.handshakes, session, opened)
  draft.patch({ unanswered: draft.contact.unanswered + 1, handshakes })
  noteProof(draft, opened.next, opened.items)
  noteSpoken(draft, opened.next)
  lookForLost(draft)
  noteHeard(draft, session, opened.next)
  noteAnswered(draft, session)
  noteBeside(draft, opened)
  if (opened.diverged) noteDivergence(draft, opened.next)
  hearReport(draft, opener, opened.items)
  const protection = {
    ...protectionIn(opened.next, draft.contact, draft.now),
    olderHandshake: false,
  }
  const came = { ...way, digest: envelope.digest, protection }
  await takeContent(draft, opener, opened.content, came)
  return 'opened'
}

/** What an opened message says of handshakes: their newest one, and that they know ours. */
function hearStatement(known: Handshakes, before: Session, { next, items }: Opened): Handshakes {
  const statement = statementIn(before, items)
  const heard = statement === undefined ? known : handshakeStated(known, statement)
  const stating = statementAnswered(heard.stating, before, next)
  return stating === heard.stating ? heard : { ...heard, stating }
}

function tryOpen(
  draft: Draft,
  match: TagMatch,
  { random, failedBodies, unopened }: Opener,
): Opened | Outcome {
  const { now } = draft
  const { session } = match
  const id = toHex(session.id)
  const failed = failedBodies.get(id) ?? NO_FAILED_BODIES
  if (!mayTryBody(failed, now)) return 'not-authentic'
  try {
    const opened = openMatched(match, { now, random })
    failedBodies.delete(id)
    unopened.delete(id)
    return opened
  } catch (error) {
    const outcome = outcomeOf(error)
    if (outcome === 'not-authentic') failedBodies.set(id, countFailedBody(failed, now))
    if (!(error instanceof SessionError)) return outcome
    if (error.code === 'ERR_DIVERGED') noteDivergence(draft, session)
    // Its sender keeps it, and encrypts it again in another session.
    if (error.code === 'ERR_TOO_FAR_AHEAD') wantRenewal(draft, 'too-far-ahead', session)
    if (error.code !== 'ERR_NOT_AUTHENTIC') return outcome
    // The tag is right: a holder of the header key made it. One may be damage of ours; two are not.
    const digest = toHex(match.envelope.digest)
    const before = unopened.get(id)
    if (before !== undefined && before !== digest) wantRenewal(draft, 'cannot-open', session)
    unopened.set(id, digest)
    return outcome
  }
}

/** Errors become outcomes here and nowhere else. What is no verdict on the envelope is a fault of ours and passes. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof DecodeError)
    return error.code === 'ERR_TOO_LARGE' ? 'oversized' : 'not-authentic'
  if (!(error instanceof SessionError)) throw error
  switch (error.code) {
    case 'ERR_DUPLICATE':
      return 'duplicate'
    case 'ERR_TOO_FAR_AHEAD':
      return 'too-far-ahead'
    case 'ERR_NO_SESSION':
      return 'no-session'
    case 'ERR_UNKNOWN_PREKEY':
      return 'unknown-prekey'
    case 'ERR_TOO_LARGE':
      return 'oversized'
    case 'ERR_LIMIT':
    case 'ERR_NOT_AUTHENTIC':
    case 'ERR_DIVERGED':
      return 'not-authentic'
  }
}

/** Writes the records that stand beside a session. */
export function keepRecords(draft: Draft, session: Session, added: readonly KeptRecord[]): void {
  for (const record of added) {
    const key = keys.skipped(draft.contact.id, session.id, skippedKeyName(record))
    draft.operations.push({ type: 'put', key, value: encodeSkippedKey(record) })
  }
}

/** Deletes records that stand beside a session. */
export function forgetRecords(
  draft: Draft,
  session: Session,
  removed: readonly KeptRecordId[],
): void {
  for (const id of removed) {
    const key = keys.skipped(draft.contact.id, session.id, skippedKeyName(id))
    draft.operations.push({ type: 'del', key })
  }
}
