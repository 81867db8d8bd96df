import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { RandomBytes } from '../../protocol/bytes.ts'
import { concat, fromHex, toHex } from '../../protocol/bytes.ts'
import {
  aeadOpen,
  aeadSeal,
  checkAccountPoint,
  checkKemPublicKey,
  checkX25519PublicKey,
  derivePair,
  deriveSecret,
  dh,
  ed25519KeyPair,
  equalBytes,
  generateSecret,
  hash,
  importSecret,
  kdf,
  kdfPair,
  keyedHash,
  kemDecapsulate,
  kemEncapsulate,
  kemKeyPair,
  openBytes,
  ready,
  sealBytes,
  sign,
  verify,
  x25519KeyPair,
} from '../../protocol/crypto.ts'
import { primitives } from '../../protocol/provider.ts'
import { Secret } from '../../protocol/secret.ts'
import { seededRandom } from '../support/random.ts'
import { refusal } from '../support/refusals.ts'

await ready

const filled = (byte: number, length: number): Uint8Array => new Uint8Array(length).fill(byte)
const secret = (byte: number, length = 32): Secret<'Test'> =>
  importSecret('Test', filled(byte, length))
const shown = (value: Secret): string => toHex(Secret.reveal(value))

describe('derivations', () => {
  test('a keyed hash under public bytes and secrets in the message', () => {
    const shared = [secret(2), secret(3), secret(4), secret(5), secret(6)]
    const sessionSecret = deriveSecret(
      'SessionSecret',
      64,
      filled(1, 64),
      'pqxdh',
      filled(0xff, 32),
      ...shared,
    )
    expect(shown(sessionSecret).slice(0, 64)).toBe(
      '4d7351f2a476855259bf23276ba0b6da1201da774b8335ec4c1b22908e06e34c',
    )
    const outputs = {
      root: '8bd1a357f545bd8586d9a60c87f07500bda8c8fa5c9ad56a4c7dd70f72a20df8',
      'header a': 'd5aaaaa28e401d14ea06adcac021c22d730a052e484df0b719da66483c97c48a',
      'header b': '1fb87ed4101cb138e03752675d3af71f500845770f03b808c3afe6aef67178b8',
      'epoch 0': 'e44ea957ac5d8f288ac7ab8de2ffabad70a208d39e1c31c4e3ea37ab55850406',
      'session id': '5bcca5c51018b6f408619645800a6402b4f7be657588996f9ab3fcbb0b24d110',
    } as const
    for (const label of ['root', 'header a', 'header b', 'epoch 0', 'session id'] as const) {
      expect(shown(deriveSecret('Out', 32, sessionSecret, label))).toBe(outputs[label])
    }
  })

  test('two secrets as one 64-byte key, then a key derivation', () => {
    const rootKey = importSecret(
      'RootKey',
      fromHex('8bd1a357f545bd8586d9a60c87f07500bda8c8fa5c9ad56a4c7dd70f72a20df8'),
    )
    const step = deriveSecret('RootStep', 32, [rootKey, secret(7)], 'ratchet')
    expect([1, 2, 3].map((id) => shown(kdf('Out', step, 'So1Root_', id)))).toEqual([
      '97d8e147c6935527ac08cf83fa9cbdb20bb295fe6ca92b7917471e5994ff40a4',
      '01e0dc95da86814aff58ef69c3b81a6196dc5828f9678b14473598247c70795c',
      '35895f18010f68eb6e60dd780962543ca877ae8c284d6441b59efc4e0786b1f1',
    ])
  })

  test('a public tag under a derived key', () => {
    const headerKey = importSecret(
      'HeaderKey',
      fromHex('d5aaaaa28e401d14ea06adcac021c22d730a052e484df0b719da66483c97c48a'),
    )
    const tagKey = kdf('TagKey', headerKey, 'So1Head_', 2)
    const tag = keyedHash(16, tagKey, 'tag', filled(0x0b, 16), filled(0x0e, 32))
    expect(toHex(tag.slice(0, 8))).toBe('94c5d8f9402a2153')
  })

  test('length, label, key and message each change the result', () => {
    const results = [
      hash(32, 'bundle', filled(1, 4)),
      hash(33, 'bundle', filled(1, 4)),
      hash(32, 'token', filled(1, 4)),
      hash(32, 'bundle', filled(1, 5)),
      keyedHash(32, secret(0), 'tag', filled(1, 4)),
      keyedHash(32, secret(0, 64), 'tag', filled(1, 4)),
      keyedHash(32, secret(1), 'tag', filled(1, 4)),
    ]
    expect(new Set(results.map((result) => toHex(result.slice(0, 32)))).size).toBe(results.length)
  })

  test('how a message is cut into parts does not matter', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (parts) => {
        expect(hash(32, 'bundle', ...parts)).toEqual(hash(32, 'bundle', concat(...parts)))
      }),
    )
  })

  test('wrong lengths are refused', () => {
    const wrong = 'CryptoError ERR_LENGTH'
    expect(refusal(() => hash(15, 'bundle'))).toBe(wrong)
    expect(refusal(() => hash(65, 'bundle'))).toBe(wrong)
    expect(refusal(() => keyedHash(16, secret(1, 31), 'tag'))).toBe(wrong)
    expect(refusal(() => keyedHash(16, [secret(1), secret(1, 16)], 'tag'))).toBe(wrong)
    expect(refusal(() => keyedHash(16, new Uint8Array(0), 'tag'))).toBe(wrong)
    expect(refusal(() => kdf('Out', secret(1, 64), 'So1Root_', 1))).toBe(wrong)
    expect(refusal(() => kdfPair(['A', 'B'], secret(1, 64), 'So1Root_', 1))).toBe(wrong)
    expect(refusal(() => derivePair(['A', 'B'], secret(1, 31), 'tag'))).toBe(wrong)
  })
})

describe('secrets', () => {
  test('two at once are the halves of one derivation, and share no bytes', () => {
    const chainKey = fromHex('01e0dc95da86814aff58ef69c3b81a6196dc5828f9678b14473598247c70795c')
    const step = kdfPair(['First', 'Second'], importSecret('CK', chainKey), 'So1Chain', 1)
    expect(step.map(shown)).toEqual([
      '8e5ebc840b6b2bff9189ceb69314df31c3095171717d935eb78835fe518e4566',
      '82209233aece4cda9f3ac60d1cea7084c55b41e5cf6a1b3b554382d918120fc0',
    ])
    const whole = shown(deriveSecret('Whole', 64, secret(1), 'message', filled(2, 8)))
    const pair = derivePair(['First', 'Second'], secret(1), 'message', filled(2, 8))
    expect(pair.map(shown)).toEqual([whole.slice(0, 64), whole.slice(64)])
    for (const [first, second] of [step, pair]) {
      expect([first.name, second.name]).toEqual(['First', 'Second'])
      const other = shown(second)
      first.wipe()
      expect(shown(second)).toBe(other)
    }
  })

  test('a generator that gives too little is refused', () => {
    expect(refusal(() => generateSecret('Key', 32, () => new Uint8Array(31)))).toBe(
      'CryptoError ERR_LENGTH',
    )
  })

  test('what is agreed on carries the name of its kind', () => {
    const { publicKey } = x25519KeyPair(secret(2))
    const seed = secret(3, 64)
    const made = kemEncapsulate(kemKeyPair(seed).publicKey, seededRandom(1))
    const opened = kemDecapsulate(seed, made.ciphertext)
    const names = [dh(secret(1), publicKey), made.secret, opened].map(({ name }) => name)
    expect(names).toEqual(['DhOutput', 'KemSecret', 'KemSecret'])
  })

  test('a wiped key cannot be used', () => {
    const key = secret(1)
    key.wipe()
    expect(() => keyedHash(16, key, 'tag')).toThrow('wiped')
  })
})

describe('sealing', () => {
  const salt = filled(9, 16)

  test('what was sealed opens, and only under the same key, salt and associated data', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.uint8Array(), (text, ad) => {
        const sealed = aeadSeal(secret(1), salt, ad, text)
        expect(sealed).toHaveLength(text.length + 16)
        expect(aeadOpen(secret(1), salt, ad, sealed)).toEqual(text)
        const failures = [
          () => aeadOpen(secret(2), salt, ad, sealed),
          () => aeadOpen(secret(1), filled(8, 16), ad, sealed),
          () => aeadOpen(secret(1), salt, concat(ad, filled(0, 1)), sealed),
        ]
        for (const run of failures) expect(refusal(run)).toBe('CryptoError ERR_AEAD')
      }),
      { numRuns: 30 },
    )
  })

  test('every prefix, extension and changed bit is refused', () => {
    const sealed = aeadSeal(secret(1), salt, filled(1, 3), filled(7, 20))
    const damaged = [concat(sealed, filled(0, 1))]
    for (let i = 0; i < sealed.length; i += 1) damaged.push(sealed.slice(0, i))
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = sealed.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      damaged.push(changed)
    }
    for (const bytes of damaged) {
      const run = (): unknown => aeadOpen(secret(1), salt, filled(1, 3), bytes)
      expect(refusal(run)).toBe('CryptoError ERR_AEAD')
    }
  })

  test('a salt is the nonce followed by zeros; associated data may come in parts', () => {
    const nonce = concat(salt, filled(0, 8))
    const whole = sealBytes(secret(1), nonce, filled(3, 6), filled(7, 20))
    expect(aeadSeal(secret(1), salt, [filled(3, 2), filled(3, 4)], filled(7, 20))).toEqual(whole)
    expect(openBytes(secret(1), nonce, filled(3, 6), whole)).toEqual(filled(7, 20))
  })

  test('a large text grows the region', () => {
    const text = filled(5, 3 * 1024 * 1024)
    const nonce = filled(1, 24)
    const sealed = sealBytes(secret(1), nonce, filled(0, 0), text)
    expect(equalBytes(openBytes(secret(1), nonce, filled(0, 0), sealed), text)).toBe(true)
  })

  test('wrong lengths of key and nonce are refused', () => {
    const none = new Uint8Array(0)
    const wrong = 'CryptoError ERR_LENGTH'
    expect(refusal(() => aeadSeal(secret(1, 64), salt, none, none))).toBe(wrong)
    expect(refusal(() => aeadSeal(secret(1), filled(1, 24), none, none))).toBe(wrong)
    expect(refusal(() => sealBytes(secret(1), salt, none, none))).toBe(wrong)
    expect(refusal(() => openBytes(secret(1), salt, none, none))).toBe(wrong)
  })
})

describe('X25519', () => {
  const LOW_ORDER = [
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ]
  const NOT_CANONICAL = [
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0900000000000000000000000000000000000000000000000000000000000080',
    'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  ]

  test('both sides agree', () => {
    const random = seededRandom('agree')
    const [a, b] = [
      x25519KeyPair(generateSecret('A', 32, random)),
      x25519KeyPair(generateSecret('B', 32, random)),
    ]
    expect(shown(dh(a.privateKey, b.publicKey))).toBe(shown(dh(b.privateKey, a.publicKey)))
  })

  test('the private half keeps its name and its bytes', () => {
    const seed = secret(3)
    expect(x25519KeyPair(seed).privateKey).toBe(seed)
  })

  test.each(LOW_ORDER)('low order %s', (hex) => {
    expect(refusal(() => dh(secret(1), fromHex(hex)))).toBe('CryptoError ERR_LOW_ORDER')
    expect(refusal(() => checkX25519PublicKey(fromHex(hex)))).toBe('CryptoError ERR_LOW_ORDER')
  })

  test.each(NOT_CANONICAL)('not canonical %s', (hex) => {
    expect(refusal(() => dh(secret(1), fromHex(hex)))).toBe('CryptoError ERR_NOT_CANONICAL')
    expect(refusal(() => checkX25519PublicKey(fromHex(hex)))).toBe('CryptoError ERR_NOT_CANONICAL')
  })

  test('wrong lengths are refused', () => {
    for (const length of [0, 31, 33]) {
      expect(refusal(() => dh(secret(1), filled(9, length)))).toBe('CryptoError ERR_LENGTH')
      expect(refusal(() => x25519KeyPair(secret(1, length)))).toBe('CryptoError ERR_LENGTH')
    }
  })
})

describe('ML-KEM-768', () => {
  const seed = importSecret('KemSeed', seededRandom('kem')(64))
  const { publicKey } = kemKeyPair(seed)

  test('both sides agree', () => {
    const { ciphertext, secret: made } = kemEncapsulate(publicKey, seededRandom(1))
    expect(ciphertext).toHaveLength(1088)
    expect(shown(kemDecapsulate(seed, ciphertext))).toBe(shown(made))
  })

  test('the only randomness is what was given', () => {
    const drawn: number[] = []
    const random: RandomBytes = (length) => {
      drawn.push(length)
      return filled(7, length)
    }
    const [a, b] = [kemEncapsulate(publicKey, random), kemEncapsulate(publicKey, random)]
    expect(a.ciphertext).toEqual(b.ciphertext)
    expect(drawn).toEqual([32, 32])
  })

  test('the randomness is overwritten', () => {
    const randomness = filled(7, 32)
    kemEncapsulate(publicKey, () => randomness)
    expect(randomness).toEqual(filled(0, 32))
  })

  test('a changed ciphertext gives another secret', () => {
    const { ciphertext, secret: made } = kemEncapsulate(publicKey, seededRandom(1))
    ciphertext[0] = (ciphertext[0] ?? 0) ^ 1
    expect(shown(kemDecapsulate(seed, ciphertext))).not.toBe(shown(made))
  })

  test('a key with a coefficient of 3329 is refused, one of 3328 is not', () => {
    for (let i = 0; i < 768; i += 53) {
      expect(() => checkKemPublicKey(withCoefficient(publicKey, i, 3328))).not.toThrow()
      const bad = withCoefficient(publicKey, i, 3329)
      expect(refusal(() => checkKemPublicKey(bad))).toBe('CryptoError ERR_NOT_CANONICAL')
      const run = (): unknown => kemEncapsulate(bad, seededRandom(1))
      expect(refusal(run)).toBe('CryptoError ERR_NOT_CANONICAL')
    }
  })

  test('wrong lengths are refused', () => {
    const wrong = 'CryptoError ERR_LENGTH'
    expect(refusal(() => kemKeyPair(secret(1)))).toBe(wrong)
    expect(refusal(() => checkKemPublicKey(publicKey.slice(1)))).toBe(wrong)
    expect(refusal(() => kemEncapsulate(publicKey.slice(1), seededRandom(1)))).toBe(wrong)
    expect(refusal(() => kemDecapsulate(seed, new Uint8Array(1087)))).toBe(wrong)
    expect(refusal(() => kemEncapsulate(publicKey, () => new Uint8Array(31)))).toBe(wrong)
  })

  function withCoefficient(key: Uint8Array, index: number, value: number): Uint8Array {
    const copy = key.slice()
    const at = Math.floor(index / 2) * 3
    if (index % 2 === 0) {
      copy[at] = value & 0xff
      copy[at + 1] = ((copy[at + 1] ?? 0) & 0xf0) | (value >> 8)
    } else {
      copy[at + 1] = ((copy[at + 1] ?? 0) & 0x0f) | ((value & 0x0f) << 4)
      copy[at + 2] = value >> 4
    }
    return copy
  }
})

describe('Ed25519', () => {
  const seed = secret(4)
  const { publicKey } = ed25519KeyPair(seed)
  const message = filled(1, 100)
  const signature = sign(seed, message)

  test('a signature holds for its message and key only', () => {
    expect(verify(publicKey, message, signature)).toBe(true)
    expect(verify(publicKey, filled(2, 100), signature)).toBe(false)
    expect(verify(ed25519KeyPair(secret(5)).publicKey, message, signature)).toBe(false)
  })

  test('a signature or key of another length does not hold', () => {
    expect(verify(publicKey, message, signature.slice(1))).toBe(false)
    expect(verify(publicKey.slice(1), message, signature)).toBe(false)
  })

  test('signing is deterministic, and derives the public key once', () => {
    const derive = vi.spyOn(primitives(), 'ed25519PublicKey')
    const other = secret(6)
    const first = sign(other, message)
    expect(sign(other, message)).toEqual(first)
    expect(derive).toHaveBeenCalledTimes(1)
    derive.mockRestore()
    expect(sign(seed, message)).toEqual(signature)
  })

  test.each([
    [
      'the identity',
      '0100000000000000000000000000000000000000000000000000000000000000',
      'LOW_ORDER',
    ],
    ['order 2', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'LOW_ORDER'],
    ['order 4', '0000000000000000000000000000000000000000000000000000000000000000', 'LOW_ORDER'],
    ['order 8', '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'LOW_ORDER'],
    [
      'off the curve',
      '0200000000000000000000000000000000000000000000000000000000000000',
      'LOW_ORDER',
    ],
    ['y = p', 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f', 'NOT_CANONICAL'],
    [
      'y = p + 1',
      'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
      'NOT_CANONICAL',
    ],
  ])('%s is no account key', (_, hex, code) => {
    expect(refusal(() => checkAccountPoint(fromHex(hex)))).toBe(`CryptoError ERR_${code}`)
  })

  test('a key of 31 bytes is no account key', () => {
    expect(refusal(() => checkAccountPoint(publicKey.slice(1)))).toBe('CryptoError ERR_LENGTH')
  })
})
