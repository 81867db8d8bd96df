// Who begins a session, as the first message carries it: sealed under a key that only the responder
// can make.
//
//   IDP = account 32 | u32 device | identity key 32 | u64 ordinal | u64 seen | u64 bundle sequence
//         | bundle digest 32 | u16 length | certificate
//   IDC = salt 16 | sealed IDP

import type { RandomBytes } from './bytes.ts'
import { concat, equalBytes, u16, u32, u64 } from './bytes.ts'
import { aeadOpen, aeadSeal, deriveSecret, keyedHash } from './crypto.ts'
import type { DeviceCertificate } from './device.ts'
import { verifyDeviceCertificate } from './device.ts'
import { SALT_BYTES } from './envelope.ts'
import { DecodeError, RecordError } from './errors.ts'
import { reader } from './reader.ts'
import type { Secret } from './secret.ts'

/** What the initiator says about itself and about the handshake. */
export interface HandshakeClaims {
  readonly certificate: DeviceCertificate
  /** Which handshake of the initiator this is; rises. */
  readonly ordinal: number
  /**
   * Highest ordinal of a first message of the responder's that the initiator has opened, 0 if none.
   */
  readonly seen: number
  /** The bundle it was made from. */
  readonly bundleSequence: number
  readonly bundleDigest: Uint8Array
}

/** P0: 64 bytes, a secret of the responder's prekeys and the initiator's ephemeral key. */
export type IdentitySecret = Secret<'IdentitySecret'>

/**
 * `KID = G(32, P0, "identity key")`, `salt = G(16, P0, "identity salt"; rnd | IDP)`, `IDC = salt |
 * SEAL(KID, salt, T0, IDP)`. Made once for a handshake and repeated byte for byte. Wipes P0.
 */
export function sealIdentity(
  secret: IdentitySecret,
  transcript: Uint8Array,
  claims: HandshakeClaims,
  random: RandomBytes,
): Uint8Array {
  const plain = encodeClaims(claims)
  const key = identityKey(secret)
  const salt = keyedHash(SALT_BYTES, secret, 'identity salt', random(SALT_BYTES), plain)
  const hidden = concat(salt, aeadSeal(key, salt, transcript, plain))
  key.wipe()
  secret.wipe()
  return hidden
}

/**
 * Opens IDC and checks the certificate in it at `now`. Throws `CryptoError`, `DecodeError` or
 * `RecordError`; nothing about the claimed author was looked up. Wipes P0.
 */
export function openIdentity(
  secret: IdentitySecret,
  transcript: Uint8Array,
  hidden: Uint8Array,
  now: number,
): HandshakeClaims {
  const key = identityKey(secret)
  secret.wipe()
  try {
    const salt = hidden.subarray(0, SALT_BYTES)
    return decodeClaims(aeadOpen(key, salt, transcript, hidden.subarray(SALT_BYTES)), now)
  } finally {
    key.wipe()
  }
}

function identityKey(secret: IdentitySecret): Secret<'IdentityKey'> {
  return deriveSecret('IdentityKey', 32, secret, 'identity key')
}

function encodeClaims(claims: HandshakeClaims): Uint8Array {
  const { certificate } = claims
  return concat(
    certificate.account,
    u32(certificate.device),
    certificate.identityKey,
    u64(claims.ordinal),
    u64(claims.seen),
    u64(claims.bundleSequence),
    claims.bundleDigest,
    u16(certificate.bytes.length),
    certificate.bytes,
  )
}

function decodeClaims(plain: Uint8Array, now: number): HandshakeClaims {
  const input = reader(plain)
  const account = input.take(32)
  const device = input.u32()
  const key = input.take(32)
  const ordinal = input.u64()
  const seen = input.u64()
  const bundleSequence = input.u64()
  const bundleDigest = input.take(32)
  const certificateBytes = input.take(input.u16())
  input.end()
  // An ordinal of 0 would stand for "none" in the answer.
  if (ordinal === 0) throw new DecodeError('ERR_MALFORMED')
  const certificate = verifyDeviceCertificate(certificateBytes, now)
  const isSame =
    equalBytes(certificate.account, account) &&
    certificate.device === device &&
    equalBytes(certificate.identityKey, key)
  if (!isSame) throw new RecordError('ERR_WRONG_ACCOUNT')
  return { certificate, ordinal, seen, bundleSequence, bundleDigest }
}
