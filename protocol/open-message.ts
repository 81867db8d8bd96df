// Opening a message: to which session an envelope belongs, and the step of that session.

import type { Brand, RandomBytes } from './bytes.ts'
import { equalBytes } from './bytes.ts'
import type { Envelope } from './envelope.ts'
import { SessionError } from './errors.ts'
import type { HeaderKeys } from './header.ts'
import type { OpenedContent } from './opened-content.ts'
import { contentOf } from './opened-content.ts'
import type { PostQuantum } from './post-quantum.ts'
import { receiveKeyParts } from './post-quantum-receive.ts'
import { headerKeysOf, ratchetDecrypt } from './ratchet-decrypt.ts'
import type { KeptRecord, KeptRecordId } from './ratchet-records.ts'
import type { Ratchet } from './ratchet.ts'
import type { Secret } from './secret.ts'
import type { Session } from './session.ts'
import { sideOf, stateOf } from './session-state.ts'

/** An envelope and the session it belongs to. Only `tagMatches` makes one. */
export type TagMatch = Brand<
  {
    readonly session: Session
    readonly envelope: Envelope
    /** The keys of its tag; not looked for where its ephemeral key names the session. */
    readonly madeBy: HeaderKeys | undefined
  },
  'TagMatch'
>

/**
 * The session an envelope belongs to: the one whose ephemeral key it names, else the one whose tag
 * it carries. `undefined` is noise, or a first message for `acceptSession`. Nothing is decrypted.
 */
export function tagMatches(sessions: readonly Session[], envelope: Envelope): TagMatch | undefined {
  if (envelope.kind === 'first') {
    const session = sessions.find(
      ({ handshake, ephemeralKey }) =>
        handshake.by === 'theirs' && equalBytes(ephemeralKey, envelope.ephemeralKey),
    )
    return session && ({ session, envelope, madeBy: undefined } as TagMatch)
  }
  for (const session of sessions) {
    const madeBy = headerKeysOf(session.ratchet, envelope)
    if (madeBy !== undefined) return { session, envelope, madeBy } as TagMatch
  }
  return undefined
}

/**
 * What opening did. The caller commits `next`, the records and the content, then acknowledges, then
 * wipes `spent`.
 */
export interface Opened extends OpenedContent {
  readonly next: Session
  readonly spent: readonly Secret[]
  /** Records to put beside the session, and to delete; no name is in both lists. */
  readonly skippedAdded: readonly KeptRecord[]
  readonly skippedRemoved: readonly KeptRecordId[]
}

/** What opening takes from outside. */
export interface OpenOptions {
  /** Unix ms. */
  readonly now: number
  /** For the key of a turn and for an answer; must be the platform's generator. */
  readonly random: RandomBytes
}

/**
 * Opens what `tagMatches` found. Throws `SessionError`: ERR_NO_SESSION (noise), ERR_NOT_AUTHENTIC
 * (counted by `countFailedBody`), ERR_TOO_FAR_AHEAD, ERR_DUPLICATE (acknowledge it), ERR_DIVERGED
 * (the sender runs twice or was rolled back), ERR_LIMIT (too old to tell; not to be acknowledged as
 * delivered). The session is not changed.
 */
export function openMatched(
  { session, envelope, madeBy }: TagMatch,
  { now, random }: OpenOptions,
): Opened {
  const { ratchet, associatedData, postQuantum: epochs } = session
  const opened = ratchetDecrypt(ratchet, { envelope, madeBy, associatedData, epochs, now, random })
  const received = receiveKeyParts(session.postQuantum, sideOf(session), {
    epoch: opened.epoch,
    items: opened.body.items,
    answeredChain: endedChain(ratchet, opened.next),
    takesParts: session.phase !== 'receive-only',
    now,
    random,
  })
  return {
    next: afterOpening(session, opened.next, received.next),
    ...contentOf(opened, received),
    spent: received.spent.length === 0 ? opened.spent : [...opened.spent, ...received.spent],
    skippedAdded: opened.added,
    skippedRemoved: opened.removed,
  }
}

/** `openMatched` in a session that is known. Throws ERR_NO_SESSION where the envelope is of another one. */
export function openMessage(session: Session, envelope: Envelope, options: OpenOptions): Opened {
  const match = tagMatches([session], envelope)
  if (match === undefined) throw new SessionError('ERR_NO_SESSION')
  return openMatched(match, options)
}

/** Our sending chain, if a turn of the ratchet has ended it: the peer has opened something of it. */
function endedChain(before: Ratchet, next: Ratchet): number | undefined {
  const { ordinal } = before.sending
  return next.sending.ordinal === ordinal ? undefined : ordinal
}

/** The first opened message of the responder ends the initiator's repetition of the handshake. */
function afterOpening(session: Session, ratchet: Ratchet, postQuantum: PostQuantum): Session {
  if (session.phase !== 'initiating') return { ...session, ratchet, postQuantum }
  return { phase: 'established', ...stateOf(session, ratchet, postQuantum) }
}
