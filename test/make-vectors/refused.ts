/** What every implementation has to refuse: one thing wrong with each, and all around it right. */
import type { MessageInitShape } from '@bufbuild/protobuf'
import { accountKey } from '../../protocol/account.ts'
import { fromBase32, toBase32 } from '../../protocol/base32.ts'
import { verifyBundle } from '../../protocol/bundle.ts'
import { concat, fromHex, toHex, u16, u32, u64, u8, utf8 } from '../../protocol/bytes.ts'
import { decodeContent } from '../../protocol/content.ts'
import { hash } from '../../protocol/crypto.ts'
import { verifyDeviceCertificate } from '../../protocol/device.ts'
import { readEnvelope } from '../../protocol/envelope.ts'
import { BundlePayloadSchema } from '../../protocol/generated/bundle_pb.ts'
import type { Domain } from '../../protocol/labels.ts'
import { SUITE, domains } from '../../protocol/labels.ts'
import { decodeContactLink, encodeContactLink } from '../../protocol/link.ts'
import { verifyOneTimePair } from '../../protocol/prekeys.ts'
import { encodeMessage } from '../../protocol/protobuf.ts'
import { sealEnvelope } from '../../protocol/signed-envelope.ts'
import { decodeStatement } from '../../protocol/statement.ts'
import { DAY, NOW, account, mailboxName, person } from './people.ts'
import { there } from './values.ts'

/** Names of what is read, as they stand in the file. */
export type ReadThing =
  | 'account key'
  | 'device certificate'
  | 'one-time pair'
  | 'bundle'
  | 'envelope'
  | 'content'
  | 'statement'
  | 'contact link'

interface Case {
  readonly reads: ReadThing
  readonly what: string
  /** A link is its ASCII text. */
  readonly bytes: Uint8Array
}

/** The file `refused.json`. A new case goes to the end of its kind. */
export function refusedVectors() {
  const owner = person('responder').account.key
  const all = [
    ...[...accountKeys(), ...certificates(), ...pairs(), ...bundles()],
    ...[...envelopes(), ...contents(), ...statements(), ...links()],
  ]
  return {
    ...{ now: NOW, account: toHex(owner), mailbox: toHex(account(mailboxName).key) },
    cases: all.map(({ reads, what, bytes }) => {
      return { reads, what, bytes: toHex(bytes), code: codeOf(() => READERS[reads](bytes)) }
    }),
  }
}

const READERS: Readonly<Record<ReadThing, (bytes: Uint8Array) => unknown>> = {
  'account key': accountKey,
  'device certificate': (bytes) => verifyDeviceCertificate(bytes, NOW),
  'one-time pair': (bytes) => verifyOneTimePair(bytes, expected()),
  bundle: (bytes) => verifyBundle(bytes, expected()),
  envelope: readEnvelope,
  content: decodeContent,
  statement: decodeStatement,
  'contact link': (bytes) => decodeContactLink(String.fromCharCode(...bytes)),
}

function expected() {
  return { account: person('responder').account.key, now: NOW, mailbox: account(mailboxName).key }
}

function codeOf(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    if (error instanceof Error && 'code' in error) return String(error.code)
    throw error
  }
  throw new Error('vectors: what should be refused was read')
}

function casesOf(reads: ReadThing, named: Readonly<Record<string, Uint8Array>>): readonly Case[] {
  return Object.entries(named).map(([what, bytes]) => ({ reads, what, bytes }))
}

function accountKeys(): readonly Case[] {
  const p = (first: string): Uint8Array => fromHex(`${first}${'ff'.repeat(30)}7f`)
  return casesOf('account key', {
    'the neutral element': fromHex(`01${'00'.repeat(31)}`),
    'a point of order 8': fromHex(
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    ),
    'the base point and one of order 8: mixed order': fromHex(
      'da99e28ba529cdde35a25fba9059e78ecaee239f99755b9b1aa4f65df00803e2',
    ),
    'y = p, which is 0': p('ed'),
    'y = p + 1, which is 1': p('ee'),
    'y = 2, which is not on the curve': fromHex(`02${'00'.repeat(31)}`),
    '31 bytes': there(person('responder').account.key).slice(1),
    '33 bytes': concat(person('responder').account.key, u8(0)),
  })
}

/** Signed by the owner, whatever the payload is. */
function signed(domain: Domain, payload: Uint8Array): Uint8Array {
  return sealEnvelope({ account: person('responder').account, domain, payload })
}

/** Keys that nobody may use: zero, one, the prime itself, a top bit that is set. */
const LOW_ORDER = new Uint8Array(32)
const NOT_CANONICAL = fromHex(`ed${'ff'.repeat(30)}7f`)
const TOP_BIT = fromHex(`09${'00'.repeat(30)}80`)
const SUITE_OF_2 = SUITE.replace('sotto/1', 'sotto/2')

function certificates(): readonly Case[] {
  const { device, account: owner } = person('responder')
  const key = device.identityKeyPair.publicKey
  const good = { by: owner.key, type: 1, key, sequence: u64(3), issued: NOW, expires: NOW + DAY }
  const payload = (change: Partial<typeof good>): Uint8Array => {
    const { by, type, key: named, sequence, issued, expires } = { ...good, ...change }
    return concat(by, u32(1), u8(type), named, sequence, u64(issued), u64(expires))
  }
  const made = (change: Partial<typeof good>): Uint8Array => signed(domains.device, payload(change))
  const { bytes } = device.certificate
  return casesOf('device certificate', {
    'the payload of a bundle’s domain': signed(domains.bundle, payload({})),
    'another type of key': made({ type: 2 }),
    'another account than the signer': made({ by: account(mailboxName).key }),
    'an identity key of low order': made({ key: LOW_ORDER as typeof key }),
    'an identity key that is not canonical': made({ key: NOT_CANONICAL as typeof key }),
    'an identity key with its top bit set': made({ key: TOP_BIT as typeof key }),
    'a sequence above 2^53 - 1': made({ sequence: fromHex('0020000000000000') }),
    'an issue eleven minutes ahead': made({ issued: NOW + 11 * 60_000 }),
    'an expiry that has come': made({ issued: NOW - DAY, expires: NOW }),
    'an expiry before its issue': made({ issued: NOW + 60_000, expires: NOW + 30_000 }),
    'a payload that is a byte too short': signed(domains.device, payload({}).slice(0, -1)),
    'a payload that is a byte too long': signed(domains.device, concat(payload({}), u8(0))),
    'a signature of zeros': concat(bytes.slice(0, -64), new Uint8Array(64)),
    'an unknown field after the signature': concat(bytes, fromHex('3001')),
    'an empty field that need not be written': concat(bytes, fromHex('2a00')),
  })
}

function pairs(): readonly Case[] {
  const { account: owner, pair } = person('responder')
  const mailbox = account(mailboxName).key
  const [ecdh, kem] = [pair.keyPair.publicKey as Uint8Array, pair.kem.publicKey as Uint8Array]
  const good = { id: pair.id, kind: 1, ecdh, kem, types: [1, 2], mailbox: mailbox as Uint8Array }
  const made = (change: Partial<typeof good>): Uint8Array => {
    const { id, kind, types, ...keys } = { ...good, ...change }
    const [first = 0, second = 0] = types
    const both = concat(u8(first), keys.ecdh, u8(second), keys.kem)
    const head = concat(owner.key, u32(1), u32(id), u8(kind))
    return signed(domains.oneTime, concat(head, both, u64(NOW), u64(NOW + DAY), keys.mailbox))
  }
  return casesOf('one-time pair', {
    'the id 0': made({ id: 0 }),
    'the kind of a last-resort key': made({ kind: 0 }),
    'types of keys that are swapped': made({ types: [2, 1] }),
    'a prekey of low order': made({ ecdh: LOW_ORDER }),
    'a KEM key with a coefficient of 3329': made({ kem: kem.with(0, 0x01).with(1, 0x0d) }),
    'another mailbox than it was taken from': made({ mailbox: owner.key }),
  })
}

type BundleFields = MessageInitShape<typeof BundlePayloadSchema>

function bundles(): readonly Case[] {
  const { signedPrekey, kemPrekey, device } = person('responder')
  const ecdh = { id: signedPrekey.id, type: 1, key: signedPrekey.keyPair.publicKey as Uint8Array }
  const kem = { id: kemPrekey.id, type: 2, key: kemPrekey.publicKey as Uint8Array }
  const owner = person('responder').account.key
  const mailbox = { account: account(mailboxName).key, addresses: [] as Uint8Array[] }
  const good: BundleFields = {
    ...{ version: 1, suite: SUITE, account: owner, certificate: device.certificate.bytes },
    ...{ signedPrekey: ecdh, lastResortKemPrekey: kem, sequence: 6n, mailboxes: [mailbox] },
    ...{ issuedAt: BigInt(NOW), expiresAt: BigInt(NOW + DAY) },
  }
  const payload = (change: BundleFields): Uint8Array =>
    encodeMessage(BundlePayloadSchema, { ...good, ...change } as BundleFields)
  const made = (change: BundleFields): Uint8Array => signed(domains.bundle, payload(change))
  const long = new Uint8Array(257).fill(1)
  const other = person('initiator').device.certificate.bytes
  return casesOf('bundle', {
    'the version 2': made({ version: 2 }),
    'another suite': made({ suite: SUITE_OF_2 }),
    'another account than the signer': made({ account: mailbox.account }),
    'a certificate of somebody else': made({ certificate: other }),
    'no certificate': made({ certificate: new Uint8Array() }),
    'a signed prekey of the wrong type': made({ signedPrekey: { ...ecdh, type: 2 } }),
    'a signed prekey with the id 0': made({ signedPrekey: { ...ecdh, id: 0 } }),
    'a signed prekey of low order': made({ signedPrekey: { ...ecdh, key: LOW_ORDER } }),
    'a signed prekey that is not canonical': made({ signedPrekey: { ...ecdh, key: TOP_BIT } }),
    'prekeys of one id': made({ signedPrekey: { ...ecdh, id: kem.id } }),
    'a KEM prekey that is not reduced': made({
      lastResortKemPrekey: { ...kem, key: kem.key.with(0, 0xff).with(1, 0xff) },
    }),
    'a KEM prekey that is a byte too short': made({
      lastResortKemPrekey: { ...kem, key: kem.key.slice(1) },
    }),
    'a sequence above 2^53 - 1': made({ sequence: 2n ** 53n }),
    'an expiry that has come': made({ issuedAt: BigInt(NOW - DAY), expiresAt: BigInt(NOW) }),
    'a mailbox twice': made({ mailboxes: [mailbox, mailbox] }),
    'a mailbox whose key is no account': made({ mailboxes: [{ account: LOW_ORDER }] }),
    'an address of 257 bytes': made({ mailboxes: [{ ...mailbox, addresses: [long] }] }),
    'nine addresses of a mailbox': made({
      mailboxes: [{ ...mailbox, addresses: Array.from({ length: 9 }, () => u8(1)) }],
    }),
    'an unknown field, though signed': signed(domains.bundle, concat(payload({}), fromHex('7801'))),
    'fields in another order, though signed': signed(
      domains.bundle,
      concat(payload({ version: 0 }), fromHex('0801')),
    ),
  })
}

function envelopes(): readonly Case[] {
  const rest = new Uint8Array(16 + 8 + 60 + 272).fill(4)
  const first = (
    ids: readonly [kem: number, flag: number, pair: number],
    identityBytes = 374,
  ): Uint8Array => {
    const [kem, flag, pair] = ids
    const head = concat(u8(1), u8(2), u32(1), u32(kem), u8(flag), u32(pair))
    const keys = new Uint8Array(32 + 1088).fill(2)
    return concat(head, keys, u16(identityBytes), new Uint8Array(identityBytes).fill(3), rest)
  }
  return casesOf('envelope', {
    nothing: new Uint8Array(),
    'the version 2': concat(u8(2), u8(1), rest),
    'the kind 3': concat(u8(1), u8(3), rest),
    'a session message that is a byte too short': concat(u8(1), u8(1), rest.slice(1)),
    'the flag 2': first([2, 2, 2]),
    'a pair of another id than the KEM key': first([2, 1, 3]),
    'a pair of the id 0': first([0, 1, 0]),
    'the id of a pair, and no pair': first([2, 0, 2]),
    'a hidden identity of 158 bytes': first([2, 0, 0], 158),
    'a hidden identity of 415 bytes': first([2, 0, 0], 415),
    'a first message that is a byte too short': first([2, 0, 0]).slice(0, -1),
  })
}

function contents(): readonly Case[] {
  const id = concat(fromHex('0a10'), new Uint8Array(16).fill(7))
  const said = (hex: string): Uint8Array => concat(id, fromHex(hex))
  const mailbox = '01'.repeat(32)
  const token = `12440a20${mailbox}1220${'09'.repeat(32)}`
  return casesOf('content', {
    nothing: new Uint8Array(),
    'a message id of 15 bytes': fromHex(`0a0f${'07'.repeat(15)}4a00`),
    'no kind': id,
    'two kinds': said('2a004a00'),
    'a kind twice': said('2a030a01412a030a0142'),
    'a default that is written': said('10004a00'),
    'a number with a byte too many': said('1081004a00'),
    'a counter above 2^53 - 1': said('1080808080808080104a00'),
    'fields in another order': concat(fromHex('4a00'), id),
    'an unknown field before known ones': concat(fromHex('f80101'), id, fromHex('4a00')),
    'a text that is no UTF-8': said('2a030a01ff'),
    'a receipt without ids': said('3200'),
    'a receipt with an id of 15 bytes': said(`32110a0f${'01'.repeat(15)}`),
    'a name of 257 bytes': said(`4284020a8102${'61'.repeat(257)}`),
    'delivery tokens of revision 0': said(`42481246${token}`),
    'two delivery tokens of one mailbox': said(`429101128e010801${token}${token}`),
    'a delivery token of 31 bytes': said(`42491247080112430a20${mailbox}121f${'09'.repeat(31)}`),
    'a range that begins at 0': said('52040a021001'),
    'a range that ends before it begins': said('52060a0408031002'),
    'ranges that touch': said('520c0a04080110020a0408031004'),
  })
}

function statements(): readonly Case[] {
  const mark = new Uint8Array(16).fill(1)
  return casesOf('statement', {
    'the ordinal 0': concat(u64(0), u64(5), mark),
    'an ordinal above 2^53 - 1': concat(fromHex('0020000000000000'), u64(5), mark),
    'a byte too few': concat(u64(1), u64(5), mark.slice(1)),
    'a byte too many': concat(u64(1), u64(5), mark, u8(0)),
  })
}

function links(): readonly Case[] {
  const key = account('linked').key
  const link = encodeContactLink({ account: key, mailboxes: [], addresses: [] })
  const prefix = 'SOTTO:C/1/'
  const message = fromBase32(link.slice(prefix.length)).slice(0, -6) // without the checksum
  const summed = (bytes: Uint8Array): Uint8Array => {
    const sum = hash(16, 'link', concat(utf8(prefix), bytes)).slice(0, 4)
    return utf8(prefix + toBase32(concat(bytes, fromHex('7a04'), sum)))
  }
  const two = fromHex('1a01001a01001a0100')
  return casesOf('contact link', {
    'a letter that is mistyped': utf8(link.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A'))),
    'a link of the version 2': utf8(link.replace('C/1/', 'C/2/')),
    'a link to a mailbox': utf8(link.replace('SOTTO:C', 'SOTTO:M')),
    'something else': utf8('https://example.org/'),
    'a character that base32 has not': utf8(link.replace(/.$/, '1')),
    'no account key': summed(new Uint8Array()),
    'an account key that is none': summed(concat(fromHex('0a20'), LOW_ORDER)),
    'an unknown field': summed(concat(message, fromHex('2001'))),
    'three addresses': summed(concat(message, two)),
    'more than 176 characters': utf8(link + 'A'.repeat(120)),
  })
}
