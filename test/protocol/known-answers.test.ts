import sodium from 'libsodium-wrappers'
import { expect, test } from 'vitest'
import { checkKnownAnswers } from '../../protocol/known-answers.ts'
import type { Primitives } from '../../protocol/primitives.ts'
import type { SodiumModule } from '../../protocol/sodium-module.ts'
import { wasmPrimitives } from '../../protocol/primitives.ts'
import { refusal } from '../support/refusals.ts'

await sodium.ready
const { libsodium } = sodium as unknown as { readonly libsodium: SodiumModule }
const sound = wasmPrimitives(libsodium)

test('libsodium gives the published answers', () => {
  expect(() => checkKnownAnswers(sound)).not.toThrow()
})

/** One wrong bit, or the opposite answer. */
const breakage: { readonly [Name in keyof Primitives]: Primitives[Name] } = {
  blake2b: (...input) => flipped(sound.blake2b(...input)),
  blake2bPair: (...input) => flippedPair(sound.blake2bPair(...input)),
  kdf: (...input) => flipped(sound.kdf(...input)),
  kdfPair: (...input) => flippedPair(sound.kdfPair(...input)),
  seal: (...input) => flipped(sound.seal(...input) ?? new Uint8Array(16)),
  open: (_key, _nonce, _ad, sealed) => sealed.slice(16),
  x25519: (privateKey, publicKey) => sound.x25519(privateKey, publicKey) ?? new Uint8Array(32),
  x25519Base: (...input) => flipped(sound.x25519Base(...input)),
  ed25519PublicKey: (...input) => flipped(sound.ed25519PublicKey(...input)),
  ed25519Sign: (...input) => flipped(sound.ed25519Sign(...input)),
  ed25519Verify: () => true,
  ed25519IsPrimeOrder: () => true,
  kemPublicKey: (...input) => flipped(sound.kemPublicKey(...input)),
  kemEncapsulate: () => undefined,
  kemDecapsulate: (...input) => flipped(sound.kemDecapsulate(...input)),
}

test.each(Object.keys(breakage) as (keyof Primitives)[])('a broken %s is noticed', (name) => {
  const broken = { ...sound, [name]: breakage[name] }
  expect(refusal(() => checkKnownAnswers(broken))).toBe('CryptoError ERR_SELF_TEST')
})

test('a primitive that throws is noticed', () => {
  const broken: Primitives = {
    ...sound,
    kemPublicKey: () => {
      throw new Error('out of memory')
    },
  }
  expect(refusal(() => checkKnownAnswers(broken))).toBe('CryptoError ERR_SELF_TEST')
})

function flippedPair([first, second]: readonly [Uint8Array, Uint8Array]): [Uint8Array, Uint8Array] {
  return [first, flipped(second)]
}

function flipped(bytes: Uint8Array): Uint8Array {
  bytes[0] = (bytes[0] ?? 0) ^ 1
  return bytes
}
