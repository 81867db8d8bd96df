/** Parsers of `protocol/` that need no keys. */
import { accountKey } from '../../../protocol/account.ts'
import { fromBase32, toBase32 } from '../../../protocol/base32.ts'
import { concat, fromHex, fromUtf8, toHex, utf8 } from '../../../protocol/bytes.ts'
import { decodeContent, encodeContent, messageId } from '../../../protocol/content.ts'
import { hash } from '../../../protocol/crypto.ts'
import { firstPrefix, readEnvelope } from '../../../protocol/envelope.ts'
import { CryptoError, DecodeError, RecordError } from '../../../protocol/errors.ts'
import {
  decodeAnswer,
  decodeOffer,
  encodeAnswer,
  encodeOffer,
} from '../../../protocol/key-parts.ts'
import {
  CONTACT_LINK_PREFIX,
  MAILBOX_LINK_PREFIX,
  decodeContactLink,
  decodeMailboxLink,
  encodeContactLink,
  encodeMailboxLink,
} from '../../../protocol/link.ts'
import { decodeBody, encodeBody } from '../../../protocol/padding.ts'
import { checkedKemKey } from '../../../protocol/prekeys.ts'
import { checkedX25519 } from '../../../protocol/device.ts'
import { checkedKey } from '../../../protocol/signed-envelope.ts'
import { decodeStatement, encodeStatement } from '../../../protocol/statement.ts'
import { contentVectors, linkVectors, paddingVectors } from '../../make-vectors/formats.ts'
import { handshakeVectors } from '../../make-vectors/handshake.ts'
import { sessionVectors } from '../../make-vectors/sessions.ts'
import { ratchetVectors } from '../../make-vectors/stories.ts'
import { fromLatin, textOf, toLatin } from '../examples.ts'
import type { Parser } from '../parser.ts'
import { parser } from '../parser.ts'

/** libsodium must be ready. */
export function formatParsers(): readonly Parser[] {
  return [...texts(), ...keys(), ...messages(), ...links()]
}

const DECODE = [DecodeError] as const

function texts(): readonly Parser[] {
  const words = ['', 'MZXW6YTBOI', 'AAAAAAAA', '00ffAB'].map(utf8)
  return [
    parser({
      ...{ name: 'base32', covers: ['protocol fromBase32'], shape: 'bytes' },
      ...{ examples: words, errors: DECODE, accepted: 'exact' },
      read: (input) => fromBase32(fromLatin(input)),
      write: (bytes) => toLatin(toBase32(bytes)),
    }),
    parser({
      ...{ name: 'hexadecimal digits', covers: ['protocol fromHex'], shape: 'bytes' },
      ...{ examples: words, errors: DECODE },
      read: (input) => fromHex(fromLatin(input)),
      write: (bytes) => toLatin(toHex(bytes)),
    }),
    parser({
      ...{ name: 'UTF-8', covers: ['protocol fromUtf8'], shape: 'bytes' },
      ...{ examples: [...words, utf8('Grüße 👋')], errors: DECODE, accepted: 'exact' },
      read: fromUtf8,
      write: utf8,
    }),
  ]
}

function keys(): readonly Parser[] {
  const { responder, initiator } = handshakeVectors().handshakes[0] ?? fail()
  const same = (bytes: Uint8Array): Uint8Array => bytes
  return [
    parser({
      ...{ name: 'account key', covers: ['protocol accountKey'], shape: 'bytes' },
      examples: [responder.account, initiator.account].map(fromHex),
      ...{ maxBytes: 40, errors: [CryptoError], accepted: 'exact', read: accountKey, write: same },
    }),
    parser({
      name: 'account key of a record',
      ...{ covers: ['protocol checkedKey'], shape: 'bytes', maxBytes: 40 },
      ...{ examples: [fromHex(responder.account)], errors: [RecordError, CryptoError] },
      ...{ accepted: 'exact', read: checkedKey, write: same },
    }),
    parser({
      ...{ name: 'X25519 key of a record', covers: ['protocol checkedX25519'] },
      ...{ shape: 'bytes', maxBytes: 40, examples: [fromHex(responder.identityKey)] },
      ...{ errors: [RecordError], accepted: 'exact', read: checkedX25519, write: same },
    }),
    parser({
      ...{ name: 'ML-KEM key of a record', covers: ['protocol checkedKemKey'] },
      ...{ shape: 'bytes', examples: [fromHex(responder.lastResortKemPrekey.public)] },
      ...{ errors: [RecordError], accepted: 'exact', read: checkedKemKey, write: same },
    }),
  ]
}

function messages(): readonly Parser[] {
  const envelopes = ratchetVectors().transcripts.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.do === 'send' ? [fromHex(step.envelope)] : [])),
  )
  const contents = contentVectors()
  const bodies = paddingVectors().bodies.map(({ padded }) => fromHex(padded))
  const parts = bodies.flatMap((body) => decodeBody(body).items)
  const valuesOf = (kind: number) => parts.filter((one) => one.kind === kind).map((p) => p.value)
  const answers = [
    ...valuesOf(2),
    concat(valuesOf(2)[0]?.slice(0, -64) ?? fail(), new Uint8Array(64)),
  ]
  return [
    parser({
      ...{ name: 'envelope', covers: ['protocol readEnvelope'], shape: 'bytes' },
      ...{ examples: envelopes.slice(0, 12), maxBytes: 8192, errors: DECODE, accepted: 'exact' },
      read: readEnvelope,
      write: (envelope) => {
        const { salt, tag, sealedHeader, body } = envelope
        const prefix = envelope.kind === 'first' ? firstPrefix(envelope) : envelope.prefix
        return concat(prefix, salt, tag, sealedHeader, body)
      },
    }),
    parser({
      ...{ name: 'content', covers: ['protocol decodeContent'], shape: 'protobuf' },
      examples: [...contents.contents, contents.ofALaterVersion].map(({ bytes }) => fromHex(bytes)),
      ...{ errors: DECODE, read: decodeContent, write: encodeContent },
    }),
    parser({
      ...{ name: 'message id', covers: ['protocol messageId'], shape: 'bytes' },
      ...{ examples: [new Uint8Array(16)], maxBytes: 40, errors: DECODE, accepted: 'exact' },
      ...{ read: messageId, write: (id: Uint8Array) => id },
    }),
    parser({
      ...{ name: 'padded body', covers: ['protocol decodeBody'], shape: 'bytes' },
      ...{ examples: bodies, errors: DECODE, read: decodeBody },
      write: ({ content, items }) => encodeBody(content, items),
    }),
    parser({
      ...{ name: 'offer', covers: ['protocol decodeOffer'], shape: 'bytes' },
      ...{ examples: valuesOf(1), errors: DECODE, accepted: 'exact' },
      ...{ read: decodeOffer, write: encodeOffer },
    }),
    parser({
      ...{ name: 'answer', covers: ['protocol decodeAnswer'], shape: 'bytes' },
      ...{ examples: answers, errors: DECODE },
      ...{ read: decodeAnswer, write: encodeAnswer },
    }),
    parser({
      ...{ name: 'statement', covers: ['protocol decodeStatement'], shape: 'bytes' },
      ...{ examples: [fromHex(sessionVectors().statement.value)], errors: DECODE, maxBytes: 80 },
      ...{ accepted: 'exact', read: decodeStatement, write: encodeStatement },
    }),
  ]
}

function links(): readonly Parser[] {
  const { contacts, mailboxes } = linkVectors()
  const contactLinks = contacts.map(({ link }) => utf8(link))
  const mailboxLinks = mailboxes.map(({ link }) => utf8(link))
  return [
    parser({
      ...{ name: 'contact link', covers: ['protocol decodeContactLink'], shape: 'bytes' },
      ...{ examples: contactLinks, maxBytes: 400, errors: DECODE },
      read: (input) => decodeContactLink(textOf(input)),
      write: (link) => utf8(encodeContactLink(link)),
    }),
    parser({
      ...{ name: 'contact link with its checksum', covers: [], shape: 'protobuf' },
      ...{ examples: contactLinks.map((link) => summed(link, CONTACT_LINK_PREFIX)) },
      ...{ maxBytes: 100, errors: DECODE },
      read: (input) => decodeContactLink(linkOf(input, CONTACT_LINK_PREFIX)),
      write: (link) => summed(utf8(encodeContactLink(link)), CONTACT_LINK_PREFIX),
    }),
    parser({
      ...{ name: 'mailbox link', covers: ['protocol decodeMailboxLink'], shape: 'bytes' },
      ...{ examples: mailboxLinks, maxBytes: 400, errors: DECODE },
      read: (input) => decodeMailboxLink(textOf(input)),
      write: (link) => utf8(encodeMailboxLink(link)),
    }),
    parser({
      ...{ name: 'mailbox link with its checksum', covers: [], shape: 'protobuf' },
      ...{ examples: mailboxLinks.map((link) => summed(link, MAILBOX_LINK_PREFIX)) },
      ...{ maxBytes: 200, errors: DECODE },
      read: (input) => decodeMailboxLink(linkOf(input, MAILBOX_LINK_PREFIX)),
      write: (link) => summed(utf8(encodeMailboxLink(link)), MAILBOX_LINK_PREFIX),
    }),
  ]
}

/** What a link's checksum covers. */
function summed(link: Uint8Array, prefix: string): Uint8Array {
  return fromBase32(fromLatin(link).slice(prefix.length)).slice(0, -CHECKSUM_FIELD_BYTES)
}

/** The link of somebody who knows how checksums are made. */
function linkOf(message: Uint8Array, prefix: string): string {
  const checksum = hash(16, 'link', concat(utf8(prefix), message)).slice(0, 4)
  return prefix + toBase32(concat(message, Uint8Array.of(0x7a, 4), checksum))
}

/** Key, length and four bytes. */
const CHECKSUM_FIELD_BYTES = 6

function fail(): never {
  throw new Error('an example is missing')
}
