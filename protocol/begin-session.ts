// How a session begins: from a verified bundle, or from a first message that opened.

import type { VerifiedBundle } from './bundle.ts'
import type { RandomBytes } from './bytes.ts'
import { equalBytes } from './bytes.ts'
import type { Device, DeviceCertificate } from './device.ts'
import type { EphemeralKey, FirstEnvelope } from './envelope.ts'
import { CryptoError, DecodeError, RecordError, SessionError } from './errors.ts'
import type { OpenedContent } from './opened-content.ts'
import { contentOf } from './opened-content.ts'
import type { OurPrekeys, Responded } from './pqxdh.ts'
import { pqxdhInitiate, pqxdhRespond } from './pqxdh.ts'
import type { PostQuantum } from './post-quantum.ts'
import { postQuantumSecrets, startPostQuantum } from './post-quantum.ts'
import type { Received } from './post-quantum-receive.ts'
import { receiveKeyParts } from './post-quantum-receive.ts'
import type { VerifiedOneTimePair } from './prekeys.ts'
import { ratchetDecryptFirst } from './ratchet-decrypt.ts'
import type { RatchetOpened } from './ratchet-decrypt.ts'
import type { KeptRecord } from './ratchet-records.ts'
import type { Ratchet } from './ratchet.ts'
import { ratchetInitiate, ratchetRespond, ratchetSecrets } from './ratchet.ts'
import type { Secret } from './secret.ts'
import { wipeAll } from './secret.ts'
import { HANDSHAKE_MARK_BYTES } from './statement.ts'
import type { EstablishedSession, InitiatingSession, SessionId } from './session.ts'

/** What beginning a session needs. */
export interface InitiateSessionInput {
  readonly ours: Device
  readonly theirs: VerifiedBundle
  /** Used whole if it is there. */
  readonly oneTime?: VerifiedOneTimePair | undefined
  /** From `nextOrdinal`. */
  readonly ordinal: number
  /** Highest ordinal of theirs that we have opened, 0 if none. */
  readonly seen: number
  /** Unix ms. */
  readonly now: number
  /** Must be the platform's generator. */
  readonly random: RandomBytes
}

/**
 * Begins a session from a verified bundle. Throws `RecordError`: ERR_EXPIRED when the bundle or the
 * pair has lapsed since it was verified, ERR_WRONG_ACCOUNT when the pair is not of the bundle's
 * device.
 */
export function initiateSession(input: InitiateSessionInput): InitiatingSession {
  const { ours, theirs, oneTime, ordinal, seen, now, random } = input
  if (theirs.expiresAt <= now) throw new RecordError('ERR_EXPIRED')
  if (oneTime !== undefined) checkOneTime(theirs, oneTime, now)

  const initiated = pqxdhInitiate({ ours, theirs, oneTime, ordinal, seen, random })
  const { secrets, transcript, prefix, ephemeralKey } = initiated
  return {
    phase: 'initiating',
    id: secrets.sessionId as SessionId,
    theirs: { account: theirs.account, device: theirs.certificate.device },
    handshake: { by: 'ours', ordinal, seen, mark: transcript.subarray(0, HANDSHAKE_MARK_BYTES) },
    class: { oneTime: oneTime !== undefined, postQuantum: true },
    ephemeralKey,
    associatedData: transcript,
    ratchet: ratchetInitiate(secrets, theirs.signedPrekey.key, random),
    postQuantum: startPostQuantum(secrets.epochSecret, 1, now),
    prefix,
  }
}

/** What accepting a first message needs. */
export interface AcceptSessionInput {
  /** With the certificate that stood in the bundles which named these prekeys. */
  readonly ours: Device
  readonly prekeys: OurPrekeys
  readonly envelope: FirstEnvelope
  /**
   * Whether we signed this bundle and still hold its prekeys. Asked only after the body has opened.
   */
  readonly bundleKnown: (sequence: number, digest: Uint8Array) => boolean
  /** Unix ms. */
  readonly now: number
  /** Must be the platform's generator. */
  readonly random: RandomBytes
}

/** A session that a first message made, with what that message said. Nothing is stored yet. */
export interface Accepted extends OpenedContent {
  readonly theirs: DeviceCertificate
  readonly session: EstablishedSession
  /**
   * Wiped by the caller after its commit, which deletes them: the private halves of the one-time
   * pair.
   */
  readonly spent: readonly Secret[]
  /** Messages of the handshake that came before this one in the chain are skipped. */
  readonly skippedAdded: readonly KeptRecord[]
}

/**
 * Accepts a first message: handshake, identity, body, in this order, and only then the session. The
 * caller has looked for its ephemeral key among the accepted ones. Throws `SessionError`:
 * ERR_UNKNOWN_PREKEY (ids, or a bundle that is not ours), ERR_TOO_FAR_AHEAD, or ERR_NOT_AUTHENTIC
 * for everything else; then no trace is left.
 */
export function acceptSession(input: AcceptSessionInput): Accepted {
  const prekeys = namedPrekeys(input)
  const responded = respond(input, prekeys)
  const epochs = startPostQuantum(responded.secrets.epochSecret, 2, input.now)
  try {
    const opened = openFirst(input, responded, epochs)
    const received = receiveFirst(input, responded, epochs, opened)
    return {
      theirs: responded.claims.certificate,
      session: acceptedSession(input, responded, opened.next, received.next),
      ...contentOf(opened, received),
      spent: oneTimeSecrets(prekeys),
      skippedAdded: opened.added,
    }
  } catch (error) {
    wipeAll(postQuantumSecrets(epochs))
    throw error
  }
}

function checkOneTime(theirs: VerifiedBundle, pair: VerifiedOneTimePair, now: number): void {
  if (pair.expiresAt <= now) throw new RecordError('ERR_EXPIRED')
  const isSame =
    equalBytes(pair.account, theirs.account) && pair.device === theirs.certificate.device
  if (!isSame) throw new RecordError('ERR_WRONG_ACCOUNT')
}

/** The prekeys that the envelope names, and no others. */
function namedPrekeys({ prekeys, envelope }: AcceptSessionInput): OurPrekeys {
  const { signed, kem, oneTime } = prekeys
  const named = envelope.oneTime ? prekeys : { signed, kem }
  const kemId = envelope.oneTime ? oneTime?.id : kem.id
  if (envelope.signedPrekeyId !== signed.id || envelope.kemId !== kemId) {
    throw new SessionError('ERR_UNKNOWN_PREKEY')
  }
  return named
}

/** One error for whatever fails before the body: the sender learns nothing from it. */
function respond({ ours, envelope, now }: AcceptSessionInput, prekeys: OurPrekeys): Responded {
  try {
    return pqxdhRespond({ ours, prekeys, envelope, now })
  } catch (cause) {
    const isTheirs =
      cause instanceof CryptoError || cause instanceof DecodeError || cause instanceof RecordError
    if (!isTheirs) throw cause
    throw new SessionError('ERR_NOT_AUTHENTIC', { cause })
  }
}

/**
 * Opens the body and makes both root steps. What this call made and the session does not keep is
 * wiped, in any case.
 */
function openFirst(
  { prekeys, envelope, bundleKnown, now, random }: AcceptSessionInput,
  { secrets, transcript, claims }: Responded,
  epochs: PostQuantum,
): RatchetOpened {
  // The private signed prekey stands in this state, as DHs, and stays with its owner.
  const start = ratchetRespond(secrets, prekeys.signed.keyPair)
  const made = ratchetSecrets(start).filter(
    (secret) => secret !== prekeys.signed.keyPair.privateKey,
  )
  let kept: readonly Secret[] = []
  try {
    const context = { envelope, associatedData: transcript, epochs, now, random }
    const opened = ratchetDecryptFirst(start, context)
    if (!bundleKnown(claims.bundleSequence, claims.bundleDigest)) {
      wipeAll(ratchetSecrets(opened.next))
      throw new SessionError('ERR_UNKNOWN_PREKEY')
    }
    kept = ratchetSecrets(opened.next)
    return opened
  } finally {
    wipeAll(made.filter((secret) => !kept.includes(secret)))
  }
}

/** The initiator has nothing to offer or to answer yet: whatever rides is ignored, and reported. */
function receiveFirst(
  { now, random }: AcceptSessionInput,
  { secrets }: Responded,
  epochs: PostQuantum,
  { epoch, body: { items } }: RatchetOpened,
): Received {
  const side = { sessionId: secrets.sessionId, sends: 2 } as const
  const context = { epoch, items, answeredChain: undefined, takesParts: true, now, random }
  return receiveKeyParts(epochs, side, context)
}

function acceptedSession(
  { envelope }: AcceptSessionInput,
  { secrets, transcript, claims }: Responded,
  ratchet: Ratchet,
  postQuantum: PostQuantum,
): EstablishedSession {
  const { ordinal, seen, certificate } = claims
  const mark = transcript.subarray(0, HANDSHAKE_MARK_BYTES)
  return {
    phase: 'established',
    id: secrets.sessionId as SessionId,
    theirs: { account: certificate.account, device: certificate.device },
    handshake: { by: 'theirs', ordinal, seen, mark },
    class: { oneTime: envelope.oneTime, postQuantum: true },
    // A copy: the envelope is a view of a frame.
    ephemeralKey: envelope.ephemeralKey.slice() as EphemeralKey,
    associatedData: transcript,
    ratchet,
    postQuantum,
  }
}

function oneTimeSecrets({ oneTime }: OurPrekeys): readonly Secret[] {
  return oneTime === undefined ? [] : [oneTime.keyPair.privateKey, oneTime.kem.seed]
}
