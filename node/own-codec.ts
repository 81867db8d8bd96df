/**
 * Records of our own private keys: one of the few places where secrets become bytes. The bytes are sealed by `Records` as soon
 * as they are handed over; whoever encodes wipes them then. Public halves are derived again, never trusted from the store.
 */
import { create, toBinary } from '@bufbuild/protobuf'
import { importSecret, KEM_SEED_BYTES, kemKeyPair, x25519KeyPair } from '../protocol/crypto.ts'
import { verifyDeviceCertificate } from '../protocol/device.ts'
import { DecodeError } from '../protocol/errors.ts'
import {
  OwnBundleSchema,
  OwnDeviceSchema,
  OwnOneTimePairSchema,
  OwnPrekeysSchema,
} from '../protocol/generated/own_pb.ts'
import { Secret } from '../protocol/secret.ts'
import type { KeyPair } from '../protocol/crypto.ts'
import type { Operation } from '../net/records.ts'
import type { DeviceCertificate } from '../protocol/device.ts'
import type { KemPrekey, OneTimePair, SignedPrekey } from '../protocol/prekeys.ts'
import { toInteger } from '../protocol/protobuf.ts'
import { keys } from './keys.ts'
import { decodeRecord, RECORD_VERSION } from './stored-record.ts'

/** The device key of this node. Its certificates are kept with the prekeys that were published with them. */
export interface StoredDevice {
  /** 32 bytes. */
  readonly account: Uint8Array
  readonly device: number
  readonly identityKeyPair: KeyPair<'IdentityKey'>
}

/** A signed prekey and a last-resort KEM prekey, made together, and the one certificate that every bundle with them has. */
export interface PrekeyGeneration {
  readonly signed: SignedPrekey
  readonly kem: KemPrekey
  readonly certificate: DeviceCertificate
  readonly createdAt: number
  /** Issue of the last bundle that names them. */
  readonly lastIssuedAt: number
  /** Latest expiry of a bundle that names them: a first message must have reached its custody before. */
  readonly lastExpiresAt: number
}

/** That a bundle was signed: its author may be told this by a first message. */
export interface IssuedBundle {
  readonly sequence: number
  /** 32 bytes. */
  readonly digest: Uint8Array
  readonly signedPrekeyId: number
  readonly issuedAt: number
}

/** A one-time pair whose private halves we hold. The public ones are derived when it is used. */
export interface StoredPair {
  readonly id: number
  /** Account key of the mailbox it is for, 32 bytes. */
  readonly mailbox: Uint8Array
  readonly oneTimePrekey: Secret<'OneTimePrekey'>
  readonly kemSeed: Secret<'KemSeed'>
  readonly signed: Uint8Array
  readonly issuedAt: number
  readonly expiresAt: number
  readonly uploaded: boolean
}

/** Holds a private key: wipe it once it is sealed. */
export function encodeDevice({ account, device, identityKeyPair }: StoredDevice): Uint8Array {
  const identityKey = Secret.reveal(identityKeyPair.privateKey)
  return toBinary(
    OwnDeviceSchema,
    create(OwnDeviceSchema, { version: RECORD_VERSION, account, device, identityKey }),
  )
}

/** Throws `DecodeError`: ERR_UNKNOWN_VERSION where a newer version wrote it, else ERR_MALFORMED. */
export function decodeDevice(bytes: Uint8Array): StoredDevice {
  const { account, device, identityKey } = decodeRecord(OwnDeviceSchema, bytes)
  return { account, device, identityKeyPair: x25519KeyPair(take('IdentityKey', identityKey)) }
}

/** Holds private keys: wipe it once it is sealed. */
export function encodeGeneration(generation: PrekeyGeneration): Uint8Array {
  const { signed, kem, certificate } = generation
  return toBinary(
    OwnPrekeysSchema,
    create(OwnPrekeysSchema, {
      version: RECORD_VERSION,
      signedPrekeyId: signed.id,
      signedPrekey: Secret.reveal(signed.keyPair.privateKey),
      kemPrekeyId: kem.id,
      kemSeed: Secret.reveal(kem.seed),
      certificate: certificate.bytes,
      certificateIssuedAt: BigInt(certificate.issuedAt),
      createdAt: BigInt(generation.createdAt),
      lastIssuedAt: BigInt(generation.lastIssuedAt),
      lastExpiresAt: BigInt(generation.lastExpiresAt),
    }),
  )
}

/** Throws `DecodeError` as `decodeDevice` does, `RecordError` where the certificate is not one. */
export function decodeGeneration(bytes: Uint8Array): PrekeyGeneration {
  const stored = decodeRecord(OwnPrekeysSchema, bytes)
  const seed = take('KemSeed', stored.kemSeed, KEM_SEED_BYTES)
  return {
    signed: {
      id: stored.signedPrekeyId,
      keyPair: x25519KeyPair(take('SignedPrekey', stored.signedPrekey)),
    },
    kem: { id: stored.kemPrekeyId, publicKey: kemKeyPair(seed).publicKey, seed },
    // Our own: read as of its issue, since prekeys may outlive the certificate they were published with.
    certificate: verifyDeviceCertificate(stored.certificate, toInteger(stored.certificateIssuedAt)),
    createdAt: toInteger(stored.createdAt),
    lastIssuedAt: toInteger(stored.lastIssuedAt),
    lastExpiresAt: toInteger(stored.lastExpiresAt),
  }
}

export function encodeIssuedBundle(bundle: IssuedBundle): Uint8Array {
  const { sequence, digest, signedPrekeyId, issuedAt } = bundle
  return toBinary(
    OwnBundleSchema,
    create(OwnBundleSchema, {
      version: RECORD_VERSION,
      sequence: BigInt(sequence),
      digest,
      signedPrekeyId,
      issuedAt: BigInt(issuedAt),
    }),
  )
}

/** The record of a bundle that was signed. */
export function putIssued(issued: IssuedBundle): Operation {
  const value = encodeIssuedBundle(issued)
  return { type: 'put', key: keys.issuedBundle(issued.sequence), value }
}

/** Throws `DecodeError`: ERR_UNKNOWN_VERSION where a newer version wrote it, else ERR_MALFORMED. */
export function decodeIssuedBundle(bytes: Uint8Array): IssuedBundle {
  const { sequence, digest, signedPrekeyId, issuedAt } = decodeRecord(OwnBundleSchema, bytes)
  return { sequence: toInteger(sequence), digest, signedPrekeyId, issuedAt: toInteger(issuedAt) }
}

/** Holds private keys: wipe it once it is sealed. */
export function encodePair(pair: StoredPair): Uint8Array {
  return toBinary(
    OwnOneTimePairSchema,
    create(OwnOneTimePairSchema, {
      version: RECORD_VERSION,
      id: pair.id,
      mailbox: pair.mailbox,
      oneTimePrekey: Secret.reveal(pair.oneTimePrekey),
      kemSeed: Secret.reveal(pair.kemSeed),
      signed: pair.signed,
      issuedAt: BigInt(pair.issuedAt),
      expiresAt: BigInt(pair.expiresAt),
      uploaded: pair.uploaded,
    }),
  )
}

/** Throws `DecodeError`: ERR_UNKNOWN_VERSION where a newer version wrote it, else ERR_MALFORMED. */
export function decodePair(bytes: Uint8Array): StoredPair {
  const stored = decodeRecord(OwnOneTimePairSchema, bytes)
  return {
    id: stored.id,
    mailbox: stored.mailbox,
    oneTimePrekey: take('OneTimePrekey', stored.oneTimePrekey),
    kemSeed: take('KemSeed', stored.kemSeed, KEM_SEED_BYTES),
    signed: stored.signed,
    issuedAt: toInteger(stored.issuedAt),
    expiresAt: toInteger(stored.expiresAt),
    uploaded: stored.uploaded,
  }
}

/** The pair as the handshake uses it. It shares its secrets with `pair`. */
export function usablePair(pair: StoredPair): OneTimePair {
  const { id, oneTimePrekey, kemSeed, signed, expiresAt } = pair
  const kem = { id, publicKey: kemKeyPair(kemSeed).publicKey, seed: kemSeed }
  return { id, keyPair: x25519KeyPair(oneTimePrekey), kem, signed, expiresAt }
}

/** Overwrites encoded records that hold private keys, once `Records` has sealed its own copies. */
export function wipeValues(operations: readonly Operation[]): void {
  for (const operation of operations) if (operation.type === 'put') operation.value.fill(0)
}

/** A copy of its own, so that wiping it does not depend on the record's bytes; those are overwritten. */
function take<Name extends string>(name: Name, bytes: Uint8Array, length = 32): Secret<Name> {
  if (bytes.length !== length) throw new DecodeError('ERR_MALFORMED')
  const secret = importSecret(name, bytes.slice())
  bytes.fill(0)
  return secret
}
