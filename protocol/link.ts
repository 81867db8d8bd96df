// Links that people share: SOTTO:C/1/ for an account, SOTTO:M/1/ for a mailbox, then base32 (RFC 4648, no padding) of a
// protobuf message with a checksum. Upper case fits the compact mode of QR codes; any case is read.
// Nothing in a link is trusted beyond the account key.

import type { AccountKey } from './account.ts'
import { accountKey } from './account.ts'
import { concat, equalBytes, utf8 } from './bytes.ts'
import { hash } from './crypto.ts'
import { fromBase32, toBase32 } from './base32.ts'
import { CryptoError, DecodeError } from './errors.ts'
import { ContactLinkSchema, MailboxLinkSchema } from './generated/link_pb.ts'
import { decodeExact, encodeMessage } from './protobuf.ts'

/** A mailbox of the account, with one address. */
export interface LinkMailbox {
  readonly account: AccountKey
  /** Binary multiaddr without the /p2p part. */
  readonly address: Uint8Array
}

/** The way to a person. */
export interface ContactLink {
  readonly account: AccountKey
  readonly mailboxes: readonly LinkMailbox[]
  /** Binary multiaddrs of the account's own node without the /p2p part. */
  readonly addresses: readonly Uint8Array[]
}

/** The way to a mailbox. */
export interface MailboxLink {
  readonly account: AccountKey
  readonly addresses: readonly Uint8Array[]
  /** What the mailbox asks for from who wants to enrol; never shown in logs. */
  readonly joinSecret?: Uint8Array | undefined
}

export const CONTACT_LINK_PREFIX = 'SOTTO:C/1/'
export const MAILBOX_LINK_PREFIX = 'SOTTO:M/1/'
export const MAX_CONTACT_LINK_CHARACTERS = 176
export const MAX_MAILBOX_LINK_CHARACTERS = 320
const MAX_LINK_MAILBOXES = 2
const MAX_LINK_ADDRESSES = 2
const MAX_JOIN_SECRET_BYTES = 32
const CHECKSUM_BYTES = 4
const NOTHING = new Uint8Array(0)

/**
 * The link of an account, at most 176 characters. What does not fit is left out: first come a mailbox and an own address,
 * then the second ones. The addresses are hints, the account key is the link.
 */
export function encodeContactLink(link: ContactLink): string {
  const { account } = link
  let kept: ContactLink = { account, mailboxes: [], addresses: [] }
  for (let i = 0; i < MAX_LINK_MAILBOXES; i += 1) {
    const mailboxes = [...kept.mailboxes, ...link.mailboxes.slice(i, i + 1)]
    kept = ifShort({ ...kept, mailboxes }) ?? kept
    const addresses = [...kept.addresses, ...link.addresses.slice(i, i + 1)]
    kept = ifShort({ ...kept, addresses }) ?? kept
  }
  return contactText(kept)
}

/**
 * Reads a contact link. Throws `DecodeError`: ERR_TOO_LARGE, ERR_UNKNOWN_VERSION (a link of another version), ERR_MALFORMED,
 * ERR_NOT_CANONICAL, ERR_CHECKSUM (mistyped), and ERR_MALFORMED for an account key that is none.
 */
export function decodeContactLink(text: string): ContactLink {
  const bytes = fromLinkText(text, CONTACT_LINK_PREFIX, MAX_CONTACT_LINK_CHARACTERS)
  const fields = decodeExact(ContactLinkSchema, bytes, MAX_CONTACT_LINK_CHARACTERS)
  const summed = encodeMessage(ContactLinkSchema, { ...fields, checksum: NOTHING })
  if (!equalBytes(checksum(CONTACT_LINK_PREFIX, summed), fields.checksum)) {
    throw new DecodeError('ERR_CHECKSUM')
  }
  atMost(MAX_LINK_MAILBOXES, fields.mailboxes)
  atMost(MAX_LINK_ADDRESSES, fields.addresses)
  return {
    account: linkKey(fields.account),
    mailboxes: fields.mailboxes.map(({ account, address }) => ({
      account: linkKey(account),
      address,
    })),
    addresses: fields.addresses,
  }
}

/** The link of a mailbox. Throws `DecodeError` ERR_TOO_LARGE when it has more than two addresses or would be too long. */
export function encodeMailboxLink(link: MailboxLink): string {
  const { account, joinSecret = NOTHING } = link
  atMost(MAX_LINK_ADDRESSES, link.addresses)
  if (joinSecret.length > MAX_JOIN_SECRET_BYTES) throw new DecodeError('ERR_TOO_LARGE')
  const fields = { account, addresses: [...link.addresses], joinSecret }
  const sum = checksum(MAILBOX_LINK_PREFIX, encodeMessage(MailboxLinkSchema, fields))
  const bytes = encodeMessage(MailboxLinkSchema, { ...fields, checksum: sum })
  const text = MAILBOX_LINK_PREFIX + toBase32(bytes)
  if (text.length > MAX_MAILBOX_LINK_CHARACTERS) throw new DecodeError('ERR_TOO_LARGE')
  return text
}

/** Reads a mailbox link. Throws `DecodeError` like `decodeContactLink`. */
export function decodeMailboxLink(text: string): MailboxLink {
  const bytes = fromLinkText(text, MAILBOX_LINK_PREFIX, MAX_MAILBOX_LINK_CHARACTERS)
  const fields = decodeExact(MailboxLinkSchema, bytes, MAX_MAILBOX_LINK_CHARACTERS)
  const summed = encodeMessage(MailboxLinkSchema, { ...fields, checksum: NOTHING })
  if (!equalBytes(checksum(MAILBOX_LINK_PREFIX, summed), fields.checksum)) {
    throw new DecodeError('ERR_CHECKSUM')
  }
  atMost(MAX_LINK_ADDRESSES, fields.addresses)
  const { joinSecret, addresses } = fields
  if (joinSecret.length > MAX_JOIN_SECRET_BYTES) throw new DecodeError('ERR_TOO_LARGE')
  const account = linkKey(fields.account)
  return joinSecret.length === 0 ? { account, addresses } : { account, addresses, joinSecret }
}

function contactText(link: ContactLink): string {
  const fields = { ...link, mailboxes: [...link.mailboxes], addresses: [...link.addresses] }
  const sum = checksum(CONTACT_LINK_PREFIX, encodeMessage(ContactLinkSchema, fields))
  return (
    CONTACT_LINK_PREFIX + toBase32(encodeMessage(ContactLinkSchema, { ...fields, checksum: sum }))
  )
}

function ifShort(link: ContactLink): ContactLink | undefined {
  return contactText(link).length <= MAX_CONTACT_LINK_CHARACTERS ? link : undefined
}

/** The prefix is under the checksum too, so that one kind of link is not read as the other. */
function checksum(prefix: string, message: Uint8Array): Uint8Array {
  return hash(16, 'link', concat(utf8(prefix), message)).slice(0, CHECKSUM_BYTES)
}

function fromLinkText(text: string, prefix: string, maxCharacters: number): Uint8Array {
  if (text.length > maxCharacters) throw new DecodeError('ERR_TOO_LARGE')
  const upper = text.toUpperCase()
  if (upper.startsWith(prefix)) return fromBase32(upper.slice(prefix.length))
  // The same kind of link, of a version that we do not know.
  const kind = prefix.slice(0, -'1/'.length)
  throw new DecodeError(upper.startsWith(kind) ? 'ERR_UNKNOWN_VERSION' : 'ERR_MALFORMED')
}

function linkKey(bytes: Uint8Array): AccountKey {
  try {
    return accountKey(bytes)
  } catch (cause) {
    if (cause instanceof CryptoError) throw new DecodeError('ERR_MALFORMED', { cause })
    throw cause
  }
}

function atMost(count: number, items: readonly unknown[]): void {
  if (items.length > count) throw new DecodeError('ERR_TOO_LARGE')
}
