import sodium from 'libsodium-wrappers'
import { expect, test } from 'vitest'
import { fromHex } from '../../protocol/bytes.ts'
import { checkKnownAnswers } from '../../protocol/known-answers.ts'
import type { Primitives } from '../../protocol/primitives.ts'
import type { SodiumModule } from '../../protocol/sodium-module.ts'
import { wasmPrimitives } from '../../protocol/primitives.ts'
import { causeOf, refusal } from '../support/refusals.ts'

await sodium.ready
const { libsodium } = sodium as unknown as { readonly libsodium: SodiumModule }
const sound = wasmPrimitives(libsodium)

test('libsodium gives the published answers', () => {
  expect(() => checkKnownAnswers(sound)).not.toThrow()
})

/** What the checks for Ed25519 and ML-KEM start from. */
const edSeed = fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb')
const edKey = sound.ed25519PublicKey(edSeed)
const kemKeys: Uint8Array[] = []

/** Ways in which a primitive can be broken, alone or so that others do not give it away, and the check that must notice. */
const breakage: readonly (readonly [string, Partial<Primitives>])[] = [
  ['BLAKE2b', { blake2b: (...input) => flipped(sound.blake2b(...input)) }],
  ['keyed BLAKE2b', { blake2b: (length, _, ...rest) => sound.blake2b(length, [], ...rest) }],
  ['keyed BLAKE2b in halves', { blake2bPair: (...input) => spoilt(sound.blake2bPair(...input)) }],
  ['key derivation', { kdf: (...input) => flipped(sound.kdf(...input)) }],
  ['key derivation', { kdfPair: (...input) => spoilt(sound.kdfPair(...input)) }],
  ['X25519', { x25519: (...input) => flipped(sound.x25519(...input) ?? zeros()) }],
  ['X25519', { x25519: () => undefined }],
  ['X25519 base point', { x25519Base: (...input) => flipped(sound.x25519Base(...input)) }],
  ['X25519 of zero', { x25519: (...input) => sound.x25519(...input) ?? zeros() }],
  [
    'Ed25519',
    {
      ed25519PublicKey: (seed) => flipped(sound.ed25519PublicKey(seed)),
      ed25519Sign: (seed, _, message) => sound.ed25519Sign(seed, edKey, message),
      ed25519IsPrimeOrder: () => true,
      ed25519Verify: (_, message, signature) => sound.ed25519Verify(edKey, message, signature),
    },
  ],
  [
    'Ed25519',
    {
      ed25519Sign: () => new Uint8Array(64),
      ed25519Verify: (_, message, signature) => message[0] === 0x72 && signature[0] === 0,
    },
  ],
  ['Ed25519', { ed25519IsPrimeOrder: () => false }],
  ['Ed25519', { ed25519Verify: () => false }],
  ['Ed25519', { ed25519Verify: (_, message) => message[0] === 0x72 }],
  [
    'Ed25519',
    {
      ed25519Verify: (key, message, signature) =>
        message.length === 1 && sound.ed25519Verify(key, Uint8Array.of(0x72), signature),
    },
  ],
  ['Ed25519 points', { ed25519IsPrimeOrder: () => true }],
  ['Ed25519 mixed order', { ed25519IsPrimeOrder: (point) => point.some((byte) => byte !== 0) }],
  [
    'XChaCha20-Poly1305',
    {
      seal: (...input) => flipped(sound.seal(...input)),
      open: (key, nonce, ad, sealed) => sound.open(key, nonce, ad, flipped(sealed.slice())),
    },
  ],
  ['XChaCha20-Poly1305', { open: (...input) => flipped(sound.open(...input) ?? zeros()) }],
  ['XChaCha20-Poly1305', { open: () => undefined }],
  [
    'XChaCha20-Poly1305',
    {
      open: (key, nonce, ad, sealed) =>
        ad.length === 0 ? zeros() : sound.open(key, nonce, ad, sealed),
    },
  ],
  [
    'ML-KEM-768',
    {
      kemPublicKey(seed) {
        kemKeys.push(sound.kemPublicKey(seed))
        return flipped(sound.kemPublicKey(seed))
      },
      kemEncapsulate: (key, randomness) =>
        sound.kemEncapsulate(isUnreduced(key) ? key : kemKey(), randomness),
    },
  ],
  ['ML-KEM-768', { kemEncapsulate: () => undefined }],
  [
    'ML-KEM-768',
    {
      kemEncapsulate(...input) {
        const made = sound.kemEncapsulate(...input)
        return made && { ...made, secret: flipped(made.secret) }
      },
    },
  ],
  [
    'ML-KEM-768',
    {
      kemEncapsulate(...input) {
        const made = sound.kemEncapsulate(...input)
        return made && { ...made, ciphertext: flipped(made.ciphertext) }
      },
      kemDecapsulate: (seed, ciphertext) => sound.kemDecapsulate(seed, flipped(ciphertext.slice())),
    },
  ],
  ['ML-KEM-768', { kemDecapsulate: (...input) => flipped(sound.kemDecapsulate(...input)) }],
  [
    'ML-KEM-768',
    {
      kemEncapsulate: (key, randomness) =>
        sound.kemEncapsulate(isUnreduced(key) ? kemKey() : key, randomness),
      kemPublicKey(seed) {
        kemKeys.push(sound.kemPublicKey(seed))
        return sound.kemPublicKey(seed)
      },
    },
  ],
]

test.each(breakage)('%s: broken in way %#', (check, broken) => {
  const run = () => checkKnownAnswers({ ...sound, ...broken })
  expect(refusal(run)).toBe('CryptoError ERR_SELF_TEST')
  expect(causeOf(run)).toEqual(new Error(`wrong answer of ${check}`))
})

test('every check has its breakage, and every primitive', () => {
  expect(new Set(breakage.map(([check]) => check)).size).toBe(12)
  const broken = new Set(breakage.flatMap(([, how]) => Object.keys(how)))
  expect(broken).toEqual(new Set(Object.keys(sound)))
})

test('a primitive that throws is noticed, and why', () => {
  const thrown = new Error('out of memory')
  const broken: Primitives = {
    ...sound,
    kemPublicKey: () => {
      throw thrown
    },
  }
  const run = () => checkKnownAnswers(broken)
  expect(refusal(run)).toBe('CryptoError ERR_SELF_TEST')
  expect(causeOf(run)).toBe(thrown)
})

function spoilt([first, second]: readonly [Uint8Array, Uint8Array]): [Uint8Array, Uint8Array] {
  return [first, flipped(second)]
}

function zeros(): Uint8Array {
  return new Uint8Array(32)
}

function isUnreduced(key: Uint8Array): boolean {
  return key.subarray(0, 3).every((byte) => byte === 0xff)
}

/** The one that was made last. */
function kemKey(): Uint8Array {
  return kemKeys.at(-1) ?? zeros()
}

function flipped(bytes: Uint8Array): Uint8Array {
  bytes[0] = (bytes[0] ?? 0) ^ 1
  return bytes
}
