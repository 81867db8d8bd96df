import type { MessageInitShape } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import type { VerifiedBundle } from '../../protocol/bundle.ts'
import { bundleKey, MAX_BUNDLE_BYTES, signBundle, verifyBundle } from '../../protocol/bundle.ts'
import { concat, fromHex, toHex, utf8 } from '../../protocol/bytes.ts'
import { hash, ready } from '../../protocol/crypto.ts'
import { certifyDevice } from '../../protocol/device.ts'
import { BundlePayloadSchema } from '../../protocol/generated/bundle_pb.ts'
import { domains, SUITE } from '../../protocol/labels.ts'
import { encodeMessage } from '../../protocol/protobuf.ts'
import { sealEnvelope } from '../../protocol/signed-envelope.ts'
import { DAY, NOW, testAccount, testPerson } from '../support/people.ts'
import { expectExact, expectNoBitSpare, refusal } from '../support/refusals.ts'

await ready

const mailbox = { account: testAccount('mailbox').key, addresses: [fromHex('047f000001060fa1')] }
const { account, device, fields, bundle } = testPerson('bundle', { mailboxes: [mailbox] })
const other = testPerson('other')
const expected = { account: account.key, now: NOW }

type Payload = MessageInitShape<typeof BundlePayloadSchema>

const payload = {
  version: 1,
  suite: SUITE,
  account: account.key,
  certificate: device.certificate.bytes,
  signedPrekey: { ...fields.signedPrekey, type: 1 },
  lastResortKemPrekey: { ...fields.lastResortKemPrekey, type: 2 },
  sequence: 1n,
  issuedAt: BigInt(NOW),
  expiresAt: BigInt(NOW + 30 * DAY),
  mailboxes: [{ account: mailbox.account, addresses: mailbox.addresses }],
}

function signedWith(change: Payload): Uint8Array {
  const bytes = encodeMessage(BundlePayloadSchema, { ...payload, ...change } as Payload)
  return sealEnvelope({ account, domain: domains.bundle, payload: bytes })
}

test('a bundle comes back as it was signed', () => {
  expect(verifyBundle(bundle.bytes, expected)).toEqual(bundle)
  expect(verifyBundle(bundle.bytes, { now: NOW })).toEqual(bundle)
  expect(bundle).toMatchObject({ ...fields, account: account.key })
})

test('the payload is the message of the table', () => {
  expect(signedWith({})).toEqual(bundle.bytes)
})

test('the digest covers the exact bytes', () => {
  expect(bundle.digest).toEqual(hash(32, 'bundle', bundle.bytes))
})

test('a bundle without mailboxes takes less than 1700 bytes', () => {
  expect(other.bundle.bytes.length).toBeLessThan(1700)
})

test('nothing but the exact bytes count', () => {
  expectExact(bundle.bytes, (bytes) => verifyBundle(bytes, expected))
  expectNoBitSpare(bundle.bytes, (bytes) => verifyBundle(bytes, expected), 41)
})

test('a bundle does not change with the buffer it was read from', () => {
  const buffer = bundle.bytes.slice()
  const read = verifyBundle(buffer, expected)
  buffer.fill(0)
  expect(read).toEqual(bundle)
})

test('it counts from ten minutes before its issue until its expiry', () => {
  const at = (now: number) => (): unknown => verifyBundle(bundle.bytes, { now })
  expect(at(NOW - 600_000)).not.toThrow()
  expect(refusal(at(NOW - 600_001))).toBe('RecordError ERR_NOT_YET_VALID')
  expect(at(NOW + 30 * DAY - 1)).not.toThrow()
  expect(refusal(at(NOW + 30 * DAY))).toBe('RecordError ERR_EXPIRED')
})

test('a bundle of another account is refused', () => {
  const run = (): unknown => verifyBundle(other.bundle.bytes, expected)
  expect(refusal(run)).toBe('RecordError ERR_WRONG_ACCOUNT')
})

const expiredCertificate = certifyDevice(account, {
  ...device.certificate,
  issuedAt: NOW - 2 * DAY,
  expiresAt: NOW - DAY,
})
const badKem = payload.lastResortKemPrekey.key.slice().fill(0xff, 0, 3)
const refusals: readonly (readonly [string, Payload, string])[] = [
  ['another version', { version: 2 }, 'DecodeError ERR_UNKNOWN_VERSION'],
  ['no version', { version: 0 }, 'DecodeError ERR_UNKNOWN_VERSION'],
  ['another suite', { suite: `${SUITE} ` }, 'RecordError ERR_WRONG_SUITE'],
  ['another account inside', { account: other.account.key }, 'RecordError ERR_WRONG_ACCOUNT'],
  [
    'a certificate of another account',
    { certificate: other.device.certificate.bytes },
    'RecordError ERR_WRONG_ACCOUNT',
  ],
  ['an expired certificate', { certificate: expiredCertificate.bytes }, 'RecordError ERR_EXPIRED'],
  ['no certificate', { certificate: new Uint8Array(0) }, 'DecodeError ERR_MALFORMED'],
  [
    'a swapped type of key',
    { signedPrekey: { ...payload.signedPrekey, type: 2 } },
    'DecodeError ERR_MALFORMED',
  ],
  [
    'a swapped type of KEM key',
    { lastResortKemPrekey: { ...payload.lastResortKemPrekey, type: 1 } },
    'DecodeError ERR_MALFORMED',
  ],
  [
    'a prekey without an id',
    { signedPrekey: { ...payload.signedPrekey, id: 0 } },
    'DecodeError ERR_MALFORMED',
  ],
  [
    'a KEM prekey without an id',
    { lastResortKemPrekey: { ...payload.lastResortKemPrekey, id: 0 } },
    'DecodeError ERR_MALFORMED',
  ],
  [
    'one id for two prekeys',
    { signedPrekey: { ...payload.signedPrekey, id: payload.lastResortKemPrekey.id } },
    'DecodeError ERR_MALFORMED',
  ],
  [
    'a prekey of low order',
    { signedPrekey: { ...payload.signedPrekey, key: new Uint8Array(32) } },
    'RecordError ERR_BAD_KEY',
  ],
  [
    'a short prekey',
    { signedPrekey: { ...payload.signedPrekey, key: new Uint8Array(31) } },
    'RecordError ERR_BAD_KEY',
  ],
  [
    'a KEM prekey out of range',
    { lastResortKemPrekey: { ...payload.lastResortKemPrekey, key: badKem } },
    'RecordError ERR_BAD_KEY',
  ],
  ['a sequence above 2^53 - 1', { sequence: 2n ** 53n }, 'DecodeError ERR_MALFORMED'],
  ['an expiry above 2^53 - 1', { expiresAt: 2n ** 53n }, 'DecodeError ERR_MALFORMED'],
  [
    'nine mailboxes',
    { mailboxes: Array.from({ length: 9 }, (_, i) => ({ account: testAccount(i).key })) },
    'DecodeError ERR_TOO_LARGE',
  ],
  [
    'nine addresses',
    { mailboxes: [{ ...mailbox, addresses: Array.from({ length: 9 }, () => new Uint8Array(8)) }] },
    'DecodeError ERR_TOO_LARGE',
  ],
  [
    'a long address',
    { mailboxes: [{ ...mailbox, addresses: [new Uint8Array(257)] }] },
    'DecodeError ERR_TOO_LARGE',
  ],
  ['a mailbox twice', { mailboxes: [mailbox, mailbox] }, 'DecodeError ERR_MALFORMED'],
  [
    'a mailbox without a real key',
    { mailboxes: [{ account: new Uint8Array(32) }] },
    'RecordError ERR_BAD_KEY',
  ],
]

test.each(refusals)('%s is refused', (_, change, code) => {
  expect(refusal(() => verifyBundle(signedWith(change), { now: NOW }))).toBe(code)
})

const eight = Array.from({ length: 8 }, (_, i) => i)
test.each([
  ['eight mailboxes', eight.map((i) => ({ account: testAccount(i).key, addresses: [] }))],
  ['eight addresses', [{ ...mailbox, addresses: eight.map((i) => Uint8Array.of(i)) }]],
  ['an address of 256 bytes', [{ ...mailbox, addresses: [new Uint8Array(256)] }]],
])('%s are signed and read', (_, mailboxes) => {
  const { bytes } = signBundle(account, { ...fields, mailboxes })
  expect(verifyBundle(bytes, expected).mailboxes).toEqual(mailboxes)
})

test.each([
  ['nine mailboxes', [...eight, 8].map((i) => ({ account: testAccount(i).key, addresses: [] }))],
  ['nine addresses', [{ ...mailbox, addresses: [...eight, 8].map((i) => Uint8Array.of(i)) }]],
  ['an address of 257 bytes', [{ ...mailbox, addresses: [new Uint8Array(257)] }]],
])('%s are not signed', (_, mailboxes) => {
  const run = (): unknown => signBundle(account, { ...fields, mailboxes })
  expect(refusal(run)).toBe('DecodeError ERR_TOO_LARGE')
})

test('a bundle of exactly 4 KiB is signed and read', () => {
  const withAddresses = (last: number): VerifiedBundle => {
    const lengths = [256, 256, 256, 256, 256, 256, 256, last]
    const addresses = lengths.map((length) => new Uint8Array(length))
    const mailboxes = [
      { account: testAccount(1).key, addresses },
      { account: testAccount(2).key, addresses: addresses.slice(0, 1) },
    ]
    return signBundle(account, { ...fields, mailboxes })
  }
  const room = 128 + MAX_BUNDLE_BYTES - withAddresses(128).bytes.length
  const largest = withAddresses(room)
  expect(largest.bytes).toHaveLength(MAX_BUNDLE_BYTES)
  expect(verifyBundle(largest.bytes, expected)).toEqual(largest)
})

test('an absent prekey is refused', () => {
  const { signedPrekey: _, ...rest } = payload
  const bytes = sealEnvelope({
    account,
    domain: domains.bundle,
    payload: encodeMessage(BundlePayloadSchema, rest),
  })
  expect(refusal(() => verifyBundle(bytes, expected))).toBe('DecodeError ERR_MALFORMED')
})

test('a payload with a field more is refused, though signed', () => {
  const bytes = encodeMessage(BundlePayloadSchema, payload)
  for (const extra of [fromHex('7801'), fromHex('3801')]) {
    const longer = concat(bytes, extra)
    const signed = sealEnvelope({ account, domain: domains.bundle, payload: longer })
    expect(refusal(() => verifyBundle(signed, expected))).toBe('DecodeError ERR_NOT_CANONICAL')
  }
})

test('a bundle above 4 KiB is neither signed nor read', () => {
  const addresses = Array.from({ length: 8 }, (_, i) => new Uint8Array(256).fill(i))
  const mailboxes = [
    { account: testAccount(1).key, addresses },
    { account: testAccount(2).key, addresses },
  ]
  expect(refusal(() => signBundle(account, { ...fields, mailboxes }))).toBe(
    'DecodeError ERR_TOO_LARGE',
  )
  const large = new Uint8Array(MAX_BUNDLE_BYTES + 1)
  expect(refusal(() => verifyBundle(large, expected))).toBe('DecodeError ERR_TOO_LARGE')
})

test('the key in the DHT is a prefix and a hash of the account', () => {
  const key = bundleKey(account.key)
  expect(key).toEqual(concat(utf8('/sotto/'), hash(32, 'dht key', account.key)))
  expect(toHex(bundleKey(other.account.key))).not.toBe(toHex(key))
})

test('a bundle that was not verified does not pass for one that was', () => {
  const take = (verified: VerifiedBundle): number => verified.sequence
  const unverified = { ...fields, account: account.key, bytes: bundle.bytes, digest: bundle.digest }
  // @ts-expect-error only signBundle and verifyBundle make a VerifiedBundle
  expect(take(unverified)).toBe(1)
})
