import { expect, test } from 'vitest'
import { concat, fromHex, u32, u64, u8 } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { CryptoError } from '../../protocol/errors.ts'
import { domains } from '../../protocol/labels.ts'
import {
  createLastResortKemPrekey,
  createOneTimePair,
  createSignedPrekey,
  MAX_ONE_TIME_PAIR_BYTES,
  ONE_TIME_PAYLOAD_BYTES,
  verifyOneTimePair,
} from '../../protocol/prekeys.ts'
import { Secret } from '../../protocol/secret.ts'
import { openEnvelope, sealEnvelope } from '../../protocol/signed-envelope.ts'
import { DAY, NOW, testAccount } from '../support/people.ts'
import { seededRandom } from '../support/random.ts'
import { causeOf, expectExact, expectNoBitSpare, refusal } from '../support/refusals.ts'

await ready

const account = testAccount('prekeys')
const mailbox = testAccount('mailbox').key
const input = { account, device: 5, mailbox, issuedAt: NOW, expiresAt: NOW + 60 * DAY }
const pair = createOneTimePair({ ...input, random: seededRandom('pair') })
const expected = { account: account.key, mailbox, now: NOW }

const parts = {
  account: account.key as Uint8Array,
  device: u32(5),
  id: u32(pair.id),
  use: u8(1),
  type: u8(1),
  key: pair.keyPair.publicKey as Uint8Array,
  kemType: u8(2),
  kemKey: pair.kem.publicKey as Uint8Array,
  issuedAt: u64(NOW),
  expiresAt: u64(NOW + 60 * DAY),
  mailbox: mailbox as Uint8Array,
}

function signedWith(change: Partial<typeof parts>): Uint8Array {
  const payload = concat(...Object.values({ ...parts, ...change }))
  return sealEnvelope({ account, domain: domains.oneTime, payload })
}

test('a pair comes back with its public halves', () => {
  expect(verifyOneTimePair(pair.signed, expected)).toEqual({
    account: account.key,
    device: 5,
    id: pair.id,
    oneTimePrekey: pair.keyPair.publicKey,
    kemPrekey: pair.kem.publicKey,
    issuedAt: NOW,
    expiresAt: NOW + 60 * DAY,
    mailbox,
  })
})

test('the payload is the 1307 bytes of the table', () => {
  const maxBytes = MAX_ONE_TIME_PAIR_BYTES
  const { payload } = openEnvelope(pair.signed, { domain: domains.oneTime, maxBytes })
  expect(payload).toEqual(concat(...Object.values(parts)))
  expect(payload).toHaveLength(ONE_TIME_PAYLOAD_BYTES)
})

test('both halves of a pair have one id', () => {
  expect(pair.kem.id).toBe(pair.id)
})

test('the mailbox is read from the pair when none is expected', () => {
  const { account: signer, now } = expected
  expect(verifyOneTimePair(pair.signed, { account: signer, now }).mailbox).toEqual(mailbox)
})

test('nothing but the exact bytes count', () => {
  expectExact(pair.signed, (bytes) => verifyOneTimePair(bytes, expected))
  expectNoBitSpare(pair.signed, (bytes) => verifyOneTimePair(bytes, expected), 37)
})

test('a pair does not change with the buffer it was read from', () => {
  const buffer = pair.signed.slice()
  const read = verifyOneTimePair(buffer, expected)
  buffer.fill(0)
  expect(read.oneTimePrekey).toEqual(pair.keyPair.publicKey)
  expect(read.kemPrekey).toEqual(pair.kem.publicKey)
})

test('a pair above the limit is refused', () => {
  const large = new Uint8Array(MAX_ONE_TIME_PAIR_BYTES + 1)
  expect(refusal(() => verifyOneTimePair(large, expected))).toBe('DecodeError ERR_TOO_LARGE')
})

test('it counts until its expiry', () => {
  const at = (now: number) => (): unknown => verifyOneTimePair(pair.signed, { ...expected, now })
  expect(refusal(at(NOW - 600_001))).toBe('RecordError ERR_NOT_YET_VALID')
  expect(at(NOW + 60 * DAY - 1)).not.toThrow()
  expect(refusal(at(NOW + 60 * DAY))).toBe('RecordError ERR_EXPIRED')
})

test('a pair of another account or for another mailbox is refused', () => {
  const other = testAccount('other').key
  for (const change of [{ account: other }, { mailbox: other }]) {
    const run = (): unknown => verifyOneTimePair(pair.signed, { ...expected, ...change })
    expect(refusal(run)).toBe('RecordError ERR_WRONG_ACCOUNT')
  }
})

test.each([
  ['another account inside', { account: testAccount('x').key }, 'RecordError ERR_WRONG_ACCOUNT'],
  ['no one-time flag', { use: u8(0) }, 'DecodeError ERR_MALFORMED'],
  ['the id 0', { id: u32(0) }, 'DecodeError ERR_MALFORMED'],
  ['a swapped type', { type: u8(2) }, 'DecodeError ERR_MALFORMED'],
  ['a swapped KEM type', { kemType: u8(1) }, 'DecodeError ERR_MALFORMED'],
  ['a key of low order', { key: new Uint8Array(32) }, 'RecordError ERR_BAD_KEY'],
  ['a KEM key out of range', { kemKey: fromHex('ff'.repeat(1184)) }, 'RecordError ERR_BAD_KEY'],
  ['a short KEM key', { kemKey: new Uint8Array(1183) }, /^DecodeError ERR_/],
  ['a byte too many', { mailbox: concat(mailbox, u8(0)) }, 'DecodeError ERR_TRAILING'],
])('%s is refused', (_, change, code) => {
  expect(refusal(() => verifyOneTimePair(signedWith(change), expected))).toMatch(code)
})

test('why a KEM key is refused is in the cause', () => {
  const signed = signedWith({ kemKey: fromHex('ff'.repeat(1184)) })
  expect(causeOf(() => verifyOneTimePair(signed, expected))).toBeInstanceOf(CryptoError)
})

test('a mailbox key that is none is refused', () => {
  const signed = signedWith({ mailbox: new Uint8Array(32) })
  const run = (): unknown => verifyOneTimePair(signed, { account: account.key, now: NOW })
  expect(refusal(run)).toBe('RecordError ERR_BAD_KEY')
})

test('one seed gives the same prekeys, another one others', () => {
  const make = (seed: string): readonly unknown[] => {
    const random = seededRandom(seed)
    const signed = createSignedPrekey(random)
    const kem = createLastResortKemPrekey(random)
    const one = createOneTimePair({ ...input, random })
    const secrets = [signed.keyPair.privateKey, kem.seed, one.keyPair.privateKey, one.kem.seed]
    return [
      signed.id,
      kem.id,
      kem.publicKey,
      one.signed,
      ...secrets.map((secret) => Secret.reveal(secret)),
    ]
  }
  expect(make('a')).toEqual(make('a'))
  const other = make('b')
  make('a').forEach((value, i) => expect(value).not.toEqual(other[i]))
})

test('an id is never 0 and never one that is taken', () => {
  const ids = [0, 7, 9]
  const random = (length: number): Uint8Array =>
    length === 4 ? u32(ids.shift() ?? 1) : new Uint8Array(length).fill(length)
  expect(createSignedPrekey(random, (id) => id === 7).id).toBe(9)
})
