// Every cryptographic operation of sotto. Keys go in and out as `Secret`; whatever a primitive refuses becomes a
// `CryptoError` here. Whose primitives run is decided in `provider.ts`.
//
// libsodium's own randomness and every function that draws from it are not used: keys come from seeds.

import type { Brand, RandomBytes } from './bytes.ts'
import { utf8 } from './bytes.ts'
import { CryptoError } from './errors.ts'
import type { HashLabel, KdfContext, KeyedLabel } from './labels.ts'
import { labelBytes } from './labels.ts'
import {
  isCanonicalEd25519,
  isCanonicalX25519,
  isLowOrderX25519,
  isReducedKemKey,
} from './public-keys.ts'
import { KEM_CIPHERTEXT_BYTES, KEM_PUBLIC_KEY_BYTES, KEM_SEED_BYTES } from './primitives.ts'
import { primitives } from './provider.ts'
import { Secret } from './secret.ts'

export { equalBytes } from './bytes.ts'
export { KEM_CIPHERTEXT_BYTES, KEM_PUBLIC_KEY_BYTES, KEM_SEED_BYTES } from './primitives.ts'
export type { CryptoProvider } from './provider.ts'
export { cryptoProvider, ready } from './provider.ts'

/** An X25519 pair: 32 public bytes (canonical), 32 secret ones. */
export interface KeyPair<Name extends string = string> {
  readonly publicKey: Brand<Uint8Array, Name>
  readonly privateKey: Secret<Name>
}

/** 1184 bytes, every coefficient reduced. Safe to log. */
export type KemPublicKey = Brand<Uint8Array, 'KemPublicKey'>

/** Key of a keyed hash: one secret, several joined, or public bytes; 32 or 64 bytes together. */
export type HashKey = Secret | Uint8Array | readonly Secret[]

/** A byte string, whole or as the parts it is joined of. */
export type BytesOrParts = Uint8Array | readonly Uint8Array[]

/** `G(length, none, label; message)`: BLAKE2b without a key. */
export function hash(
  length: number,
  label: HashLabel,
  ...message: readonly Uint8Array[]
): Uint8Array {
  return blake2b(length, NO_KEY, label, message)
}

/** `G(length, key, label; message)` with a public result: a salt or a tag. */
export function keyedHash(
  length: number,
  key: HashKey,
  label: KeyedLabel,
  ...message: readonly Uint8Array[]
): Uint8Array {
  return blake2b(length, hashKey(key), label, message)
}

/** `G(length, key, label; message)` with a secret result. */
export function deriveSecret<Name extends string>(
  name: Name,
  length: number,
  key: HashKey,
  label: KeyedLabel,
  ...message: readonly (Uint8Array | Secret)[]
): Secret<Name> {
  const parts = message.map((part) => (part instanceof Secret ? Secret.reveal(part) : part))
  return new Secret(name, blake2b(length, hashKey(key), label, parts))
}

/** The two halves of `G(64, key, label; message)`, each a secret. */
export function derivePair<First extends string, Second extends string>(
  [first, second]: readonly [First, Second],
  key: HashKey,
  label: KeyedLabel,
  ...message: readonly Uint8Array[]
): [Secret<First>, Secret<Second>] {
  const [a, b] = primitives().blake2bPair(hashKey(key), labelBytes(label), message)
  return [new Secret(first, a), new Secret(second, b)]
}

/** `D(32, key, context, id)`: `crypto_kdf` under a 32-byte key. */
export function kdf<Name extends string>(
  name: Name,
  key: Secret,
  context: KdfContext,
  id: number,
): Secret<Name> {
  const keyBytes = sized(Secret.reveal(key), 32)
  return new Secret(name, primitives().kdf(id, contexts[context], keyBytes))
}

/** The two halves of `D(64, key, context, id)`, each a secret. */
export function kdfPair<First extends string, Second extends string>(
  [first, second]: readonly [First, Second],
  key: Secret,
  context: KdfContext,
  id: number,
): [Secret<First>, Secret<Second>] {
  const keyBytes = sized(Secret.reveal(key), 32)
  const [a, b] = primitives().kdfPair(id, contexts[context], keyBytes)
  return [new Secret(first, a), new Secret(second, b)]
}

/**
 * `SEAL(key, salt, ad, text)`: XChaCha20-Poly1305, the nonce is the 16-byte salt and 8 zero bytes. The result begins with
 * `room` zero bytes, for what the caller puts before it.
 */
export function aeadSeal(
  key: Secret,
  salt: Uint8Array,
  ad: BytesOrParts,
  text: BytesOrParts,
  room = 0,
): Uint8Array {
  return seal(key, sized(salt, SALT_BYTES), ad, text, room)
}

/** The text of `aeadSeal`. Throws `CryptoError` ERR_AEAD. */
export function aeadOpen(
  key: Secret,
  salt: Uint8Array,
  ad: BytesOrParts,
  sealed: Uint8Array,
): Uint8Array {
  return open(key, sized(salt, SALT_BYTES), ad, sealed)
}

/**
 * XChaCha20-Poly1305 with a whole random nonce of 24 bytes: for what is stored under a long-lived key. The result begins with
 * `room` zero bytes.
 */
export function sealBytes(
  key: Secret,
  nonce: Uint8Array,
  ad: Uint8Array,
  text: Uint8Array,
  room = 0,
): Uint8Array {
  return seal(key, sized(nonce, NONCE_BYTES), ad, text, room)
}

/** The text of `sealBytes`. Throws `CryptoError` ERR_AEAD. */
export function openBytes(
  key: Secret,
  nonce: Uint8Array,
  ad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  return open(key, sized(nonce, NONCE_BYTES), ad, sealed)
}

/** The X25519 pair of 32 random bytes; they become the private key, under the name they have. */
export function x25519KeyPair<Name extends string>(privateKey: Secret<Name>): KeyPair<Name> {
  const publicKey = primitives().x25519Base(sized(Secret.reveal(privateKey), 32))
  return { publicKey: publicKey as Brand<Uint8Array, Name>, privateKey }
}

/** X25519. Throws `CryptoError` for a key that is not canonical and for an all-zero result (ERR_LOW_ORDER). */
export function dh(privateKey: Secret, publicKey: Uint8Array): Secret<'DhOutput'> {
  if (!isCanonicalX25519(sized(publicKey, 32))) throw new CryptoError('ERR_NOT_CANONICAL')
  const shared = primitives().x25519(sized(Secret.reveal(privateKey), 32), publicKey)
  if (shared === undefined) throw new CryptoError('ERR_LOW_ORDER')
  return new Secret('DhOutput', shared)
}

/** Throws `CryptoError` unless these are the 32 bytes of a canonical u-coordinate that is not of low order. */
export function checkX25519PublicKey(bytes: Uint8Array): void {
  if (!isCanonicalX25519(sized(bytes, 32))) throw new CryptoError('ERR_NOT_CANONICAL')
  if (isLowOrderX25519(bytes)) throw new CryptoError('ERR_LOW_ORDER')
}

/** The ML-KEM-768 encapsulation key of a 64-byte seed. The seed is what is kept: it is expanded on use. */
export function kemKeyPair(seed: Secret): { readonly publicKey: KemPublicKey } {
  const publicKey = primitives().kemPublicKey(sized(Secret.reveal(seed), KEM_SEED_BYTES))
  return { publicKey: publicKey as KemPublicKey }
}

/** Throws `CryptoError` unless these are 1184 bytes with every coefficient reduced (FIPS 203, 7.2). */
export function checkKemPublicKey(bytes: Uint8Array): void {
  if (!isReducedKemKey(sized(bytes, KEM_PUBLIC_KEY_BYTES))) {
    throw new CryptoError('ERR_NOT_CANONICAL')
  }
}

/** ML-KEM-768 encapsulation over 32 bytes drawn from `random`. Throws `CryptoError` for a key that is not reduced. */
export function kemEncapsulate(
  publicKey: Uint8Array,
  random: RandomBytes,
): { readonly ciphertext: Uint8Array; readonly secret: Secret<'KemSecret'> } {
  sized(publicKey, KEM_PUBLIC_KEY_BYTES)
  const randomness = sized(random(32), 32)
  const result = primitives().kemEncapsulate(publicKey, randomness)
  randomness.fill(0)
  if (result === undefined) throw new CryptoError('ERR_NOT_CANONICAL')
  return { ciphertext: result.ciphertext, secret: new Secret('KemSecret', result.secret) }
}

/** ML-KEM-768 decapsulation. A ciphertext for another key gives an unrelated secret, not an error. */
export function kemDecapsulate(seed: Secret, ciphertext: Uint8Array): Secret<'KemSecret'> {
  const seedBytes = sized(Secret.reveal(seed), KEM_SEED_BYTES)
  const secret = primitives().kemDecapsulate(seedBytes, sized(ciphertext, KEM_CIPHERTEXT_BYTES))
  return new Secret('KemSecret', secret)
}

/** The Ed25519 public key of a 32-byte seed. */
export function ed25519KeyPair(seed: Secret): { readonly publicKey: Uint8Array } {
  return { publicKey: primitives().ed25519PublicKey(sized(Secret.reveal(seed), 32)) }
}

/** Ed25519 signature, 64 bytes, deterministic (RFC 8032). */
export function sign(seed: Secret, message: Uint8Array): Uint8Array {
  const seedBytes = sized(Secret.reveal(seed), 32)
  return primitives().ed25519Sign(seedBytes, publicKeyOf(seed), message)
}

/** Of the seeds that have signed: deriving it costs as much as the signature, and nobody else may say what it is. */
const publicKeys = new WeakMap<Secret, Uint8Array>()

function publicKeyOf(seed: Secret): Uint8Array {
  const known = publicKeys.get(seed) ?? primitives().ed25519PublicKey(Secret.reveal(seed))
  publicKeys.set(seed, known)
  return known
}

/** Whether an Ed25519 signature holds: cofactorless, canonical S, no small-order key or R. */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  return primitives().ed25519Verify(publicKey, message, signature)
}

/**
 * Throws `CryptoError` unless these 32 bytes are a canonical Ed25519 point (else ERR_NOT_CANONICAL) on the curve
 * and in its prime-order subgroup (else ERR_LOW_ORDER).
 */
export function checkAccountPoint(bytes: Uint8Array): void {
  if (!isCanonicalEd25519(sized(bytes, 32))) throw new CryptoError('ERR_NOT_CANONICAL')
  if (!primitives().ed25519IsPrimeOrder(bytes)) throw new CryptoError('ERR_LOW_ORDER')
}

/** Makes a secret of bytes that the caller gives up: no other view of them may stay in use. */
export function importSecret<Name extends string>(name: Name, bytes: Uint8Array): Secret<Name> {
  return new Secret(name, bytes)
}

/** A fresh secret. `random` must be the platform's generator, never a pool. */
export function generateSecret<Name extends string>(
  name: Name,
  length: number,
  random: RandomBytes,
): Secret<Name> {
  return new Secret(name, sized(random(length), length))
}

const SALT_BYTES = 16
const NONCE_BYTES = 24
const MAX_HASH_BYTES = 64
const MIN_HASH_BYTES = 16
const NO_KEY: readonly Uint8Array[] = []

const contexts: Readonly<Record<KdfContext, Uint8Array>> = {
  So1Root_: utf8('So1Root_'),
  So1Chain: utf8('So1Chain'),
  So1Head_: utf8('So1Head_'),
  So1Epoch: utf8('So1Epoch'),
}

function sized(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new CryptoError('ERR_LENGTH')
  return bytes
}

function blake2b(
  length: number,
  key: readonly Uint8Array[],
  label: HashLabel | KeyedLabel,
  message: readonly Uint8Array[],
): Uint8Array {
  if (length < MIN_HASH_BYTES || length > MAX_HASH_BYTES) throw new CryptoError('ERR_LENGTH')
  return primitives().blake2b(length, key, labelBytes(label), message)
}

function hashKey(key: HashKey): readonly Uint8Array[] {
  let parts: readonly Uint8Array[]
  if (key instanceof Secret) parts = [Secret.reveal(key)]
  else if (key instanceof Uint8Array) parts = [key]
  else parts = key.map((part) => Secret.reveal(part))
  let length = 0
  for (const part of parts) length += part.length
  if (length !== 32 && length !== 64) throw new CryptoError('ERR_LENGTH')
  return parts
}

function seal(
  key: Secret,
  nonce: Uint8Array,
  ad: BytesOrParts,
  text: BytesOrParts,
  room: number,
): Uint8Array {
  const keyBytes = sized(Secret.reveal(key), 32)
  return primitives().seal(keyBytes, nonce, listOf(ad), listOf(text), room)
}

function open(key: Secret, nonce: Uint8Array, ad: BytesOrParts, sealed: Uint8Array): Uint8Array {
  const text = primitives().open(sized(Secret.reveal(key), 32), nonce, listOf(ad), sealed)
  if (text === undefined) throw new CryptoError('ERR_AEAD')
  return text
}

function listOf(bytes: BytesOrParts): readonly Uint8Array[] {
  return bytes instanceof Uint8Array ? [bytes] : bytes
}
