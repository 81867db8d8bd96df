// The prekey bundle: all that a stranger needs to begin a session, signed by the account, at most 4 KiB.

import type { Account, AccountKey } from './account.ts'
import type { Brand } from './bytes.ts'
import { concat, equalBytes, toHex, utf8 } from './bytes.ts'
import type { KemPublicKey } from './crypto.ts'
import { hash } from './crypto.ts'
import type { DeviceCertificate } from './device.ts'
import { checkedX25519, verifyDeviceCertificate } from './device.ts'
import { DecodeError, RecordError } from './errors.ts'
import type { BundlePayload, SignedKey } from './generated/bundle_pb.ts'
import { BundlePayloadSchema } from './generated/bundle_pb.ts'
import { domains, KEY_TYPE_ML_KEM_768, KEY_TYPE_X25519, SUITE } from './labels.ts'
import { checkedKemKey } from './prekeys.ts'
import { decodeExact, encodeMessage, toInteger } from './protobuf.ts'
import { checkValidity } from './record-time.ts'
import { checkedKey, openEnvelope, sealEnvelope } from './signed-envelope.ts'

/** Where a mailbox of the owner is. */
export interface BundleMailbox {
  readonly account: AccountKey
  /** Binary multiaddrs without the /p2p part; hints, not trusted. */
  readonly addresses: readonly Uint8Array[]
}

/** What the owner decides about a bundle. */
export interface BundleFields {
  readonly certificate: DeviceCertificate
  readonly signedPrekey: { readonly id: number; readonly key: Brand<Uint8Array, 'SignedPrekey'> }
  readonly lastResortKemPrekey: { readonly id: number; readonly key: KemPublicKey }
  /** Strictly rising. A reader remembers the highest it has seen and never goes back. */
  readonly sequence: number
  /** Unix ms. */
  readonly issuedAt: number
  /** Unix ms. */
  readonly expiresAt: number
  readonly mailboxes: readonly BundleMailbox[]
}

export interface PrekeyBundle extends BundleFields {
  readonly account: AccountKey
  /** The whole signed envelope. */
  readonly bytes: Uint8Array
  /** `bundle_digest`: 32 bytes over `bytes`. */
  readonly digest: Uint8Array
}

/** Only `signBundle` and `verifyBundle` make one. */
export type VerifiedBundle = Brand<PrekeyBundle, 'VerifiedBundle'>

export const MAX_BUNDLE_BYTES = 4096
export const MAX_BUNDLE_MAILBOXES = 8
export const MAX_MAILBOX_ADDRESSES = 8
/** A multiaddr with a long DNS name fits. */
export const MAX_ADDRESS_BYTES = 256
const BUNDLE_VERSION = 1

/** Signs a bundle. Throws `DecodeError` ERR_TOO_LARGE when its mailboxes are too many or too long. */
export function signBundle(account: Account, fields: BundleFields): VerifiedBundle {
  const { certificate, signedPrekey, lastResortKemPrekey, mailboxes } = fields
  const payload = encodeMessage(BundlePayloadSchema, {
    version: BUNDLE_VERSION,
    suite: SUITE,
    account: account.key,
    certificate: certificate.bytes,
    signedPrekey: { ...signedPrekey, type: KEY_TYPE_X25519 },
    lastResortKemPrekey: { ...lastResortKemPrekey, type: KEY_TYPE_ML_KEM_768 },
    sequence: BigInt(fields.sequence),
    issuedAt: BigInt(fields.issuedAt),
    expiresAt: BigInt(fields.expiresAt),
    mailboxes: mailboxes.map((mailbox) => ({
      account: mailbox.account,
      addresses: [...mailbox.addresses],
    })),
  })
  checkMailboxCounts(mailboxes)
  const bytes = sealEnvelope({ account, domain: domains.bundle, payload })
  if (bytes.length > MAX_BUNDLE_BYTES) throw new DecodeError('ERR_TOO_LARGE')
  return {
    ...fields,
    account: account.key,
    bytes,
    digest: hash(32, 'bundle', bytes),
  } satisfies PrekeyBundle as VerifiedBundle
}

/**
 * Every check of docs/protocol.md, "Prekey bundle", except the memory of sequences, which is the caller's. Throws
 * `DecodeError`, or `RecordError`: ERR_BAD_SIGNATURE, ERR_WRONG_ACCOUNT, ERR_WRONG_SUITE, ERR_BAD_KEY,
 * ERR_NOT_YET_VALID, ERR_EXPIRED.
 */
export function verifyBundle(
  bytes: Uint8Array,
  expected: { readonly account?: AccountKey | undefined; readonly now: number },
): VerifiedBundle {
  // A copy of our own: what is kept must not change, nor hold on to a larger buffer.
  const own = bytes.slice(0, MAX_BUNDLE_BYTES + 1)
  const { account, payload } = openEnvelope(own, {
    domain: domains.bundle,
    maxBytes: MAX_BUNDLE_BYTES,
    account: expected.account,
  })
  const message = decodeExact(BundlePayloadSchema, payload, MAX_BUNDLE_BYTES)
  if (message.version !== BUNDLE_VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
  if (message.suite !== SUITE) throw new RecordError('ERR_WRONG_SUITE')
  if (!equalBytes(message.account, account)) throw new RecordError('ERR_WRONG_ACCOUNT')
  const fields = readFields(message, account, expected.now)
  return {
    ...fields,
    account,
    bytes: own,
    digest: hash(32, 'bundle', own),
  } satisfies PrekeyBundle as VerifiedBundle
}

/** The key of an account's bundle in the DHT: `/sotto/` and 32 bytes. */
export function bundleKey(account: AccountKey): Uint8Array {
  return concat(BUNDLE_KEY_PREFIX, hash(32, 'dht key', account))
}

/** First bytes of every key of ours in the DHT. */
export const BUNDLE_KEY_PREFIX: Uint8Array = utf8('/sotto/')

function readFields(message: BundlePayload, account: AccountKey, now: number): BundleFields {
  const issuedAt = toInteger(message.issuedAt)
  const expiresAt = toInteger(message.expiresAt)
  checkValidity({ issuedAt, expiresAt }, now)
  const signed = readKey(message.signedPrekey, KEY_TYPE_X25519)
  const kem = readKey(message.lastResortKemPrekey, KEY_TYPE_ML_KEM_768)
  // Ids are unique among all prekeys of a device.
  if (signed.id === kem.id) throw new DecodeError('ERR_MALFORMED')
  return {
    certificate: verifyDeviceCertificate(message.certificate, now, { account }),
    signedPrekey: { id: signed.id, key: checkedX25519<'SignedPrekey'>(signed.key) },
    lastResortKemPrekey: { id: kem.id, key: checkedKemKey(kem.key) },
    sequence: toInteger(message.sequence),
    issuedAt,
    expiresAt,
    mailboxes: readMailboxes(message),
  }
}

function readKey(key: SignedKey | undefined, type: number): SignedKey {
  if (key?.type !== type || key.id === 0) throw new DecodeError('ERR_MALFORMED')
  return key
}

function readMailboxes(message: BundlePayload): readonly BundleMailbox[] {
  checkMailboxCounts(message.mailboxes)
  const seen = new Set(message.mailboxes.map((mailbox) => toHex(mailbox.account)))
  if (seen.size !== message.mailboxes.length) throw new DecodeError('ERR_MALFORMED')
  return message.mailboxes.map(({ account, addresses }) => ({
    account: checkedKey(account),
    addresses,
  }))
}

function checkMailboxCounts(
  mailboxes: readonly { readonly addresses: readonly Uint8Array[] }[],
): void {
  if (mailboxes.length > MAX_BUNDLE_MAILBOXES) throw new DecodeError('ERR_TOO_LARGE')
  for (const { addresses } of mailboxes) {
    if (addresses.length > MAX_MAILBOX_ADDRESSES) throw new DecodeError('ERR_TOO_LARGE')
    if (addresses.some((address) => address.length > MAX_ADDRESS_BYTES)) {
      throw new DecodeError('ERR_TOO_LARGE')
    }
  }
}
