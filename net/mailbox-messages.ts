/**
 * Frames of /sotto/mailbox/1 (docs/mailbox.md): encoding, decoding, and the limits of both sides. What a frame means is the
 * business of mailbox-client.ts and of the mailbox.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { MAX_INTEGER } from '../protocol/bytes.ts'
import { MAX_BUNDLE_BYTES } from '../protocol/bundle.ts'
import { MAX_SIGNED_NOTE_BYTES } from '../protocol/custody.ts'
import { MAX_ENVELOPE_BYTES } from '../protocol/envelope.ts'
import { DecodeError } from '../protocol/errors.ts'
import { MailboxFrameSchema } from '../protocol/generated/mailbox_pb.ts'
import { MAX_ONE_TIME_PAIR_BYTES } from '../protocol/prekeys.ts'
import { encodePlain } from './plain-fields.ts'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { MailboxFrame } from '../protocol/generated/mailbox_pb.ts'
import type { PlainField } from './plain-fields.ts'

/** Room for a run of items or four of the largest envelopes. Bounds what one frame can make a reader hold. */
export const MAX_MAILBOX_FRAME_BYTES = 512 * 1024

/** The largest envelope. */
export const MAX_DEPOSIT_BYTES = MAX_ENVELOPE_BYTES

/** Together, in one frame: an upload is acknowledged in pieces, so that a lost connection repeats little. */
export const MAX_PAIRS_BYTES = 64 * 1024
export const MAX_PAIRS = 64

export const MAX_PAIR_BYTES = MAX_ONE_TIME_PAIR_BYTES

export const MAX_ITEMS = 256
export const MAX_ACKNOWLEDGED = 1024

/** A delivery token, and its hash. */
export const TOKEN_BYTES = 32
/** Of one member. */
export const MAX_TOKENS = 1024

export const MAX_JOIN_SECRET_BYTES = 32
export const MAX_MARK_BYTES = 64
export const MAX_SIGNED_BYTES = MAX_SIGNED_NOTE_BYTES

export const KEY_BYTES = 32
export const MAILBOX_NONCE_BYTES = 16
export const INSTANCE_ID_BYTES = 16
export const DEPOSIT_ID_BYTES = 16

/** Codes of `Failure`. A stranger never learns more than `unavailable` about an owner. */
export const FAILURE = {
  badRequest: 1,
  unavailable: 2,
  quota: 3,
  loginNeeded: 4,
  joinRefused: 5,
  tryLater: 6,
  tooLarge: 7,
  retiring: 8,
} as const

export type FailureCode = (typeof FAILURE)[keyof typeof FAILURE]

/** One of the things a frame can carry, by name. Never absent. */
export type MailboxBody = Exclude<MailboxFrame['body'], { case: undefined }>

export type MailboxBodyName = MailboxBody['case']

/** The same, as written down by a sender: without the fields that protobuf adds. */
export type MailboxBodyInit = Exclude<
  NonNullable<MessageInitShape<typeof MailboxFrameSchema>['body']>,
  { case?: undefined }
>

/** A decoded frame whose lengths and counts are within the limits. */
export interface MailboxMessage {
  /** A reply carries its request's id; 0 for hello and push. */
  readonly id: number
  readonly body: MailboxBody
}

/** Bytes of a frame. The caller keeps to the limits; the other side refuses what does not. */
export function encodeMailboxFrame(id: number, body: MailboxBodyInit): Uint8Array {
  const field = plainField(body)
  if (field !== undefined) return encodePlain([[1, id], field])
  return toBinary(MailboxFrameSchema, create(MailboxFrameSchema, { id, body }))
}

/** Of the bodies that come by the thousand. */
function plainField({ case: name, value }: MailboxBodyInit): PlainField | undefined {
  if (name === 'custody') return [13, numbered(value.signed ?? NONE)]
  if (name === 'deposit') {
    const { owner = NONE, depositId = NONE, envelope = NONE, token = NONE } = value
    return [12, numbered(owner, depositId, envelope, token)]
  }
  if (name !== 'items') return undefined
  const { items = [], more = false } = value
  const each = items.map(({ id = 0n, envelope = NONE, slot = 0 }): PlainField => {
    return [1, numbered(Number(id), envelope, slot)]
  })
  return [10, [...each, [2, more ? 1 : 0]]]
}

const NONE = new Uint8Array(0)

/** Fields 1, 2, 3 ... */
function numbered(...values: readonly PlainField[1][]): readonly PlainField[] {
  return values.map((value, i) => [i + 1, value])
}

/**
 * Throws `DecodeError` when it is no frame (`ERR_MALFORMED`) or a length or count is outside its limits (`ERR_TOO_LARGE`, or
 * `ERR_MALFORMED` for fixed lengths). Byte fields are views of `bytes`. Fields of later versions are dropped.
 */
export function decodeMailboxFrame(bytes: Uint8Array): MailboxMessage {
  if (bytes.length > MAX_MAILBOX_FRAME_BYTES) throw new DecodeError('ERR_TOO_LARGE')
  const { id, body } = parse(bytes)
  if (body.case === undefined) throw new DecodeError('ERR_MALFORMED')
  check(body)
  return { id, body }
}

function parse(bytes: Uint8Array): MailboxFrame {
  try {
    return fromBinary(MailboxFrameSchema, bytes, { readUnknownFields: false })
  } catch (cause) {
    throw new DecodeError('ERR_MALFORMED', { cause })
  }
}

function check(body: MailboxBody): void {
  switch (body.case) {
    case 'hello':
      return exactly(MAILBOX_NONCE_BYTES, body.value.nonce)
    case 'login':
      exactly(MAILBOX_NONCE_BYTES, body.value.nonce)
      exactly(INSTANCE_ID_BYTES, body.value.instanceId)
      return between(1, MAX_SIGNED_BYTES, body.value.signed)
    case 'join':
      return between(0, MAX_JOIN_SECRET_BYTES, body.value.joinSecret)
    case 'putBundle':
    case 'bundle':
      return between(body.case === 'bundle' ? 0 : 1, MAX_BUNDLE_BYTES, body.value.bundle)
    case 'putPrekeys':
      integers(body.value.voidUntil)
      return checkPairs(body.value.pairs)
    case 'items':
      count(MAX_ITEMS, body.value.items.length)
      for (const { id, envelope } of body.value.items) {
        integers(id)
        between(1, MAX_DEPOSIT_BYTES, envelope)
      }
      return
    case 'acknowledge':
      count(MAX_ACKNOWLEDGED, body.value.ids.length)
      return integers(...body.value.ids)
    case 'deposit':
      exactly(KEY_BYTES, body.value.owner)
      exactly(DEPOSIT_ID_BYTES, body.value.depositId)
      if (body.value.token.length > 0) exactly(TOKEN_BYTES, body.value.token)
      return between(1, MAX_DEPOSIT_BYTES, body.value.envelope)
    case 'custody':
      return between(1, MAX_SIGNED_BYTES, body.value.signed)
    case 'putMark':
      return between(1, MAX_MARK_BYTES, body.value.mark)
    case 'putTokens':
      count(MAX_TOKENS, body.value.tokens.length)
      for (const { slot, hash } of body.value.tokens) {
        if (slot === 0) throw new DecodeError('ERR_MALFORMED')
        exactly(TOKEN_BYTES, hash)
      }
      return
    case 'takePrekey':
      exactly(MAILBOX_NONCE_BYTES, body.value.nonce)
      if (body.value.token.length > 0) exactly(TOKEN_BYTES, body.value.token)
      return exactly(KEY_BYTES, body.value.owner)
    case 'prekey':
      between(1, MAX_BUNDLE_BYTES, body.value.bundle)
      between(0, MAX_PAIR_BYTES, body.value.pair)
      return between(0, MAX_SIGNED_BYTES, body.value.note)
    case 'getBundle':
      return exactly(KEY_BYTES, body.value.owner)
    case 'failure':
    case 'done':
    case 'fetch':
    case 'leave':
    case 'getStatus':
      return
    case 'status':
      between(0, MAX_SIGNED_BYTES, body.value.retirement)
      between(0, MAX_MARK_BYTES, body.value.mark)
      return integers(
        body.value.usedBytes,
        body.value.maxBytes,
        body.value.bundleSequence,
        body.value.time,
      )
  }
}

function checkPairs(pairs: readonly Uint8Array[]): void {
  count(MAX_PAIRS, pairs.length)
  let bytes = 0
  for (const pair of pairs) {
    between(1, MAX_PAIR_BYTES, pair)
    bytes += pair.length
  }
  if (bytes > MAX_PAIRS_BYTES) throw new DecodeError('ERR_TOO_LARGE')
}

function exactly(length: number, bytes: Uint8Array): void {
  if (bytes.length !== length) throw new DecodeError('ERR_MALFORMED')
}

function between(min: number, max: number, bytes: Uint8Array): void {
  if (bytes.length < min) throw new DecodeError('ERR_MALFORMED')
  if (bytes.length > max) throw new DecodeError('ERR_TOO_LARGE')
}

function count(max: number, length: number): void {
  if (length > max) throw new DecodeError('ERR_TOO_LARGE')
}

/** No integer above 2^53 - 1 is ever accepted. */
function integers(...values: readonly bigint[]): void {
  if (values.some((value) => value > BigInt(MAX_INTEGER))) throw new DecodeError('ERR_TOO_LARGE')
}
