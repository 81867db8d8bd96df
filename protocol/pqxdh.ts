// PQXDH (PQXDH rev 3) with the initiator's identity hidden: transcripts and secrets of a handshake,
// for both roles. What differs from the specification, and why: docs/protocol.md, "Differences".

import type { RandomBytes } from './bytes.ts'
import { lp, u32, u64, u8, utf8 } from './bytes.ts'
import type { VerifiedBundle } from './bundle.ts'
import {
  deriveSecret,
  dh,
  generateSecret,
  hash,
  kemDecapsulate,
  kemEncapsulate,
  keyedHash,
  x25519KeyPair,
} from './crypto.ts'
import type { Device, DeviceCertificate } from './device.ts'
import type { EphemeralKey, FirstEnvelope } from './envelope.ts'
import { firstPrefix } from './envelope.ts'
import type { EpochSecret } from './epoch.ts'
import type { HandshakeClaims, IdentitySecret } from './hidden-identity.ts'
import { openIdentity, sealIdentity } from './hidden-identity.ts'
import { SUITE } from './labels.ts'
import type { KemPrekey, OneTimePair, SignedPrekey, VerifiedOneTimePair } from './prekeys.ts'
import type { RatchetSecrets } from './ratchet.ts'
import type { Secret } from './secret.ts'
import { wipeAll } from './secret.ts'

/**
 * The responder's private prekeys that an envelope names. With `oneTime`, its KEM key is used
 * instead of `kem`.
 */
export interface OurPrekeys {
  readonly signed: SignedPrekey
  readonly kem: KemPrekey
  readonly oneTime?: OneTimePair | undefined
}

/** All that follows from a handshake, the same at both sides. */
export interface HandshakeSecrets extends RatchetSecrets {
  /** E_0. */
  readonly epochSecret: EpochSecret
  /** SID: 32 bytes, the local name of the session; never on the wire. */
  readonly sessionId: Uint8Array
}

/** The initiator's side of a handshake. */
export interface Initiated {
  readonly secrets: HandshakeSecrets
  /** T: 64 bytes, the session's associated data. Safe to log. */
  readonly transcript: Uint8Array
  /** PRE of every first message of this handshake. */
  readonly prefix: Uint8Array
  readonly ephemeralKey: EphemeralKey
}

/** The responder's side of a handshake, before any message of it has opened. */
export interface Responded {
  readonly secrets: HandshakeSecrets
  readonly transcript: Uint8Array
  readonly claims: HandshakeClaims
}

/** The public keys of the responder that go into a handshake. */
export interface ResponderKeys {
  readonly certificate: DeviceCertificate
  readonly signedPrekey: { readonly id: number; readonly key: Uint8Array }
  readonly kemPrekey: { readonly id: number; readonly key: Uint8Array }
  readonly oneTimePrekey: { readonly id: number; readonly key: Uint8Array } | undefined
}

/** What the initiator decides. */
export interface InitiateInput {
  readonly ours: Device
  readonly theirs: VerifiedBundle
  readonly oneTime: VerifiedOneTimePair | undefined
  readonly ordinal: number
  readonly seen: number
  /** Must be the platform's. */
  readonly random: RandomBytes
}

/**
 * PQXDH at the initiator (PQXDH §3.3). The private ephemeral key and every intermediate secret die
 * here.
 */
export function pqxdhInitiate({
  ours,
  theirs,
  oneTime,
  random,
  ...numbers
}: InitiateInput): Initiated {
  const keys = responderKeys(theirs, oneTime)
  const ephemeral = x25519KeyPair(generateSecret('EphemeralKey', 32, random))
  const kem = kemEncapsulate(keys.kemPrekey.key, random)
  const onWire = { ephemeralKey: ephemeral.publicKey, kemCiphertext: kem.ciphertext }
  const before = transcriptBefore(keys, onWire)

  const { privateKey } = ephemeral
  const [dh1, dh2, dh3] = [
    dh(ours.identityKeyPair.privateKey, keys.signedPrekey.key), // DH(IK_A, SPK_B)
    dh(privateKey, keys.certificate.identityKey), // DH(EK_A, IK_B)
    dh(privateKey, keys.signedPrekey.key), // DH(EK_A, SPK_B)
  ]
  // DH(EK_A, OPK_B)
  const dh4 = keys.oneTimePrekey === undefined ? [] : [dh(privateKey, keys.oneTimePrekey.key)]
  const claims: HandshakeClaims = {
    certificate: ours.certificate,
    ...numbers,
    bundleSequence: theirs.sequence,
    bundleDigest: theirs.digest,
  }
  const hidden = [dh3, ...dh4, kem.secret]
  const hiddenIdentity = sealIdentity(identitySecret(before, hidden), before, claims, random)
  const transcript = transcriptFull(before, claims, hiddenIdentity)
  const secrets = handshakeSecrets(transcript, [dh1, dh2, ...hidden])
  wipeAll([privateKey, dh1, dh2, ...hidden])

  const prefix = firstPrefix({
    signedPrekeyId: keys.signedPrekey.id,
    kemId: keys.kemPrekey.id,
    oneTime: keys.oneTimePrekey !== undefined,
    ...onWire,
    hiddenIdentity,
  })
  return { secrets, transcript, prefix, ephemeralKey: ephemeral.publicKey }
}

/** What the responder answers with. */
export interface RespondInput {
  readonly ours: Device
  readonly prekeys: OurPrekeys
  readonly envelope: FirstEnvelope
  /** Unix ms, for the initiator's certificate. */
  readonly now: number
}

/**
 * PQXDH at the responder (PQXDH §3.4): the caller has matched the ids. Throws `CryptoError`,
 * `DecodeError` or `RecordError`; then nothing is left of it. The prekeys stay their owner's.
 */
export function pqxdhRespond({ ours, prekeys, envelope, now }: RespondInput): Responded {
  const { signed, oneTime } = prekeys
  const kem = oneTime?.kem ?? prekeys.kem
  const before = transcriptBefore(ourKeys(ours, prekeys), envelope)
  const made: Secret[] = []
  const keep = <Name extends string>(secret: Secret<Name>): Secret<Name> => {
    made.push(secret)
    return secret
  }
  try {
    const dh3 = keep(dh(signed.keyPair.privateKey, envelope.ephemeralKey))
    const dh4 = oneTime ? [keep(dh(oneTime.keyPair.privateKey, envelope.ephemeralKey))] : []
    const hidden = [dh3, ...dh4, keep(kemDecapsulate(kem.seed, envelope.kemCiphertext))]
    const claims = openIdentity(
      identitySecret(before, hidden),
      before,
      envelope.hiddenIdentity,
      now,
    )

    const dh1 = keep(dh(signed.keyPair.privateKey, claims.certificate.identityKey))
    const dh2 = keep(dh(ours.identityKeyPair.privateKey, envelope.ephemeralKey))
    const transcript = transcriptFull(before, claims, envelope.hiddenIdentity)
    return { secrets: handshakeSecrets(transcript, [dh1, dh2, ...hidden]), transcript, claims }
  } finally {
    wipeAll(made)
  }
}

/**
 * `P = G(64, T, "pqxdh"; F | DH1 | DH2 | DH3 | [DH4] | SS)` and the five secrets of it. Wipes only
 * P.
 */
export function handshakeSecrets(
  transcript: Uint8Array,
  agreed: readonly Secret[],
): HandshakeSecrets {
  const secret = deriveSecret('HandshakeSecret', 64, transcript, 'pqxdh', F, ...agreed)
  const secrets: HandshakeSecrets = {
    sessionSecret: deriveSecret('RootKey', 32, secret, 'root'),
    headerKeyA: deriveSecret('NextHeaderKey', 32, secret, 'header a'),
    headerKeyB: deriveSecret('NextHeaderKey', 32, secret, 'header b'),
    epochSecret: deriveSecret('EpochSecret', 32, secret, 'epoch 0'),
    sessionId: keyedHash(32, secret, 'session id'),
  }
  secret.wipe()
  return secrets
}

/** `P0 = G(64, T0, "pqxdh identity"; F | DH3 | [DH4] | SS)`. */
function identitySecret(before: Uint8Array, agreed: readonly Secret[]): IdentitySecret {
  return deriveSecret('IdentitySecret', 64, before, 'pqxdh identity', F, ...agreed)
}

/** T0: everything that is known before the initiator is. */
function transcriptBefore(
  keys: ResponderKeys,
  onWire: { readonly ephemeralKey: Uint8Array; readonly kemCiphertext: Uint8Array },
): Uint8Array {
  const { certificate, signedPrekey, kemPrekey, oneTimePrekey } = keys
  const flag = u8(oneTimePrekey === undefined ? 0 : 1)
  const list = lp(
    utf8(SUITE),
    certificate.account,
    u32(certificate.device),
    certificate.identityKey,
    certificate.bytes,
    u32(signedPrekey.id),
    signedPrekey.key,
    flag, // kind of the KEM prekey: 0 last resort, 1 one-time
    u32(kemPrekey.id),
    kemPrekey.key,
    flag, // whether there is a one-time prekey
    oneTimePrekey && u32(oneTimePrekey.id),
    oneTimePrekey?.key,
    onWire.ephemeralKey,
    onWire.kemCiphertext,
  )
  return hash(64, 'pqxdh pre', list)
}

/** T: T0 and everything about the initiator. */
function transcriptFull(
  before: Uint8Array,
  claims: HandshakeClaims,
  hiddenIdentity: Uint8Array,
): Uint8Array {
  const { certificate } = claims
  const list = lp(
    before,
    certificate.account,
    u32(certificate.device),
    certificate.identityKey,
    certificate.bytes,
    u64(claims.ordinal),
    u64(claims.seen),
    u64(claims.bundleSequence),
    claims.bundleDigest,
    hiddenIdentity,
  )
  return hash(64, 'pqxdh full', list)
}

function responderKeys(
  theirs: VerifiedBundle,
  oneTime: VerifiedOneTimePair | undefined,
): ResponderKeys {
  const { certificate, signedPrekey } = theirs
  if (oneTime === undefined) {
    const kemPrekey = theirs.lastResortKemPrekey
    return { certificate, signedPrekey, kemPrekey, oneTimePrekey: undefined }
  }
  const { id, kemPrekey, oneTimePrekey } = oneTime
  return {
    certificate,
    signedPrekey,
    kemPrekey: { id, key: kemPrekey },
    oneTimePrekey: { id, key: oneTimePrekey },
  }
}

function ourKeys(ours: Device, { signed, kem, oneTime }: OurPrekeys): ResponderKeys {
  const kemPrekey = oneTime?.kem ?? kem
  return {
    certificate: ours.certificate,
    signedPrekey: { id: signed.id, key: signed.keyPair.publicKey },
    kemPrekey: { id: kemPrekey.id, key: kemPrekey.publicKey },
    oneTimePrekey: oneTime && { id: oneTime.id, key: oneTime.keyPair.publicKey },
  }
}

/**
 * 32 bytes 0xFF: no encoding of an X25519 key, so this input is never one of another use of the
 * curve (PQXDH §2.2).
 */
const F = new Uint8Array(32).fill(0xff)
