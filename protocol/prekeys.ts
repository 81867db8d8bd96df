// Prekeys: what others need to begin a session while we are away.
//
//   one-time pair, 1307 bytes: account[32] ‖ u32 device ‖ u32 id ‖ u8 1 ‖ u8 0x01 ‖ X25519 key[32]
//                              ‖ u8 0x02 ‖ ML-KEM-768 key[1184] ‖ u64 issue ‖ u64 expiry ‖ mailbox account[32]

import type { Account, AccountKey } from './account.ts'
import { ACCOUNT_KEY_BYTES } from './account.ts'
import type { Brand, RandomBytes } from './bytes.ts'
import { concat, equalBytes, u32, u64, u8 } from './bytes.ts'
import type { KemPublicKey, KeyPair } from './crypto.ts'
import {
  checkKemPublicKey,
  generateSecret,
  KEM_PUBLIC_KEY_BYTES,
  KEM_SEED_BYTES,
  kemKeyPair,
  x25519KeyPair,
} from './crypto.ts'
import { checkedX25519 } from './device.ts'
import { CryptoError, DecodeError, RecordError } from './errors.ts'
import { domains, KEY_TYPE_ML_KEM_768, KEY_TYPE_X25519 } from './labels.ts'
import { reader } from './reader.ts'
import { checkValidity } from './record-time.ts'
import type { Secret } from './secret.ts'
import { checkedKey, openEnvelope, sealEnvelope } from './signed-envelope.ts'

/** SPK of ours. Its id is random, 32 bit, unique among all prekeys of the device. */
export interface SignedPrekey {
  readonly id: number
  readonly keyPair: KeyPair<'SignedPrekey'>
}

/** PQSPK or PQOPK of ours. */
export interface KemPrekey {
  readonly id: number
  readonly publicKey: KemPublicKey
  /** 64 bytes; expanded on use. */
  readonly seed: Secret<'KemSeed'>
}

/** OPK and PQOPK of ours, one id for both, used whole or not at all. */
export interface OneTimePair {
  readonly id: number
  readonly keyPair: KeyPair<'OneTimePrekey'>
  readonly kem: KemPrekey
  /** The public halves in a signed envelope, for the mailbox they are meant for. */
  readonly signed: Uint8Array
  /** Unix ms. */
  readonly expiresAt: number
}

/** The public halves of a one-time pair, as its signer published them. */
export interface OneTimePairFields {
  readonly account: AccountKey
  readonly device: number
  readonly id: number
  readonly oneTimePrekey: Brand<Uint8Array, 'OneTimePrekey'>
  readonly kemPrekey: KemPublicKey
  readonly issuedAt: number
  readonly expiresAt: number
  /** The mailbox that may hand it out. */
  readonly mailbox: AccountKey
}

/** Only `verifyOneTimePair` makes one. */
export type VerifiedOneTimePair = Brand<OneTimePairFields, 'VerifiedOneTimePair'>

/** Tells whether an id is in use by any prekey of the device, or was. */
export type IsTaken = (id: number) => boolean

export const ONE_TIME_PAYLOAD_BYTES = 1307
export const MAX_ONE_TIME_PAIR_BYTES = 1536

/** A new X25519 prekey. Its private half must be stored before a bundle names it. */
export function createSignedPrekey(random: RandomBytes, isTaken: IsTaken = never): SignedPrekey {
  const keyPair = x25519KeyPair(generateSecret('SignedPrekey', 32, random))
  return { id: createId(random, isTaken), keyPair }
}

/** A new last-resort ML-KEM-768 prekey. Its seed must be stored before a bundle names it. */
export function createLastResortKemPrekey(
  random: RandomBytes,
  isTaken: IsTaken = never,
): KemPrekey {
  return createKemPrekey(createId(random, isTaken), random)
}

/** A new one-time pair, signed for one mailbox. The private halves must be stored before it leaves. */
export function createOneTimePair(input: {
  readonly account: Account
  readonly device: number
  readonly mailbox: AccountKey
  readonly issuedAt: number
  readonly expiresAt: number
  readonly random: RandomBytes
  readonly isTaken?: IsTaken | undefined
}): OneTimePair {
  const { account, device, mailbox, issuedAt, expiresAt, random } = input
  const id = createId(random, input.isTaken ?? never)
  const keyPair = x25519KeyPair(generateSecret('OneTimePrekey', 32, random))
  const kem = createKemPrekey(id, random)
  const payload = concat(
    account.key,
    u32(device),
    u32(id),
    u8(ONE_TIME),
    u8(KEY_TYPE_X25519),
    keyPair.publicKey,
    u8(KEY_TYPE_ML_KEM_768),
    kem.publicKey,
    u64(issuedAt),
    u64(expiresAt),
    mailbox,
  )
  const signed = sealEnvelope({ account, domain: domains.oneTime, payload })
  return { id, keyPair, kem, signed, expiresAt }
}

/**
 * Reads the public halves of a pair that counts at `now`. Throws `DecodeError`, or `RecordError`:
 * ERR_BAD_SIGNATURE, ERR_BAD_KEY, ERR_NOT_YET_VALID, ERR_EXPIRED, and ERR_WRONG_ACCOUNT when it was signed by
 * another account or meant for another mailbox.
 */
export function verifyOneTimePair(
  signed: Uint8Array,
  expected: {
    readonly account: AccountKey
    readonly mailbox?: AccountKey | undefined
    readonly now: number
  },
): VerifiedOneTimePair {
  const { account, now } = expected
  const maxBytes = MAX_ONE_TIME_PAIR_BYTES
  const { payload } = openEnvelope(signed.slice(0, maxBytes + 1), {
    domain: domains.oneTime,
    maxBytes,
    account,
  })
  const pair = decodePair(payload, expected)
  checkValidity(pair, now)
  return pair as VerifiedOneTimePair
}

/** A signed ML-KEM-768 key. Throws `RecordError` ERR_BAD_KEY unless it has its length and is reduced. */
export function checkedKemKey(bytes: Uint8Array): KemPublicKey {
  try {
    checkKemPublicKey(bytes)
  } catch (cause) {
    if (cause instanceof CryptoError) throw new RecordError('ERR_BAD_KEY', { cause })
    throw cause
  }
  return bytes as KemPublicKey
}

const ONE_TIME = 1
const never: IsTaken = () => false

function createKemPrekey(id: number, random: RandomBytes): KemPrekey {
  const seed = generateSecret('KemSeed', KEM_SEED_BYTES, random)
  return { id, publicKey: kemKeyPair(seed).publicKey, seed }
}

/** Zero stands for "no one-time key" in an envelope, so no prekey has it. */
function createId(random: RandomBytes, isTaken: IsTaken): number {
  for (;;) {
    const id = reader(random(4)).u32()
    if (id !== 0 && !isTaken(id)) return id
  }
}

function decodePair(
  payload: Uint8Array,
  expected: { readonly account: AccountKey; readonly mailbox?: AccountKey | undefined },
): OneTimePairFields {
  const input = reader(payload)
  const named = input.take(ACCOUNT_KEY_BYTES)
  const device = input.u32()
  const id = input.u32()
  demand(input.u8() === ONE_TIME && id !== 0)
  demand(input.u8() === KEY_TYPE_X25519)
  const oneTimePrekey = checkedX25519<'OneTimePrekey'>(input.take(32))
  demand(input.u8() === KEY_TYPE_ML_KEM_768)
  const kemPrekey = checkedKemKey(input.take(KEM_PUBLIC_KEY_BYTES))
  const issuedAt = input.u64()
  const expiresAt = input.u64()
  const forMailbox = input.take(ACCOUNT_KEY_BYTES)
  input.end()
  const { account, mailbox = checkedKey(forMailbox) } = expected
  if (!equalBytes(named, account) || !equalBytes(forMailbox, mailbox)) {
    throw new RecordError('ERR_WRONG_ACCOUNT')
  }
  return { account, device, id, oneTimePrekey, kemPrekey, issuedAt, expiresAt, mailbox }
}

function demand(condition: boolean): void {
  if (!condition) throw new DecodeError('ERR_MALFORMED')
}
