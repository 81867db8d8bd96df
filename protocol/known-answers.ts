// Published answers that the primitives must give before anything is done with them.

import { concat, fromHex, toHex, utf8 } from './bytes.ts'
import { CryptoError } from './errors.ts'
import type { Primitives } from './primitives.ts'

/** Throws `CryptoError` ERR_SELF_TEST, its cause naming the primitive, unless every answer is right. */
export function checkKnownAnswers(primitives: Primitives): void {
  for (const [name, holds] of checks) {
    let passed = false
    let cause: unknown = new Error(`wrong answer of ${name}`)
    try {
      passed = holds(primitives)
    } catch (thrown) {
      cause = thrown
    }
    if (!passed) throw new CryptoError('ERR_SELF_TEST', { cause })
  }
}

type Check = readonly [name: string, holds: (primitives: Primitives) => boolean]

const zeros = new Uint8Array(32)

const checks: readonly Check[] = [
  // RFC 7693, appendix A; and the keyed answers published with BLAKE2, input 00 01.
  ['BLAKE2b', (p) => is(p.blake2b(64, [], utf8('a'), [utf8('b'), utf8('c')]), BLAKE2B_ABC)],
  ['keyed BLAKE2b', (p) => is(p.blake2b(64, [range(0, 64)], fromHex('0001'), []), BLAKE2B_KEYED)],
  ['keyed BLAKE2b in halves', isPairSound],
  ['key derivation', isKdfSound],
  // RFC 7748, section 5.2.
  ['X25519', (p) => is(p.x25519(fromHex(X25519_SCALAR), fromHex(X25519_POINT)), X25519_RESULT)],
  ['X25519 base point', (p) => is(p.x25519Base(fromHex(X25519_NINE)), X25519_ONCE)],
  ['X25519 of zero', (p) => p.x25519(fromHex(X25519_SCALAR), zeros) === undefined],
  ['Ed25519', isEd25519Sound],
  ['Ed25519 points', (p) => !p.ed25519IsPrimeOrder(zeros)],
  ['Ed25519 mixed order', (p) => !p.ed25519IsPrimeOrder(fromHex(ED25519_MIXED_ORDER))],
  ['XChaCha20-Poly1305', isAeadSound],
  ['ML-KEM-768', isKemSound],
]

function is(bytes: Uint8Array | undefined, hex: string): boolean {
  return bytes !== undefined && toHex(bytes) === hex
}

function range(start: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => start + i)
}

function isPairSound(p: Primitives): boolean {
  return is(concat(...p.blake2bPair([range(0, 64)], fromHex('0001'), [])), BLAKE2B_KEYED)
}

/** Sample outputs in docs/protocol.md: a root step, which is a keyed hash and `crypto_kdf`, and a step of its chain. */
function isKdfSound(p: Primitives): boolean {
  const rootKey = fromHex(KDF_ROOT_KEY)
  const message = utf8('\u000fsotto/1 ratchet')
  const key = p.blake2b(32, [rootKey, new Uint8Array(32).fill(7)], message, [])
  const chain = p.kdfPair(1, utf8('So1Chain'), p.kdf(2, utf8('So1Root_'), key))
  return is(p.kdf(1, utf8('So1Root_'), key), KDF_NEXT_ROOT_KEY) && is(concat(...chain), KDF_CHAIN)
}

/** RFC 8032, section 7.1, test 2. */
function isEd25519Sound(p: Primitives): boolean {
  const seed = fromHex(ED25519_SEED)
  const message = fromHex('72')
  const publicKey = p.ed25519PublicKey(seed)
  const signature = p.ed25519Sign(seed, publicKey, message)
  return (
    is(publicKey, ED25519_PUBLIC_KEY) &&
    is(signature, ED25519_SIGNATURE) &&
    p.ed25519IsPrimeOrder(publicKey) &&
    p.ed25519Verify(publicKey, message, signature) &&
    !p.ed25519Verify(publicKey, message, fromHex(ED25519_LARGE_S)) &&
    !p.ed25519Verify(publicKey, fromHex('73'), signature)
  )
}

/** draft-irtf-cfrg-xchacha-03, appendix A.3.1. */
function isAeadSound(p: Primitives): boolean {
  const key = range(0x80, 32)
  const nonce = range(0x40, 24)
  const ad = [fromHex('50515253'), fromHex('c0c1c2c3c4c5c6c7')]
  const sealed = p.seal(key, nonce, ad, [utf8(AEAD_TEXT)], 0)
  if (!is(sealed, AEAD_SEALED)) return false
  if (!is(p.open(key, nonce, ad, sealed), toHex(utf8(AEAD_TEXT)))) return false
  return p.open(key, nonce, [], sealed) === undefined
}

/** The key pair of NIST ACVP ML-KEM-keyGen-FIPS203, case 26; OpenSSL opens the encapsulation to the same secret. */
function isKemSound(p: Primitives): boolean {
  const seed = fromHex(KEM_SEED)
  const publicKey = p.kemPublicKey(seed)
  const made = p.kemEncapsulate(publicKey, range(0, 32))
  if (made === undefined || !is(made.secret, KEM_SECRET)) return false
  if (!is(p.blake2b(32, [], publicKey, []), KEM_PUBLIC_KEY_HASH)) return false
  if (!is(p.blake2b(32, [], made.ciphertext, []), KEM_CIPHERTEXT_HASH)) return false
  if (!is(p.kemDecapsulate(seed, made.ciphertext), KEM_SECRET)) return false
  const unreduced = publicKey.slice().fill(0xff, 0, 3)
  return p.kemEncapsulate(unreduced, range(0, 32)) === undefined
}

const BLAKE2B_ABC =
  'ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1' +
  '7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923'
const BLAKE2B_KEYED =
  'da2cfbe2d8409a0f38026113884f84b50156371ae304c4430173d08a99d9fb1b' +
  '983164a3770706d537f49e0c916d9f32b95cc37a95b99d857436f0232c88a965'
const KDF_ROOT_KEY = '8bd1a357f545bd8586d9a60c87f07500bda8c8fa5c9ad56a4c7dd70f72a20df8'
const KDF_NEXT_ROOT_KEY = '97d8e147c6935527ac08cf83fa9cbdb20bb295fe6ca92b7917471e5994ff40a4'
const KDF_CHAIN =
  '8e5ebc840b6b2bff9189ceb69314df31c3095171717d935eb78835fe518e4566' +
  '82209233aece4cda9f3ac60d1cea7084c55b41e5cf6a1b3b554382d918120fc0'
const X25519_SCALAR = 'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'
const X25519_POINT = 'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c'
const X25519_RESULT = 'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552'
const X25519_NINE = '0900000000000000000000000000000000000000000000000000000000000000'
const X25519_ONCE = '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079'
const ED25519_SEED = '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'
const ED25519_PUBLIC_KEY = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'
const ED25519_SIGNATURE =
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
  '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'
/** The same signature with the group's order added to S. */
const ED25519_LARGE_S =
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
  'f52db7415978abc61b2c2eb6aeebfca0387b2eaeb4302aeeb00d291612bb0c10'
/** The public key with the point of order 2 added: (-x, -y). */
const ED25519_MIXED_ORDER = 'b0bfe83c17bc76a56d48f558b2e481436367d330d13b69733f32aa0ed50b99f3'
const AEAD_TEXT =
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, " +
  'sunscreen would be it.'
const AEAD_SEALED =
  'bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb' +
  '731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452' +
  '2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9' +
  '21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49'
const KEM_SEED =
  'e582b7d75e6c80b05ae392a1fc9f7153b12390fd99930368cc67a768baebc8a0' +
  '1cdacb8740c0b87c4a379575f187b367cbfa3b300bf591b109f79816e9cbe8f0'
const KEM_SECRET = '82c9c37c49c9e540d64f907ea0a3fb723a28008cff007dfd0769492f5a47c4dd'
const KEM_PUBLIC_KEY_HASH = '5e775aa228785ceef5e233437b7a26f87582f615839361bed633e7cbfbd12472'
const KEM_CIPHERTEXT_HASH = '99b3a291b0d4d2b963aa90f3041539b5f22ca27339e6c231d88f6feb189160c5'
