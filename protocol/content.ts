// What a message says, before padding and encryption (docs/protocol.md, "Content").

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Brand, RandomBytes } from './bytes.ts'
import { ACCOUNT_KEY_BYTES } from './account.ts'
import { toHex, utf8 } from './bytes.ts'
import { DELIVERY_TOKEN_BYTES } from './delivery-token.ts'
import { DecodeError } from './errors.ts'
import type {
  Content as ContentMessage,
  Fetched,
  Missing,
  Profile,
} from './generated/content_pb.ts'
import { ContentSchema } from './generated/content_pb.ts'
import { decodeExtensible, encodeMessage, toInteger } from './protobuf.ts'

/** 16 random bytes: the same message sent again in another session keeps it. Safe to log. */
export type MessageId = Brand<Uint8Array, 'MessageId'>

/** The kinds of content. Nothing in it can be trusted beyond "this contact wrote it". */
export type ContentBody =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'delivery-receipt'; readonly messageIds: readonly MessageId[] }
  | { readonly kind: 'read-receipt'; readonly messageIds: readonly MessageId[] }
  | { readonly kind: 'profile'; readonly name: string; readonly deliveryTokens?: DeliveryTokens }
  | { readonly kind: 'control' }
  | {
      readonly kind: 'missing'
      readonly ranges: readonly CounterRange[]
      /** At most 8, each of another mailbox; absent where there are none. */
      readonly fetched?: readonly FetchedMark[]
    }
  | { readonly kind: 'lost'; readonly ranges: readonly CounterRange[] }

/** What the receiver may show at mailboxes of the sender (docs/protocol.md, "Delivery tokens"). As secret as a text. */
export interface DeliveryTokens {
  /** From 1: one that is not above the highest seen counts for nothing. */
  readonly revision: number
  /** All there are, at most 8, each of another mailbox. */
  readonly tokens: readonly MailboxToken[]
}

export interface MailboxToken {
  /** Account key of the mailbox, 32 bytes, not checked to be one. */
  readonly mailbox: Uint8Array
  /** 32 bytes. */
  readonly token: Uint8Array
}

/** How far a mailbox of the sender has handed over the receiver's messages (docs/protocol.md, "Broken promises"). */
export interface FetchedMark {
  /** Account key of the mailbox, 32 bytes, not checked to be one. */
  readonly mailbox: Uint8Array
  /** The highest counter that came by way of it. */
  readonly counter: number
}

/** Counters of listed messages, `first` to `last`, both among them. */
export interface CounterRange {
  readonly first: number
  readonly last: number
}

export interface Content {
  readonly messageId: MessageId
  /** Position among this sender's listed messages, from 1; 0 for what is not listed. */
  readonly counter: number
  /** Highest counter of the other side that the sender's history held. */
  readonly seen: number
  /** Unix ms by the sender's clock, for display only. */
  readonly sentAt: number
  readonly body: ContentBody
}

export const MESSAGE_ID_BYTES = 16
export const MAX_TEXT_BYTES = 64 * 1024
export const MAX_NAME_BYTES = 256
export const MAX_RECEIPT_IDS = 64
export const MAX_RANGES = 64
/** Of one profile: as many as a bundle names mailboxes. */
export const MAX_PROFILE_TOKENS = 8
/** Mailboxes in one report of missing messages: as many as a bundle names. */
export const MAX_FETCHED = 8
/** The longest text with everything around it, and room for fields of later versions. */
export const MAX_CONTENT_BYTES = MAX_TEXT_BYTES + 1024

/** A fresh id; a pool of random bytes will do. */
export function createMessageId(random: RandomBytes): MessageId {
  return messageId(random(MESSAGE_ID_BYTES))
}

/** Checks the length. Throws `DecodeError` ERR_MALFORMED. */
export function messageId(bytes: Uint8Array): MessageId {
  if (bytes.length !== MESSAGE_ID_BYTES) throw new DecodeError('ERR_MALFORMED')
  return bytes as MessageId
}

/** The bytes of a content. Throws `DecodeError` ERR_TOO_LARGE or ERR_MALFORMED (a lone surrogate) where a reader would. */
export function encodeContent(content: Content): Uint8Array {
  checkLimits(content.body)
  return encodeMessage(ContentSchema, {
    messageId: content.messageId,
    counter: BigInt(content.counter),
    seen: BigInt(content.seen),
    sentAt: BigInt(content.sentAt),
    kind: toKind(content.body),
  })
}

/**
 * Reads a content. Fields that a later version added are ignored. Throws `DecodeError`: ERR_TOO_LARGE,
 * ERR_MALFORMED, ERR_NOT_CANONICAL, and ERR_UNKNOWN_VERSION for a kind that this version does not know.
 */
export function decodeContent(bytes: Uint8Array): Content {
  const message = decodeExtensible(ContentSchema, bytes, MAX_CONTENT_BYTES)
  const body = toBody(message)
  checkLimits(body)
  return {
    messageId: messageId(message.messageId.slice()),
    counter: toInteger(message.counter),
    seen: toInteger(message.seen),
    sentAt: toInteger(message.sentAt),
    body,
  }
}

type Kind = NonNullable<MessageInitShape<typeof ContentSchema>['kind']>

function toKind(body: ContentBody): Kind {
  switch (body.kind) {
    case 'text':
      return { case: 'text', value: { text: body.text } }
    case 'delivery-receipt':
      return { case: 'deliveryReceipt', value: { messageIds: [...body.messageIds] } }
    case 'read-receipt':
      return { case: 'readReceipt', value: { messageIds: [...body.messageIds] } }
    case 'profile':
      return { case: 'profile', value: toProfile(body.name, body.deliveryTokens) }
    case 'control':
      return { case: 'control', value: {} }
    case 'missing': {
      const fetched = (body.fetched ?? []).map(({ mailbox, counter }) => ({
        mailbox,
        counter: BigInt(counter),
      }))
      return { case: 'missing', value: { ranges: body.ranges.map(toStoredRange), fetched } }
    }
    case 'lost':
      return { case: 'lost', value: { ranges: body.ranges.map(toStoredRange) } }
  }
}

function toBody(message: ContentMessage): ContentBody {
  const { kind } = message
  switch (kind.case) {
    case 'text':
      return { kind: 'text', text: kind.value.text }
    case 'deliveryReceipt':
      return { kind: 'delivery-receipt', messageIds: toIds(kind.value.messageIds) }
    case 'readReceipt':
      return { kind: 'read-receipt', messageIds: toIds(kind.value.messageIds) }
    case 'profile':
      return { kind: 'profile', ...readProfile(kind.value) }
    case 'control':
      return { kind: 'control' }
    case 'missing':
      return { kind: 'missing', ...readMissing(kind.value) }
    case 'lost':
      return { kind: 'lost', ranges: kind.value.ranges.map(toRange) }
    case undefined:
      throw new DecodeError(
        message.$unknown === undefined ? 'ERR_MALFORMED' : 'ERR_UNKNOWN_VERSION',
      )
  }
}

function toProfile(
  name: string,
  said: DeliveryTokens | undefined,
): Extract<Kind, { case: 'profile' }>['value'] {
  if (said === undefined) return { name }
  const tokens = said.tokens.map(({ mailbox, token }) => ({ mailbox, token }))
  return { name, deliveryTokens: { revision: BigInt(said.revision), tokens } }
}

function readProfile({ name, deliveryTokens: said }: Profile): {
  readonly name: string
  readonly deliveryTokens?: DeliveryTokens
} {
  if (said === undefined) return { name }
  const tokens = said.tokens.map(({ mailbox, token }) => ({
    mailbox: mailbox.slice(),
    token: token.slice(),
  }))
  return { name, deliveryTokens: { revision: toInteger(said.revision), tokens } }
}

function toStoredRange({ first, last }: CounterRange): { first: bigint; last: bigint } {
  return { first: BigInt(first), last: BigInt(last) }
}

function toRange({ first, last }: { readonly first: bigint; readonly last: bigint }): CounterRange {
  return { first: toInteger(first), last: toInteger(last) }
}

function readMissing({ ranges, fetched }: Missing): {
  readonly ranges: readonly CounterRange[]
  readonly fetched?: readonly FetchedMark[]
} {
  const read = ranges.map(toRange)
  return fetched.length === 0 ? { ranges: read } : { ranges: read, fetched: fetched.map(toMark) }
}

function toMark({ mailbox, counter }: Fetched): FetchedMark {
  return { mailbox: mailbox.slice(), counter: toInteger(counter) }
}

function toIds(ids: readonly Uint8Array[]): readonly MessageId[] {
  return ids.map((id) => messageId(id.slice()))
}

function checkLimits(body: ContentBody): void {
  switch (body.kind) {
    case 'text':
      return checkText(body.text, MAX_TEXT_BYTES)
    case 'profile':
      if (body.deliveryTokens !== undefined) checkTokens(body.deliveryTokens)
      return checkText(body.name, MAX_NAME_BYTES)
    case 'delivery-receipt':
    case 'read-receipt':
      if (body.messageIds.length > MAX_RECEIPT_IDS) throw new DecodeError('ERR_TOO_LARGE')
      if (body.messageIds.length === 0) throw new DecodeError('ERR_MALFORMED')
      return
    case 'missing':
      checkFetched(body.fetched ?? [])
      return checkRanges(body.ranges)
    case 'lost':
      return checkRanges(body.ranges)
    case 'control':
      return
  }
}

function checkRanges(ranges: readonly CounterRange[]): void {
  if (ranges.length > MAX_RANGES) throw new DecodeError('ERR_TOO_LARGE')
  if (ranges.length === 0) throw new DecodeError('ERR_MALFORMED')
  let free = 1
  for (const { first, last } of ranges) {
    if (first < free || last < first) throw new DecodeError('ERR_MALFORMED')
    free = last + 2
  }
}

function checkFetched(fetched: readonly FetchedMark[]): void {
  if (fetched.length > MAX_FETCHED) throw new DecodeError('ERR_TOO_LARGE')
  for (const { mailbox, counter } of fetched) {
    if (mailbox.length !== ACCOUNT_KEY_BYTES || counter < 1) throw new DecodeError('ERR_MALFORMED')
  }
  const mailboxes = new Set(fetched.map(({ mailbox }) => toHex(mailbox)))
  if (mailboxes.size < fetched.length) throw new DecodeError('ERR_MALFORMED')
}

function checkTokens({ revision, tokens }: DeliveryTokens): void {
  if (tokens.length > MAX_PROFILE_TOKENS) throw new DecodeError('ERR_TOO_LARGE')
  if (revision < 1) throw new DecodeError('ERR_MALFORMED')
  const mailboxes = new Set<string>()
  for (const { mailbox, token } of tokens) {
    const sized = mailbox.length === ACCOUNT_KEY_BYTES && token.length === DELIVERY_TOKEN_BYTES
    if (!sized) throw new DecodeError('ERR_MALFORMED')
    mailboxes.add(toHex(mailbox))
  }
  if (mailboxes.size < tokens.length) throw new DecodeError('ERR_MALFORMED')
}

function checkText(text: string, maxBytes: number): void {
  // The length in UTF-16 units is a lower bound, so that most texts are measured without encoding them.
  if (text.length > maxBytes) throw new DecodeError('ERR_TOO_LARGE')
  if (3 * text.length > maxBytes && utf8(text).length > maxBytes) {
    throw new DecodeError('ERR_TOO_LARGE')
  }
  // A lone surrogate has no UTF-8 form: the reader would see another text than was written.
  if (!text.isWellFormed()) throw new DecodeError('ERR_MALFORMED')
}
