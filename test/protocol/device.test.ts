import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromHex, u32, u64, u8 } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import {
  CERTIFICATE_PAYLOAD_BYTES,
  certifyDevice,
  MAX_CERTIFICATE_BYTES,
  verifyDeviceCertificate,
} from '../../protocol/device.ts'
import { CryptoError } from '../../protocol/errors.ts'
import { domains } from '../../protocol/labels.ts'
import { openEnvelope, sealEnvelope } from '../../protocol/signed-envelope.ts'
import { DAY, NOW, testAccount, testPerson } from '../support/people.ts'
import { causeOf, expectExact, expectNoBitSpare, refusal } from '../support/refusals.ts'

await ready

const { account, device } = testPerson('device')
const { identityKey } = device.certificate
const fields = { device: 7, identityKey, sequence: 3, issuedAt: NOW, expiresAt: NOW + DAY }
const certificate = certifyDevice(account, fields)

/** A certificate over any payload, rightly signed. */
function certified(payload: Uint8Array): Uint8Array {
  return sealEnvelope({ account, domain: domains.device, payload })
}

function payloadWith(change: {
  type?: number
  key?: Uint8Array
  account?: Uint8Array
}): Uint8Array {
  return concat(
    change.account ?? account.key,
    u32(7),
    u8(change.type ?? 1),
    change.key ?? identityKey,
    concat(u64(3), u64(NOW), u64(NOW + DAY)),
  )
}

test('a certificate comes back as it was signed', () => {
  const u64s = fc.maxSafeNat()
  fc.assert(
    fc.property(fc.nat(0xffffffff), u64s, fc.nat(1e12), (id, sequence, validity) => {
      const input = { ...fields, device: id, sequence, expiresAt: NOW + 1 + validity }
      const signed = certifyDevice(account, input)
      expect(verifyDeviceCertificate(signed.bytes, NOW)).toEqual(signed)
      expect(signed).toMatchObject({ ...input, account: account.key })
    }),
    { numRuns: 20 },
  )
})

test('the payload is the 93 bytes of the table', () => {
  const { payload } = openEnvelope(certificate.bytes, { domain: domains.device, maxBytes: 256 })
  expect(payload).toEqual(payloadWith({}))
  expect(payload).toHaveLength(CERTIFICATE_PAYLOAD_BYTES)
})

test('nothing but the exact bytes count', () => {
  expectExact(certificate.bytes, (bytes) => verifyDeviceCertificate(bytes, NOW))
  expectNoBitSpare(certificate.bytes, (bytes) => verifyDeviceCertificate(bytes, NOW))
})

test('a certificate does not change with the buffer it was read from', () => {
  const buffer = certificate.bytes.slice()
  const read = verifyDeviceCertificate(buffer, NOW)
  buffer.fill(0)
  expect(read).toEqual(certificate)
})

test('it counts from ten minutes before its issue until its expiry', () => {
  const at = (now: number) => (): unknown => verifyDeviceCertificate(certificate.bytes, now)
  expect(at(NOW - 600_000)).not.toThrow()
  expect(refusal(at(NOW - 600_001))).toBe('RecordError ERR_NOT_YET_VALID')
  expect(at(NOW + DAY - 1)).not.toThrow()
  expect(refusal(at(NOW + DAY))).toBe('RecordError ERR_EXPIRED')
})

test('a certificate that ends before it begins is expired', () => {
  const { bytes } = certifyDevice(account, { ...fields, expiresAt: NOW })
  expect(refusal(() => verifyDeviceCertificate(bytes, NOW - 1))).toBe('RecordError ERR_EXPIRED')
})

test('the signer must be the account that it names, and the one expected', () => {
  const other = testAccount('someone else')
  const renamed = certified(payloadWith({ account: other.key }))
  expect(refusal(() => verifyDeviceCertificate(renamed, NOW))).toBe('RecordError ERR_WRONG_ACCOUNT')
  const run = (): unknown => verifyDeviceCertificate(certificate.bytes, NOW, { account: other.key })
  expect(refusal(run)).toBe('RecordError ERR_WRONG_ACCOUNT')
})

test.each([
  ['another type of key', payloadWith({ type: 2 }), 'DecodeError ERR_MALFORMED'],
  ['a key of low order', payloadWith({ key: new Uint8Array(32) }), 'RecordError ERR_BAD_KEY'],
  ['no canonical key', payloadWith({ key: fromHex('ff'.repeat(32)) }), 'RecordError ERR_BAD_KEY'],
  ['a short payload', payloadWith({}).slice(0, 92), 'DecodeError ERR_TRUNCATED'],
  ['a long payload', concat(payloadWith({}), u8(0)), 'DecodeError ERR_TRAILING'],
  ['a sequence above 2^53 - 1', payloadWith({}).fill(0xff, 69, 77), 'DecodeError ERR_MALFORMED'],
])('%s is refused', (_, payload, code) => {
  expect(refusal(() => verifyDeviceCertificate(certified(payload), NOW))).toBe(code)
})

test('why a key is refused is in the cause', () => {
  const signed = certified(payloadWith({ key: new Uint8Array(32) }))
  expect(causeOf(() => verifyDeviceCertificate(signed, NOW))).toBeInstanceOf(CryptoError)
})

test('a certificate above the limit is refused', () => {
  const large = new Uint8Array(MAX_CERTIFICATE_BYTES + 1)
  expect(refusal(() => verifyDeviceCertificate(large, NOW))).toBe('DecodeError ERR_TOO_LARGE')
})

test('a number that has no encoding is not signed', () => {
  expect(() => certifyDevice(account, { ...fields, device: 2 ** 32 })).toThrow(RangeError)
  expect(() => certifyDevice(account, { ...fields, sequence: 2 ** 53 })).toThrow(RangeError)
})
