import { beforeAll, describe, expect, test } from 'vitest'
import { concat, u16, u32, u64 } from '../../protocol/bytes.ts'
import { aeadSeal, deriveSecret, importSecret, keyedHash, ready } from '../../protocol/crypto.ts'
import type { HandshakeClaims } from '../../protocol/hidden-identity.ts'
import { openIdentity, sealIdentity } from '../../protocol/hidden-identity.ts'
import type { Secret } from '../../protocol/secret.ts'
import { NOW, testPerson } from '../support/people.ts'
import { refusal } from '../support/refusals.ts'
import { expectNothingLeft, isWiped } from '../support/secrets.ts'

beforeAll(() => ready)

const TRANSCRIPT = new Uint8Array(64).fill(5)
const RANDOM = new Uint8Array(16).fill(6)

describe('a hidden identity', () => {
  test('is the salt and the sealed claims of the byte table', () => {
    const claims = testClaims()
    const plain = plainOf(claims)
    const hidden = sealIdentity(identitySecret(), TRANSCRIPT, claims, () => RANDOM.slice())
    const salt = keyedHash(16, identitySecret(), 'identity salt', RANDOM, plain)
    expect(hidden).toEqual(concat(salt, sealed(salt, plain)))
    expect(openIdentity(identitySecret(), TRANSCRIPT, hidden, NOW)).toEqual(claims)
  })

  test('uses up its secret and leaves none, opened or not', () => {
    const claims = testClaims()
    const [forSeal, forOpen, forRefusal] = [identitySecret(), identitySecret(), identitySecret()]
    const hidden = expectNothingLeft(
      () => sealIdentity(forSeal, TRANSCRIPT, claims, () => RANDOM.slice()),
      [],
    )
    expectNothingLeft(() => openIdentity(forOpen, TRANSCRIPT, hidden, NOW), [])
    const another = new Uint8Array(64)
    expect(
      refusal(() => expectNothingLeft(() => openIdentity(forRefusal, another, hidden, NOW), [])),
    ).toBe('CryptoError ERR_AEAD')
    expect([forSeal, forOpen, forRefusal].map(isWiped)).toEqual([true, true, true])
  })

  test('is refused with ordinal 0, and when it goes on behind the certificate', () => {
    const claims = testClaims()
    expect(refusal(() => open(plainOf({ ...claims, ordinal: 0 })))).toBe(
      'DecodeError ERR_MALFORMED',
    )
    expect(refusal(() => open(concat(plainOf(claims), new Uint8Array(1))))).toBe(
      'DecodeError ERR_TRAILING',
    )
  })

  test('is refused where it names another account, device or key than its certificate', () => {
    const claims = testClaims()
    const { certificate } = claims
    const other = testPerson('other').device.certificate
    const wrong: readonly Partial<typeof certificate>[] = [
      { account: other.account },
      { device: certificate.device + 1 },
      { identityKey: other.identityKey },
    ]
    for (const change of wrong) {
      const plain = plainOf({ ...claims, certificate: { ...certificate, ...change } })
      expect(refusal(() => open(plain))).toBe('RecordError ERR_WRONG_ACCOUNT')
    }
    expect(open(plainOf(claims))).toEqual(claims)
  })
})

function testClaims(): HandshakeClaims {
  const { certificate } = testPerson('initiator').device
  const bundleDigest = new Uint8Array(32).fill(8)
  return { certificate, ordinal: 3, seen: 2, bundleSequence: 9, bundleDigest }
}

function identitySecret(): Secret<'IdentitySecret'> {
  return importSecret('IdentitySecret', new Uint8Array(64).fill(4))
}

function plainOf({ certificate, ...claims }: HandshakeClaims): Uint8Array {
  const { account, device, identityKey, bytes } = certificate
  const numbers = concat(u64(claims.ordinal), u64(claims.seen), u64(claims.bundleSequence))
  const head = concat(account, u32(device), identityKey, numbers, claims.bundleDigest)
  return concat(head, u16(bytes.length), bytes)
}

function sealed(salt: Uint8Array, plain: Uint8Array): Uint8Array {
  const key = deriveSecret('IdentityKey', 32, identitySecret(), 'identity key')
  return aeadSeal(key, salt, TRANSCRIPT, plain)
}

function open(plain: Uint8Array): HandshakeClaims {
  const salt = new Uint8Array(16).fill(1)
  return openIdentity(identitySecret(), TRANSCRIPT, concat(salt, sealed(salt, plain)), NOW)
}
