import { describe, expect, test } from 'vitest'
import { accountKey } from '../../protocol/account.ts'
import { bundleKey, signBundle, verifyBundle } from '../../protocol/bundle.ts'
import { ready } from '../../protocol/crypto.ts'
import { verifyDeviceCertificate } from '../../protocol/device.ts'
import { createOneTimePair, verifyOneTimePair } from '../../protocol/prekeys.ts'
import { DAY, NOW, testPerson } from '../support/people.ts'
import { seededRandom } from '../support/random.ts'
import { ascii, join, repeated, u32, u64, u8, unhex } from './stranger/bytes.ts'
import { type Person, createPerson } from './stranger/person.ts'
import * as primitives from './stranger/primitives.ts'
import { write } from './stranger/protobuf.ts'
import * as records from './stranger/records.ts'
import { flipped, verdict } from './support.ts'

await ready

const MINUTE = 60_000
const mailbox = createPerson(seededRandom('a mailbox'), NOW).account
const addresses = [unhex('047f000001060fa1')]
const stranger = createPerson(seededRandom('records'), NOW)

const certificateFields = {
  ...{ device: 1, identityKey: stranger.identity.public, sequence: 7 },
  ...{ issued: NOW, expires: NOW + 180 * DAY },
}
const bundleFields = {
  certificate: stranger.certificate,
  signedPrekey: { id: stranger.spkId, key: stranger.signedPrekey.public },
  kemPrekey: { id: stranger.kemId, key: stranger.kemPrekey.public },
  ...{ sequence: 3, issued: NOW, expires: NOW + 30 * DAY },
  mailboxes: [{ account: mailbox, addresses }],
}
const pairFields = {
  ...{ device: 1, id: 77, key: stranger.signedPrekey.public, kem: stranger.kemPrekey.public },
  ...{ issued: NOW, expires: NOW + 60 * DAY, mailbox },
}

/** How both read one kind of record; what they say of it in words that both use. */
interface Reading {
  readonly ours: (bytes: Uint8Array, now: number) => unknown
  readonly theirs: (bytes: Uint8Array, now: number) => unknown
}

function certificates(): Reading {
  return {
    ours: (bytes, now) => {
      const { issuedAt: issued, expiresAt: expires, ...read } = verifyDeviceCertificate(bytes, now)
      const { account, device, identityKey, sequence } = read
      return { account, device, identityKey, sequence, issued, expires }
    },
    theirs: records.readCertificate,
  }
}

function bundles(account: Uint8Array): Reading {
  return {
    ours: (bytes, now) => {
      const read = verifyBundle(bytes, { account: accountKey(account), now })
      return {
        ...{ account: read.account, certificate: read.certificate.bytes },
        ...{ signedPrekey: read.signedPrekey, kemPrekey: read.lastResortKemPrekey },
        ...{ sequence: read.sequence, issued: read.issuedAt, expires: read.expiresAt },
        ...{ mailboxes: read.mailboxes },
      }
    },
    theirs: (bytes, now) => records.readBundle(bytes, account, now),
  }
}

function pairs(account: Uint8Array): Reading {
  return {
    ours: (bytes, now) => {
      const expected = { account: accountKey(account), mailbox: accountKey(mailbox), now }
      const read = verifyOneTimePair(bytes, expected)
      return {
        ...{ account: read.account, device: read.device, id: read.id, mailbox: read.mailbox },
        ...{ key: read.oneTimePrekey, kem: read.kemPrekey },
        ...{ issued: read.issuedAt, expires: read.expiresAt },
      }
    },
    theirs: (bytes, now) => records.readOneTime(bytes, { account, mailbox }, now),
  }
}

/** Both read it, and read the same. */
function expectSame(reading: Reading, bytes: Uint8Array): void {
  expect(reading.theirs(bytes, NOW)).toEqual(reading.ours(bytes, NOW))
}

function verdicts(reading: Reading, bytes: Uint8Array, now = NOW): readonly string[] {
  return [reading.ours, reading.theirs].map((read) => verdict(() => read(bytes, now)))
}

const REFUSED = ['refused', 'refused']
const ACCEPTED = ['accepted', 'accepted']

test('records of ours read the same at theirs', () => {
  const person = testPerson('records')
  expectSame(certificates(), person.device.certificate.bytes)
  const boxes = [{ account: accountKey(mailbox), addresses }]
  const bundle = signBundle(person.account, { ...person.fields, mailboxes: boxes })
  expectSame(bundles(person.account.key), bundle.bytes)
  expect(records.bundleDigest(bundle.bytes)).toEqual(bundle.digest)
  const pair = createOneTimePair({
    ...{ account: person.account, device: 1, mailbox: accountKey(mailbox), issuedAt: NOW },
    ...{ expiresAt: NOW + 60 * DAY, random: seededRandom('pair') },
  })
  expectSame(pairs(person.account.key), pair.signed)
  expect(records.dhtKey(person.account.key)).toEqual(bundleKey(person.account.key))
})

/** A record of the stranger's, and how it is read. */
const theirRecords = {
  certificate: () => ({
    bytes: records.makeCertificate(stranger.seed, certificateFields),
    reading: certificates(),
    days: 180,
  }),
  bundle: () => ({
    bytes: records.makeBundle(stranger.seed, bundleFields),
    reading: bundles(stranger.account),
    days: 30,
  }),
  pair: () => ({
    bytes: records.makeOneTime(stranger.seed, pairFields),
    reading: pairs(stranger.account),
    days: 60,
  }),
}

describe.each(Object.entries(theirRecords))("the stranger's %s", (_, make) => {
  test('reads the same at ours', () => {
    const { bytes, reading } = make()
    expectSame(reading, bytes)
  })

  test('counts as long at both', () => {
    const { bytes, reading, days } = make()
    const end = NOW + days * DAY
    expect(verdicts(reading, bytes, NOW - 10 * MINUTE)).toEqual(ACCEPTED)
    expect(verdicts(reading, bytes, NOW - 10 * MINUTE - 1)).toEqual(REFUSED)
    expect(verdicts(reading, bytes, end - 1)).toEqual(ACCEPTED)
    expect(verdicts(reading, bytes, end)).toEqual(REFUSED)
  })

  test('with a changed bit, a byte less or a byte more is refused by both', () => {
    const { bytes, reading } = make()
    const step = bytes.length > 300 ? 139 : 11
    for (let bit = 0; bit < bytes.length * 8; bit += step) {
      expect(verdicts(reading, flipped(bytes, bit)), `bit ${bit}`).toEqual(REFUSED)
    }
    for (const other of [bytes.slice(1), bytes.slice(0, -1), join(bytes, unhex('00'))]) {
      expect(verdicts(reading, other)).toEqual(REFUSED)
    }
  })
})

const low = new Uint8Array(32)
const oneLow = repeated(0, 32).with(0, 1)
const nonCanonical = repeated(0xff, 32).with(0, 0xf5).with(31, 0x7f) // p + 8, which is 8
const topBit = stranger.identity.public.map((byte, i) => (i === 31 ? byte | 0x80 : byte))
const badKem = stranger.kemPrekey.public.map((byte, i) => (i < 3 ? 0xff : byte))
const badKeys = { low, oneLow, nonCanonical, topBit }

test.each(Object.entries(badKeys))(
  'an X25519 key that is %s is refused in every record',
  (_, key) => {
    const certificate = records.makeCertificate(stranger.seed, {
      ...certificateFields,
      identityKey: key,
    })
    expect(verdicts(certificates(), certificate)).toEqual(REFUSED)
    const signedPrekey = { ...bundleFields.signedPrekey, key }
    const bundle = records.makeBundle(stranger.seed, { ...bundleFields, signedPrekey })
    expect(verdicts(bundles(stranger.account), bundle)).toEqual(REFUSED)
    const pair = records.makeOneTime(stranger.seed, { ...pairFields, key })
    expect(verdicts(pairs(stranger.account), pair)).toEqual(REFUSED)
  },
)

const otherPerson: Person = createPerson(seededRandom('somebody else'), NOW)
const box = bundleFields.mailboxes[0]
const boxOf = (name: number): records.BundleMailbox => ({
  ...{ account: primitives.signingPair(repeated(name, 32)).public, addresses: [] },
})

const changedBundles: Readonly<Record<string, Partial<records.Bundle>>> = {
  'one id for both prekeys': { kemPrekey: { id: stranger.spkId, key: stranger.kemPrekey.public } },
  'the id 0': { signedPrekey: { id: 0, key: stranger.signedPrekey.public } },
  'a KEM key that is not reduced': { kemPrekey: { id: 1, key: badKem } },
  'a short KEM key': { kemPrekey: { id: 1, key: stranger.kemPrekey.public.slice(1) } },
  'a certificate of somebody else': { certificate: otherPerson.certificate },
  'no certificate': { certificate: new Uint8Array() },
  'issue and expiry at once': { issued: NOW, expires: NOW },
  'expiry before issue': { issued: NOW + MINUTE, expires: NOW + 1 },
  'a mailbox twice': { mailboxes: box === undefined ? [] : [box, { ...box, addresses: [] }] },
  'nine mailboxes': { mailboxes: [1, 2, 3, 4, 5, 6, 7, 8, 9].map(boxOf) },
  'a mailbox that is no account': { mailboxes: [{ account: low, addresses }] },
  'nine addresses': { mailboxes: [{ account: mailbox, addresses: Array(9).fill(unhex('04')) }] },
  'an address too long': { mailboxes: [{ account: mailbox, addresses: [repeated(4, 257)] }] },
}

test.each(Object.entries(changedBundles))('a bundle with %s is refused by both', (_, change) => {
  const bundle = records.makeBundle(stranger.seed, { ...bundleFields, ...change })
  expect(verdicts(bundles(stranger.account), bundle)).toEqual(REFUSED)
})

const fineBundles: Readonly<Record<string, Partial<records.Bundle>>> = {
  'no mailboxes': { mailboxes: [] },
  'eight mailboxes': { mailboxes: [1, 2, 3, 4, 5, 6, 7, 8].map(boxOf) },
  'an address of any bytes': { mailboxes: [{ account: mailbox, addresses: [repeated(255, 256)] }] },
  'an empty address': { mailboxes: [{ account: mailbox, addresses: [new Uint8Array()] }] },
  'the sequence 0': { sequence: 0 },
  'the highest sequence': { sequence: Number.MAX_SAFE_INTEGER },
  'ten days of validity': { expires: NOW + 10 * DAY },
  'a year of validity': { expires: NOW + 365 * DAY },
}

test.each(Object.entries(fineBundles))('of a bundle with %s both think the same', (_, change) => {
  const bundle = records.makeBundle(stranger.seed, { ...bundleFields, ...change })
  const [ours, theirs] = verdicts(bundles(stranger.account), bundle)
  expect(theirs).toBe(ours)
})

test('a certificate of another device, or of sequence 0, is the same to both', () => {
  for (const change of [{ device: 0 }, { device: 2 ** 32 - 1 }, { sequence: 0 }]) {
    const bytes = records.makeCertificate(stranger.seed, { ...certificateFields, ...change })
    const [ours, theirs] = verdicts(certificates(), bytes)
    expect(theirs, JSON.stringify(change)).toBe(ours)
  }
})

type PayloadParts = Readonly<Record<keyof typeof payloadParts, Uint8Array>>

const payloadParts = {
  account: stranger.account,
  ...{ device: u32(1), type: u8(1), key: stranger.identity.public },
  ...{ sequence: u64(1), issued: u64(NOW), expires: u64(NOW + DAY), rest: new Uint8Array() },
}
const badPayloads: Readonly<Record<string, Partial<PayloadParts>>> = {
  'a byte more': { rest: u8(0) },
  'a byte less': { expires: u64(NOW + DAY).slice(1) },
  'another type of key': { type: u8(2) },
  'somebody else inside': { account: mailbox },
  'a sequence above 2^53 - 1': { sequence: unhex('0020000000000000') },
  'an issue above 2^53 - 1': { issued: unhex('0020000000000000') },
  'an expiry above 2^53 - 1': { expires: unhex('8000000000000000') },
}

test.each(Object.entries(badPayloads))('a certificate with %s is refused by both', (_, change) => {
  const sign = (parts: PayloadParts): Uint8Array =>
    records.signRecord(stranger.seed, 'sotto/1 device', join(...Object.values(parts)))
  expect(verdicts(certificates(), sign(payloadParts))).toEqual(ACCEPTED)
  expect(verdicts(certificates(), sign({ ...payloadParts, ...change }))).toEqual(REFUSED)
})

test('a signed envelope of another type, or with another kind of key, is refused by both', () => {
  const payload = certificatePayload()
  const signature = repeated(1, 64)
  const head = { 2: ascii('/sotto/1/device'), 3: payload, 5: signature }
  const keyed = (key: Uint8Array): Uint8Array => write({ 1: key, ...head })
  for (const key of [
    write({ 1: 2, 2: stranger.account }),
    write({ 2: stranger.account }),
    write({ 1: 1, 2: stranger.account.slice(1) }),
    write({ 1: 1, 2: stranger.account, 3: 1 }),
  ]) {
    expect(verdicts(certificates(), keyed(key))).toEqual(REFUSED)
  }
  const other = records.signRecord(stranger.seed, 'sotto/1 one-time', payload)
  expect(verdicts(certificates(), other)).toEqual(REFUSED)
})

test('a record larger than its limit is refused by both, whatever it says', () => {
  const address = repeated(4, 256)
  const mailboxes = [1, 2, 3, 4, 5, 6, 7, 8].map((name) => ({
    ...boxOf(name),
    addresses: [address],
  }))
  const bundle = records.makeBundle(stranger.seed, { ...bundleFields, mailboxes })
  expect(bundle.length).toBeLessThan(4097)
  expect(verdicts(bundles(stranger.account), bundle)).toEqual(ACCEPTED)
  const more = mailboxes.map((one) => ({ ...one, addresses: [address, address] }))
  const large = records.makeBundle(stranger.seed, { ...bundleFields, mailboxes: more })
  expect(verdicts(bundles(stranger.account), large)).toEqual(REFUSED)
})

test('a record of one kind is none of another, whoever signed it', () => {
  const { bytes } = theirRecords.certificate()
  expect(verdicts(bundles(stranger.account), bytes)).toEqual(REFUSED)
  expect(verdicts(pairs(stranger.account), bytes)).toEqual(REFUSED)
  expect(verdicts(bundles(otherPerson.account), theirRecords.bundle().bytes)).toEqual(REFUSED)
  expect(verdicts(pairs(otherPerson.account), theirRecords.pair().bytes)).toEqual(REFUSED)
})

test('a pair for another mailbox is refused by both', () => {
  const pair = { ...pairFields, mailbox: otherPerson.account }
  const bytes = records.makeOneTime(stranger.seed, pair)
  expect(verdicts(pairs(stranger.account), bytes)).toEqual(REFUSED)
  const unnamed = records.makeOneTime(stranger.seed, { ...pairFields, id: 0 })
  expect(verdicts(pairs(stranger.account), unnamed)).toEqual(REFUSED)
})

function certificatePayload(): Uint8Array {
  return records.readRecord(
    'sotto/1 device',
    256,
    records.makeCertificate(stranger.seed, certificateFields),
  ).payload
}
