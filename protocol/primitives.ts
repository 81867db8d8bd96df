// The primitives as plain functions over bytes, and their binding to libsodium's WebAssembly.
// Only `provider.ts` and `crypto.ts` use this file: everybody else gets secrets as `Secret` and failures as typed errors.
//
// The functions are called by address in one region of WebAssembly memory. Inputs are written there part by
// part, so nothing is joined first, and the region is overwritten after every call, so no key stays behind.

import type { SodiumModule } from './sodium-module.ts'

/** What a provider of primitives offers. Lengths were checked by the caller; `undefined` is a refusal. */
export interface Primitives {
  /** BLAKE2b of the label and the joined parts behind it; the joined key is 0, 32 or 64 bytes. */
  blake2b(
    length: number,
    key: readonly Uint8Array[],
    label: Uint8Array,
    message: readonly Uint8Array[],
  ): Uint8Array
  /** The same of 64 bytes, as two halves that share nothing. */
  blake2bPair(
    key: readonly Uint8Array[],
    label: Uint8Array,
    message: readonly Uint8Array[],
  ): readonly [Uint8Array, Uint8Array]
  /** `crypto_kdf_derive_from_key`, 32 bytes. */
  kdf(id: number, context: Uint8Array, key: Uint8Array): Uint8Array
  /** The same of 64 bytes, as two halves that share nothing. */
  kdfPair(id: number, context: Uint8Array, key: Uint8Array): readonly [Uint8Array, Uint8Array]
  /**
   * XChaCha20-Poly1305 (IETF) of the joined text; a nonce shorter than 24 bytes is followed by zeros. The result begins
   * with `room` zero bytes, for what the caller puts before it.
   */
  seal(
    key: Uint8Array,
    nonce: Uint8Array,
    ad: readonly Uint8Array[],
    text: readonly Uint8Array[],
    room: number,
  ): Uint8Array
  open(
    key: Uint8Array,
    nonce: Uint8Array,
    ad: readonly Uint8Array[],
    sealed: Uint8Array,
  ): Uint8Array | undefined
  /** X25519; `undefined` where the result is all zero. */
  x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined
  x25519Base(privateKey: Uint8Array): Uint8Array
  ed25519PublicKey(seed: Uint8Array): Uint8Array
  /** `publicKey` must be that of the seed: a signature under another one gives the seed away. */
  ed25519Sign(seed: Uint8Array, publicKey: Uint8Array, message: Uint8Array): Uint8Array
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** On the curve, in the prime-order subgroup, not the identity. Says nothing about the encoding. */
  ed25519IsPrimeOrder(point: Uint8Array): boolean
  /** ML-KEM-768 encapsulation key of a 64-byte seed `d ‖ z`. */
  kemPublicKey(seed: Uint8Array): Uint8Array
  /** `undefined` where the public key is not reduced. `randomness` is the `m` of FIPS 203. */
  kemEncapsulate(
    publicKey: Uint8Array,
    randomness: Uint8Array,
  ): { readonly ciphertext: Uint8Array; readonly secret: Uint8Array } | undefined
  /** Never refuses: a ciphertext that was not made for this key gives an unrelated secret. */
  kemDecapsulate(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array
}

/** Lengths in bytes. */
export const KEM_PUBLIC_KEY_BYTES = 1184
export const KEM_CIPHERTEXT_BYTES = 1088
export const KEM_SEED_BYTES = 64
const KEM_EXPANDED_BYTES = 2400
export const AEAD_KEY_BYTES = 32
export const AEAD_TAG_BYTES = 16
export const AEAD_NONCE_BYTES = 24
export const POINT_BYTES = 32
export const SIGNATURE_BYTES = 64
export const ED25519_EXPANDED_BYTES = 64

/** Room for the largest envelope, its associated data and the result; grown when a call needs more. */
const FIRST_REGION_BYTES = 320 * 1024
/** Beside the message, no call needs more than this. */
const FIXED_BYTES = 8 * 1024

/** The reference provider. The module must be initialised. */
export function wasmPrimitives(sodium: SodiumModule): Primitives {
  let capacity = FIRST_REGION_BYTES
  let base = allocated()
  let top = base

  /** All zero, as every call leaves it: the end of a nonce and the room before a result are not written. */
  function allocated(): number {
    const address = sodium._malloc(capacity)
    sodium.HEAPU8.fill(0, address, address + capacity)
    return address
  }

  /** Runs one call in the region and overwrites what it used, whatever happens. */
  function within<T>(needed: number, call: () => T): T {
    if (needed + FIXED_BYTES > capacity) {
      sodium._free(base)
      capacity = needed + FIXED_BYTES
      base = allocated()
    }
    top = base
    try {
      return call()
    } finally {
      sodium.HEAPU8.fill(0, base, top)
    }
  }

  function reserve(length: number): number {
    top += length
    return top - length
  }

  function put(bytes: Uint8Array): number {
    const address = reserve(bytes.length)
    sodium.HEAPU8.set(bytes, address)
    return address
  }

  function putAll(parts: readonly Uint8Array[]): number {
    const address = top
    for (const part of parts) put(part)
    return address
  }

  function read(address: number, length: number): Uint8Array {
    return sodium.HEAPU8.slice(address, address + length)
  }

  /** Each half by itself: the whole would be a third copy of two secrets. */
  function readPair(address: number): readonly [Uint8Array, Uint8Array] {
    return [read(address, 32), read(address + 32, 32)]
  }

  function putNonce(nonce: Uint8Array): number {
    const address = reserve(AEAD_NONCE_BYTES)
    sodium.HEAPU8.set(nonce, address)
    return address
  }

  /** Failures that no input can cause: the module itself is broken. */
  function must(status: number): void {
    if (status !== 0) throw new Error('libsodium failed')
  }

  /** Where the hash is. */
  function hashed(
    length: number,
    key: readonly Uint8Array[],
    label: Uint8Array,
    message: readonly Uint8Array[],
  ): number {
    const keyAt = putAll(key)
    const messageAt = put(label)
    putAll(message)
    const messageLength = top - messageAt
    const out = reserve(length)
    const keyLength = messageAt - keyAt
    must(sodium._crypto_generichash(out, length, messageAt, messageLength, 0, keyAt, keyLength))
    return out
  }

  /** Where the derived key is. */
  function derived(length: number, id: number, context: Uint8Array, key: Uint8Array): number {
    const out = reserve(length)
    must(sodium._crypto_kdf_derive_from_key(out, length, id, 0, put(context), put(key)))
    return out
  }

  return {
    blake2b: (length, key, label, message) =>
      within(label.length + size(message), () => read(hashed(length, key, label, message), length)),

    blake2bPair: (key, label, message) =>
      within(label.length + size(message), () => readPair(hashed(64, key, label, message))),

    kdf: (id, context, key) => within(0, () => read(derived(32, id, context, key), 32)),

    kdfPair: (id, context, key) => within(0, () => readPair(derived(64, id, context, key))),

    seal: (key, nonce, ad, text, room) =>
      within(size(ad) + 2 * size(text) + room, () => {
        const adAt = putAll(ad)
        const adLength = top - adAt
        const textAt = putAll(text)
        const textLength = top - textAt
        const keyAt = put(key)
        const nonceAt = putNonce(nonce)
        const length = textLength + AEAD_TAG_BYTES
        const out = reserve(room + length) + room
        // prettier-ignore
        must(sodium._crypto_aead_xchacha20poly1305_ietf_encrypt(
          out, 0, textAt, textLength, 0, adAt, adLength, 0, 0, nonceAt, keyAt))
        return read(out - room, room + length)
      }),

    open: (key, nonce, ad, sealed) =>
      within(size(ad) + 2 * sealed.length, () => {
        if (sealed.length < AEAD_TAG_BYTES) return undefined
        const adAt = putAll(ad)
        const adLength = top - adAt
        const sealedAt = put(sealed)
        const keyAt = put(key)
        const nonceAt = putNonce(nonce)
        const length = sealed.length - AEAD_TAG_BYTES
        const out = reserve(length)
        // prettier-ignore
        const status = sodium._crypto_aead_xchacha20poly1305_ietf_decrypt(
          out, 0, 0, sealedAt, sealed.length, 0, adAt, adLength, 0, nonceAt, keyAt)
        return status === 0 ? read(out, length) : undefined
      }),

    x25519: (privateKey, publicKey) =>
      within(0, () => {
        const out = reserve(POINT_BYTES)
        const status = sodium._crypto_scalarmult(out, put(privateKey), put(publicKey))
        return status === 0 ? read(out, POINT_BYTES) : undefined
      }),

    x25519Base: (privateKey) =>
      within(0, () => {
        const out = reserve(POINT_BYTES)
        must(sodium._crypto_scalarmult_base(out, put(privateKey)))
        return read(out, POINT_BYTES)
      }),

    ed25519PublicKey: (seed) =>
      within(0, () => {
        const publicKey = reserve(POINT_BYTES)
        const expanded = reserve(ED25519_EXPANDED_BYTES)
        must(sodium._crypto_sign_seed_keypair(publicKey, expanded, put(seed)))
        return read(publicKey, POINT_BYTES)
      }),

    ed25519Sign: (seed, publicKey, message) =>
      within(message.length, () => {
        const out = reserve(SIGNATURE_BYTES)
        const expanded = putAll([seed, publicKey])
        must(sodium._crypto_sign_detached(out, 0, put(message), message.length, 0, expanded))
        return read(out, SIGNATURE_BYTES)
      }),

    ed25519Verify: (publicKey, message, signature) =>
      within(message.length, () => {
        const signatureAt = put(signature)
        const messageAt = put(message)
        const length = message.length
        return (
          sodium._crypto_sign_verify_detached(signatureAt, messageAt, length, 0, put(publicKey)) ===
          0
        )
      }),

    // The conversion to X25519 refuses what is off the curve, of small order or of mixed order.
    ed25519IsPrimeOrder: (point) =>
      within(0, () => {
        const out = reserve(POINT_BYTES)
        return sodium._crypto_sign_ed25519_pk_to_curve25519(out, put(point)) === 0
      }),

    kemPublicKey: (seed) =>
      within(0, () => {
        const publicKey = reserve(KEM_PUBLIC_KEY_BYTES)
        const expanded = reserve(KEM_EXPANDED_BYTES)
        must(sodium._crypto_kem_mlkem768_seed_keypair(publicKey, expanded, put(seed)))
        return read(publicKey, KEM_PUBLIC_KEY_BYTES)
      }),

    kemEncapsulate: (publicKey, randomness) =>
      within(0, () => {
        const ciphertext = reserve(KEM_CIPHERTEXT_BYTES)
        const secret = reserve(32)
        const publicKeyAt = put(publicKey)
        // prettier-ignore
        const status = sodium._crypto_kem_mlkem768_enc_deterministic(
          ciphertext, secret, publicKeyAt, put(randomness))
        if (status !== 0) return undefined
        return { ciphertext: read(ciphertext, KEM_CIPHERTEXT_BYTES), secret: read(secret, 32) }
      }),

    kemDecapsulate: (seed, ciphertext) =>
      within(0, () => {
        const publicKey = reserve(KEM_PUBLIC_KEY_BYTES)
        const expanded = reserve(KEM_EXPANDED_BYTES)
        const secret = reserve(32)
        must(sodium._crypto_kem_mlkem768_seed_keypair(publicKey, expanded, put(seed)))
        must(sodium._crypto_kem_mlkem768_dec(secret, put(ciphertext), expanded))
        return read(secret, 32)
      }),
  }
}

/** Length of the joined parts. */
export function size(parts: readonly Uint8Array[]): number {
  let length = 0
  for (const part of parts) length += part.length
  return length
}
