// A device: an X25519 identity key with a certificate signed by its account.
//
//   payload, 93 bytes: account[32] ‖ u32 device ‖ u8 0x01 ‖ X25519 key[32] ‖ u64 sequence ‖ u64 issue ‖ u64 expiry

import type { Account, AccountKey } from './account.ts'
import { ACCOUNT_KEY_BYTES } from './account.ts'
import type { Brand } from './bytes.ts'
import { concat, equalBytes, u32, u64, u8 } from './bytes.ts'
import type { KeyPair } from './crypto.ts'
import { checkX25519PublicKey } from './crypto.ts'
import { CryptoError, DecodeError, RecordError } from './errors.ts'
import { domains, KEY_TYPE_X25519 } from './labels.ts'
import { reader } from './reader.ts'
import { checkValidity } from './record-time.ts'
import { openEnvelope, sealEnvelope } from './signed-envelope.ts'

/** IK: 32 bytes, canonical, not of low order. Safe to log. */
export type IdentityKey = Brand<Uint8Array, 'IdentityKey'>

/** What a certificate says about a device. */
export interface DeviceFields {
  /** Unsigned 32 bit. */
  readonly device: number
  readonly identityKey: IdentityKey
  /** Rises with every certificate of the device: a lower one than known is refused by whoever remembers it. */
  readonly sequence: number
  /** Unix ms. */
  readonly issuedAt: number
  /** Unix ms. */
  readonly expiresAt: number
}

/** A certificate whose signature held when it was read. */
export interface DeviceCertificate extends DeviceFields {
  readonly account: AccountKey
  /** The whole signed envelope: `cert_X` of the transcripts, never re-encoded. */
  readonly bytes: Uint8Array
}

/** A device that we hold. */
export interface Device {
  readonly account: AccountKey
  readonly certificate: DeviceCertificate
  readonly identityKeyPair: KeyPair<'IdentityKey'>
}

export const CERTIFICATE_PAYLOAD_BYTES = 93
/** The envelope around the payload is 128 bytes; the rest is room for a longer payload of a later version. */
export const MAX_CERTIFICATE_BYTES = 256

/** Signs a certificate. */
export function certifyDevice(account: Account, fields: DeviceFields): DeviceCertificate {
  const { device, identityKey, sequence, issuedAt, expiresAt } = fields
  const payload = concat(
    account.key,
    u32(device),
    u8(KEY_TYPE_X25519),
    identityKey,
    u64(sequence),
    u64(issuedAt),
    u64(expiresAt),
  )
  const bytes = sealEnvelope({ account, domain: domains.device, payload })
  const { key } = account
  return { account: key, device, identityKey, sequence, issuedAt, expiresAt, bytes }
}

/**
 * Reads a certificate that counts at `now` (Unix ms). Throws `DecodeError`, or `RecordError`: ERR_BAD_SIGNATURE,
 * ERR_BAD_KEY, ERR_WRONG_ACCOUNT, ERR_NOT_YET_VALID, ERR_EXPIRED. The sequence is for the caller to compare.
 */
export function verifyDeviceCertificate(
  bytes: Uint8Array,
  now: number,
  expected: { readonly account?: AccountKey | undefined } = {},
): DeviceCertificate {
  const own = bytes.slice(0, MAX_CERTIFICATE_BYTES + 1)
  const { account, payload } = openEnvelope(own, {
    domain: domains.device,
    maxBytes: MAX_CERTIFICATE_BYTES,
    account: expected.account,
  })
  const input = reader(payload)
  const named = input.take(ACCOUNT_KEY_BYTES)
  const device = input.u32()
  if (input.u8() !== KEY_TYPE_X25519) throw new DecodeError('ERR_MALFORMED')
  const identityKey = checkedX25519<'IdentityKey'>(input.take(32))
  const sequence = input.u64()
  const issuedAt = input.u64()
  const expiresAt = input.u64()
  input.end()
  if (!equalBytes(named, account)) throw new RecordError('ERR_WRONG_ACCOUNT')
  checkValidity({ issuedAt, expiresAt }, now)
  return { account, device, identityKey, sequence, issuedAt, expiresAt, bytes: own }
}

/** A signed X25519 key. Throws `RecordError` ERR_BAD_KEY unless it is canonical and not of low order. */
export function checkedX25519<Name extends string>(bytes: Uint8Array): Brand<Uint8Array, Name> {
  try {
    checkX25519PublicKey(bytes)
  } catch (cause) {
    if (cause instanceof CryptoError) throw new RecordError('ERR_BAD_KEY', { cause })
    throw cause
  }
  return bytes as Brand<Uint8Array, Name>
}
