import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromHex, u8, utf8 } from '../../protocol/bytes.ts'
import { ready, sign, verify } from '../../protocol/crypto.ts'
import { CryptoError } from '../../protocol/errors.ts'
import { SignedEnvelopeSchema } from '../../protocol/generated/envelope_pb.ts'
import { domains } from '../../protocol/labels.ts'
import { encodeMessage } from '../../protocol/protobuf.ts'
import { openEnvelope, payloadType, sealEnvelope } from '../../protocol/signed-envelope.ts'
import { testAccount } from '../support/people.ts'
import { causeOf, expectExact, expectNoBitSpare, refusal } from '../support/refusals.ts'

await ready

const account = testAccount('envelope')
const domain = domains.bundle
const payload = utf8('what was signed')
const sealed = sealEnvelope({ account, domain, payload })
const expected = { domain, maxBytes: 4096 }

/** The bytes that RFC 0002 of libp2p signs, for lengths below 128. */
function signedBytes(name: string, type: Uint8Array, content: Uint8Array): Uint8Array {
  const parts = [utf8(name), type, content].flatMap((part) => [u8(part.length), part])
  return concat(...parts)
}

/** An envelope with some fields other than they should be, the signature made over what it says. */
function forged(fields: {
  type?: number
  data?: Uint8Array
  payloadType?: Uint8Array
  signature?: Uint8Array
}): Uint8Array {
  const kind = fields.payloadType ?? payloadType(domain)
  return encodeMessage(SignedEnvelopeSchema, {
    publicKey: { type: fields.type ?? 1, data: fields.data ?? account.key },
    payloadType: kind,
    payload,
    signature: fields.signature ?? sign(account.seed, signedBytes(domain, kind, payload)),
  })
}

test('a payload comes back with its signer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (content) => {
      const bytes = sealEnvelope({ account, domain, payload: content })
      const opened = openEnvelope(bytes, expected)
      expect(opened.payload).toEqual(content)
      expect(opened.account).toEqual(account.key)
    }),
    { numRuns: 20 },
  )
})

test('the layout is that of libp2p', () => {
  const signature = sign(account.seed, signedBytes(domain, utf8('/sotto/1/bundle'), payload))
  const type = utf8('/sotto/1/bundle')
  expect(sealed).toEqual(
    concat(
      fromHex('0a2408011220'),
      account.key,
      fromHex('120f'),
      type,
      fromHex('1a0f'),
      payload,
      fromHex('2a40'),
      signature,
    ),
  )
})

test('a payload of 128 bytes is signed with its length in two', () => {
  const content = new Uint8Array(128)
  const type = payloadType(domain)
  const before = [utf8(domain), type].flatMap((part) => [u8(part.length), part])
  const signature = sign(account.seed, concat(...before, fromHex('8001'), content))
  const bytes = sealEnvelope({ account, domain, payload: content })
  expect(bytes.subarray(-64)).toEqual(signature)
})

test('nothing but the exact bytes opens', () => {
  expectExact(sealed, (bytes) => openEnvelope(bytes, expected))
  expectNoBitSpare(sealed, (bytes) => openEnvelope(bytes, expected))
})

test('fields in another order are refused', () => {
  const reordered = concat(sealed.subarray(38), sealed.subarray(0, 38))
  expect(refusal(() => openEnvelope(reordered, expected))).toBe('DecodeError ERR_NOT_CANONICAL')
})

test('an envelope above the limit is refused before it is read', () => {
  const maxBytes = sealed.length - 1
  expect(refusal(() => openEnvelope(sealed, { domain, maxBytes }))).toBe(
    'DecodeError ERR_TOO_LARGE',
  )
})

test('a signature counts for its domain only', () => {
  for (const other of Object.values(domains).filter((name) => name !== domain)) {
    expect(refusal(() => openEnvelope(sealed, { ...expected, domain: other }))).toBe(
      'DecodeError ERR_MALFORMED',
    )
    const relabelled = forged({
      payloadType: payloadType(other),
      signature: sign(account.seed, signedBytes(domain, payloadType(other), payload)),
    })
    expect(refusal(() => openEnvelope(relabelled, { ...expected, domain: other }))).toBe(
      'RecordError ERR_BAD_SIGNATURE',
    )
  }
})

test('an envelope of another account is refused', () => {
  const other = testAccount('other').key
  expect(openEnvelope(sealed, { ...expected, account: account.key }).account).toBe(account.key)
  expect(refusal(() => openEnvelope(sealed, { ...expected, account: other }))).toBe(
    'RecordError ERR_WRONG_ACCOUNT',
  )
})

test.each([
  ['another kind of key', { type: 0 }, 'DecodeError ERR_MALFORMED'],
  ['a short key', { data: new Uint8Array(31) }, 'DecodeError ERR_MALFORMED'],
  ['another payload type', { payloadType: utf8('/x') }, 'DecodeError ERR_MALFORMED'],
  ['a short signature', { signature: new Uint8Array(63) }, 'DecodeError ERR_MALFORMED'],
  ['a signature by nobody', { signature: new Uint8Array(64) }, 'RecordError ERR_BAD_SIGNATURE'],
])('%s is refused', (_, fields, code) => {
  expect(refusal(() => openEnvelope(forged(fields), expected))).toBe(code)
})

test('a key of mixed order is refused although its signature holds', () => {
  // A = aB + T with T of order 8, and R chosen so that the hash is a multiple of 8: T drops out of the check.
  const data = fromHex('432d2d5adead8d6e23b2c38280aef463a2f8f79add0d27fe42e8916ee3b6d4d1')
  const signature = fromHex(
    'd4b4f5784868c3020403246717ec169ff79e26608ea126a1ab69ee77d1b16712' +
      '7576f02e284009fbcb4f5b0f2ed87da026056cdb7f1f5cda0308f9a40d48c202',
  )
  expect(verify(data, signedBytes(domain, payloadType(domain), payload), signature)).toBe(true)
  expect(refusal(() => openEnvelope(forged({ data, signature }), expected))).toBe(
    'RecordError ERR_BAD_KEY',
  )
  expect(causeOf(() => openEnvelope(forged({ data, signature }), expected))).toBeInstanceOf(
    CryptoError,
  )
})
