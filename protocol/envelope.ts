// The framing of an envelope: which bytes are which. Nothing here opens or decides anything.
//
//   session message   u8 version | u8 1                                                    = prefix
//   first message     u8 version | u8 2 | u32 signed prekey id | u32 KEM prekey id
//                     | u8 one-time | u32 one-time id | ephemeral key 32
//                     | KEM ciphertext 1088 | u16 length | hidden identity                 = prefix
//   both              prefix | salt 16 | tag 8 | sealed header 60 | sealed body

import type { Brand } from './bytes.ts'
import { concat, u16, u32, u8 } from './bytes.ts'
import { hash, KEM_CIPHERTEXT_BYTES } from './crypto.ts'
import { MAX_CERTIFICATE_BYTES } from './device.ts'
import { DecodeError } from './errors.ts'
import { PROTOCOL_VERSION } from './labels.ts'
import type { Reader } from './reader.ts'
import { reader } from './reader.ts'

/**
 * Largest envelope: a text of 64 KiB, its padding and a first message's prefix fit with room for
 * attachments' keys.
 */
export const MAX_ENVELOPE_BYTES = 128 * 1024

/** Smallest body: 256 padded bytes and the AEAD's tag. */
export const MIN_BODY_BYTES = 256 + 16

export const SALT_BYTES = 16
export const TAG_BYTES = 8
export const SEALED_HEADER_BYTES = 60

/** X25519 key made for one handshake (EK), 32 bytes. It is on the wire; safe to log. */
export type EphemeralKey = Brand<Uint8Array, 'EphemeralKey'>

/** What both forms have. All byte strings are views of `bytes`. */
export interface EnvelopeParts {
  /** The whole envelope. */
  readonly bytes: Uint8Array
  /** PRE: everything before the salt. */
  readonly prefix: Uint8Array
  readonly salt: Uint8Array
  readonly tag: Uint8Array
  /** EH: the sealed ratchet header. */
  readonly sealedHeader: Uint8Array
  readonly body: Uint8Array
  /**
   * `G(32, none, "tag body"; PRE | EH | body)`: what the tag covers, and the seen mark of its
   * position.
   */
  readonly digest: Uint8Array
}

/** A message of a session that both sides have. */
export interface SessionEnvelope extends EnvelopeParts {
  readonly kind: 'session'
}

/** What a first message says in clear text. */
export interface HandshakePrefix {
  readonly signedPrekeyId: number
  readonly kemId: number
  /** Whether a one-time pair was used; then its id is `kemId`. */
  readonly oneTime: boolean
  readonly ephemeralKey: EphemeralKey
  readonly kemCiphertext: Uint8Array
  /** IDC: salt and sealed identity of the sender. */
  readonly hiddenIdentity: Uint8Array
}

/** A message that can start a session at its receiver. */
export interface FirstEnvelope extends EnvelopeParts, HandshakePrefix {
  readonly kind: 'first'
}

export type Envelope = SessionEnvelope | FirstEnvelope

/** PRE of every message that is not in first-message form. */
export const SESSION_PREFIX: Uint8Array = concat(u8(PROTOCOL_VERSION), u8(1))

/** PRE of a first message. */
export function firstPrefix(fields: HandshakePrefix): Uint8Array {
  return concat(
    u8(PROTOCOL_VERSION),
    u8(FIRST),
    u32(fields.signedPrekeyId),
    u32(fields.kemId),
    u8(fields.oneTime ? 1 : 0),
    u32(fields.oneTime ? fields.kemId : 0),
    fields.ephemeralKey,
    fields.kemCiphertext,
    u16(fields.hiddenIdentity.length),
    fields.hiddenIdentity,
  )
}

/** `G(32, none, "tag body"; PRE | EH | body)`. */
export function envelopeBodyDigest(
  prefix: Uint8Array,
  ...headerAndBody: readonly Uint8Array[]
): Uint8Array {
  return hash(32, 'tag body', prefix, ...headerAndBody)
}

/**
 * Splits an envelope and hashes it once. Throws `DecodeError`: ERR_TOO_LARGE, ERR_TRUNCATED,
 * ERR_UNKNOWN_VERSION, ERR_MALFORMED (kind, flags or ids that contradict each other). Keeps views
 * of `bytes`: they must not change.
 */
export function readEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length > MAX_ENVELOPE_BYTES) throw new DecodeError('ERR_TOO_LARGE')
  const version = bytes[0]
  const kind = bytes[1]
  if (version !== PROTOCOL_VERSION && version !== undefined) {
    throw new DecodeError('ERR_UNKNOWN_VERSION')
  }
  if (kind === undefined) throw new DecodeError('ERR_TRUNCATED')
  if (kind === SESSION) return { kind: 'session', ...readRest(bytes, SESSION_PREFIX) }

  if (kind !== FIRST) throw new DecodeError('ERR_MALFORMED')
  const input = reader(bytes)
  input.take(SESSION_PREFIX.length)
  const handshake = readHandshake(input)
  const prefix = bytes.subarray(0, bytes.length - input.left)
  return { kind: 'first', ...handshake, ...readRest(bytes, prefix) }
}

const SESSION = 1
const FIRST = 2
/** Salt, AEAD tag and what stands before the certificate. */
const IDENTITY_FIXED_BYTES = 16 + 16 + 126

function readHandshake(input: Reader): HandshakePrefix {
  const signedPrekeyId = input.u32()
  const kemId = input.u32()
  const flag = input.u8()
  const oneTimeId = input.u32()
  // A one-time pair is used whole: its id, never 0, is the id of both halves.
  const isPair = flag === 1 && oneTimeId === kemId && oneTimeId !== 0
  if (!isPair && (flag !== 0 || oneTimeId !== 0)) throw new DecodeError('ERR_MALFORMED')
  const ephemeralKey = input.take(32) as EphemeralKey
  const kemCiphertext = input.take(KEM_CIPHERTEXT_BYTES)
  const length = input.u16()
  if (length <= IDENTITY_FIXED_BYTES) throw new DecodeError('ERR_MALFORMED')
  if (length > IDENTITY_FIXED_BYTES + MAX_CERTIFICATE_BYTES) throw new DecodeError('ERR_TOO_LARGE')
  const hiddenIdentity = input.take(length)
  return { signedPrekeyId, kemId, oneTime: flag === 1, ephemeralKey, kemCiphertext, hiddenIdentity }
}

/** What follows the prefix, split without a reader: this is done for every message. */
function readRest(bytes: Uint8Array, prefix: Uint8Array): EnvelopeParts {
  const saltAt = prefix.length
  const tagAt = saltAt + SALT_BYTES
  const headerAt = tagAt + TAG_BYTES
  const bodyAt = headerAt + SEALED_HEADER_BYTES
  if (bytes.length < bodyAt + MIN_BODY_BYTES) throw new DecodeError('ERR_TRUNCATED')
  const salt = bytes.subarray(saltAt, tagAt)
  const tag = bytes.subarray(tagAt, headerAt)
  const sealedHeader = bytes.subarray(headerAt, bodyAt)
  const body = bytes.subarray(bodyAt)
  const digest = envelopeBodyDigest(prefix, sealedHeader, body)
  return { bytes, prefix, salt, tag, sealedHeader, body, digest }
}
