// What an owner and a mailbox sign for each other and for senders, but for receipts (receipt.ts). Payloads are protobuf; each has a
// domain of its own.

import type { Account, AccountKey } from './account.ts'
import { ACCOUNT_KEY_BYTES } from './account.ts'
import type { Brand } from './bytes.ts'
import { equalBytes } from './bytes.ts'
import { hash } from './crypto.ts'
import { DecodeError, RecordError } from './errors.ts'
import {
  HandOutPayloadSchema,
  LoginPayloadSchema,
  RetirementPayloadSchema,
} from './generated/mailbox_pb.ts'
import { domains } from './labels.ts'
import { decodeExact, encodeMessage, toInteger } from './protobuf.ts'
import { checkedKey, openEnvelope, sealEnvelope } from './signed-envelope.ts'

/** 32 bytes: names an envelope to owner, mailbox and sender alike. */
export type EnvelopeDigest = Brand<Uint8Array, 'EnvelopeDigest'>

/** Proof of ownership for one mailbox and one stream: both sides gave a nonce. */
export interface Login {
  readonly mailbox: AccountKey
  /** The mailbox's, 16 bytes. */
  readonly mailboxNonce: Uint8Array
  /** The owner's, 16 bytes. */
  readonly ownerNonce: Uint8Array
  /** Random per running node, 16 bytes: shows two running copies of one account. */
  readonly instanceId: Uint8Array
}

/** A mailbox gave a one-time pair to one requester. Two notes for one key are a broken promise. */
export interface HandOut {
  readonly owner: AccountKey
  readonly keyId: number
  /** Unix ms by the mailbox's clock. */
  readonly at: number
  /** The requester's, 16 bytes. */
  readonly nonce: Uint8Array
}

/** A mailbox will end. Told to its members only, and the same to all of them. */
export interface Retirement {
  /** The mailbox that is to take its place, if one is named. */
  readonly successor: AccountKey | undefined
  /** Binary multiaddrs of that mailbox, at most 2 of at most 128 bytes. */
  readonly addresses: readonly Uint8Array[]
  /** Unix ms by the mailbox's clock. */
  readonly at: number
}

/** Limit of each of the three, signed. */
export const MAX_SIGNED_NOTE_BYTES = 512
const MAX_SUCCESSOR_ADDRESSES = 2
const MAX_SUCCESSOR_ADDRESS_BYTES = 128
const DIGEST_BYTES = 32
const NONCE_BYTES = 16

/** What a mailbox keeps of a delivery token or join secret: `G(32, none, "token"; token)`, 32 bytes. */
export function tokenHash(token: Uint8Array): Uint8Array {
  return hash(32, 'token', token)
}

/** `G(32, none, "envelope"; all bytes of the envelope)`. */
export function envelopeDigest(envelope: Uint8Array): EnvelopeDigest {
  return hash(DIGEST_BYTES, 'envelope', envelope) as EnvelopeDigest
}

/** The owner's signature for `/sotto/mailbox/1`. */
export function signLogin(account: Account, login: Login): Uint8Array {
  const payload = encodeMessage(LoginPayloadSchema, login)
  return sealEnvelope({ account, domain: domains.mailboxLogin, payload })
}

/**
 * Who logged in. Throws `DecodeError`, or `RecordError` ERR_BAD_SIGNATURE, ERR_BAD_KEY, and ERR_WRONG_ACCOUNT when
 * the login is for another mailbox, stream, instance, or by another account than expected.
 */
export function verifyLogin(
  signed: Uint8Array,
  expected: Login & { readonly account?: AccountKey | undefined },
): AccountKey {
  const { account, payload } = openNote(signed, domains.mailboxLogin, expected.account)
  const login = decodeExact(LoginPayloadSchema, payload, MAX_SIGNED_NOTE_BYTES)
  const same =
    equalBytes(login.mailbox, expected.mailbox) &&
    equalBytes(login.mailboxNonce, expected.mailboxNonce) &&
    equalBytes(login.ownerNonce, expected.ownerNonce) &&
    equalBytes(login.instanceId, expected.instanceId)
  if (!same) throw new RecordError('ERR_WRONG_ACCOUNT')
  return account
}

/** The mailbox's note that goes with a one-time pair. */
export function signHandOut(mailbox: Account, handOut: HandOut): Uint8Array {
  const payload = encodeMessage(HandOutPayloadSchema, {
    owner: handOut.owner,
    keyId: handOut.keyId,
    at: BigInt(handOut.at),
    nonce: handOut.nonce,
  })
  return sealEnvelope({ account: mailbox, domain: domains.handOut, payload })
}

/**
 * Reads a note. Throws `DecodeError`, or `RecordError` ERR_BAD_SIGNATURE, and ERR_WRONG_ACCOUNT when it is by
 * another mailbox or for another owner, key or requester, as far as those are given.
 */
export function verifyHandOut(
  signed: Uint8Array,
  expected: {
    readonly mailbox: AccountKey
    readonly owner: AccountKey
    readonly keyId?: number | undefined
    readonly nonce?: Uint8Array | undefined
  },
): HandOut {
  const { payload } = openNote(signed, domains.handOut, expected.mailbox)
  const note = decodeExact(HandOutPayloadSchema, payload, MAX_SIGNED_NOTE_BYTES)
  const { owner, keyId = note.keyId, nonce = note.nonce } = expected
  if (note.owner.length !== ACCOUNT_KEY_BYTES || note.nonce.length !== NONCE_BYTES) {
    throw new DecodeError('ERR_MALFORMED')
  }
  const same =
    equalBytes(note.owner, owner) && note.keyId === keyId && equalBytes(note.nonce, nonce)
  if (!same) throw new RecordError('ERR_WRONG_ACCOUNT')
  return { owner, keyId, at: toInteger(note.at), nonce: note.nonce.slice() }
}

/** The mailbox's notice to its members that it will end. Throws `DecodeError` ERR_TOO_LARGE for what no reader takes. */
export function signRetirement(mailbox: Account, retirement: Retirement): Uint8Array {
  const { successor = new Uint8Array(0), addresses, at } = retirement
  checkSuccessor(successor, addresses)
  const payload = encodeMessage(RetirementPayloadSchema, {
    ...{ successor, addresses: [...addresses] },
    at: BigInt(at),
  })
  return sealEnvelope({ account: mailbox, domain: domains.retirement, payload })
}

/** Reads a notice. Throws `DecodeError`, or `RecordError` ERR_BAD_SIGNATURE, ERR_BAD_KEY, and ERR_WRONG_ACCOUNT when it is by another mailbox. */
export function verifyRetirement(signed: Uint8Array, mailbox: AccountKey): Retirement {
  const { payload } = openNote(signed, domains.retirement, mailbox)
  const notice = decodeExact(RetirementPayloadSchema, payload, MAX_SIGNED_NOTE_BYTES)
  const { successor, addresses } = notice
  checkSuccessor(successor, addresses)
  return {
    successor: successor.length === 0 ? undefined : checkedKey(successor),
    addresses: addresses.map((address) => address.slice()),
    at: toInteger(notice.at),
  }
}

function checkSuccessor(successor: Uint8Array, addresses: readonly Uint8Array[]): void {
  const long = addresses.some(({ length }) => length > MAX_SUCCESSOR_ADDRESS_BYTES)
  if (long || addresses.length > MAX_SUCCESSOR_ADDRESSES) throw new DecodeError('ERR_TOO_LARGE')
  const named = successor.length === ACCOUNT_KEY_BYTES
  const nobody = successor.length === 0 && addresses.length === 0
  if ((!named && !nobody) || addresses.some(({ length }) => length === 0)) {
    throw new DecodeError('ERR_MALFORMED')
  }
}

function openNote(
  signed: Uint8Array,
  domain: (typeof domains)[keyof typeof domains],
  account: AccountKey | undefined,
): { readonly account: AccountKey; readonly payload: Uint8Array } {
  return openEnvelope(signed, { domain, maxBytes: MAX_SIGNED_NOTE_BYTES, account })
}
