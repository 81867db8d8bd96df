// The primitives over a native libsodium. Only what is faster there is taken from it: curves, and the AEAD of what is
// long. A call costs as much as hashing a short message in WebAssembly, and the package has no ML-KEM.

import type { Primitives } from './primitives.ts'
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  ED25519_EXPANDED_BYTES,
  POINT_BYTES,
  SIGNATURE_BYTES,
  size,
} from './primitives.ts'

/** The functions of `sodium-native` that are called. They write into their first argument and throw what they refuse. */
export interface NativeSodium {
  crypto_aead_xchacha20poly1305_ietf_encrypt(
    out: Uint8Array,
    text: Uint8Array,
    ad: Uint8Array,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number
  crypto_aead_xchacha20poly1305_ietf_decrypt(
    out: Uint8Array,
    secretNonce: null,
    sealed: Uint8Array,
    ad: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number
  crypto_scalarmult(out: Uint8Array, privateKey: Uint8Array, publicKey: Uint8Array): void
  crypto_scalarmult_base(out: Uint8Array, privateKey: Uint8Array): void
  crypto_sign_seed_keypair(publicKey: Uint8Array, privateKey: Uint8Array, seed: Uint8Array): void
  crypto_sign_detached(out: Uint8Array, message: Uint8Array, privateKey: Uint8Array): void
  crypto_sign_verify_detached(
    signature: Uint8Array,
    message: Uint8Array,
    publicKey: Uint8Array,
  ): boolean
  crypto_sign_ed25519_pk_to_curve25519(out: Uint8Array, publicKey: Uint8Array): void
}

/** What the native library is faster at, and `rest` for everything else. */
export function nativePrimitives(sodium: NativeSodium, rest: Primitives): Primitives {
  // Native code wants a buffer behind each array; short ones that come fresh would all have to get one.
  const keyRegion = new Uint8Array(AEAD_KEY_BYTES)
  const nonceRegion = new Uint8Array(AEAD_NONCE_BYTES)
  let adRegion = new Uint8Array(FIRST_AD_BYTES)
  let joinedAd = adRegion

  function joined(parts: readonly Uint8Array[]): Uint8Array {
    const length = size(parts)
    if (length > adRegion.length) adRegion = new Uint8Array(length)
    if (length !== joinedAd.length) joinedAd = adRegion.subarray(0, length)
    join(parts, joinedAd, 0)
    return joinedAd
  }

  /** One call with key and nonce in their regions; the key is then overwritten. */
  function withKey(key: Uint8Array, nonce: Uint8Array, call: () => unknown): void {
    keyRegion.set(key)
    nonceRegion.fill(0)
    nonceRegion.set(nonce)
    try {
      call()
    } finally {
      keyRegion.fill(0)
    }
  }

  /** One call with room for an expanded key, which is then overwritten. */
  function withExpanded(call: (expanded: Uint8Array) => void): void {
    const expanded = new Uint8Array(ED25519_EXPANDED_BYTES)
    try {
      call(expanded)
    } finally {
      expanded.fill(0)
    }
  }

  return {
    ...rest,

    // In place: the text is joined where its ciphertext will be.
    seal: (key, nonce, ad, text, room) => {
      const length = size(text)
      if (length < MIN_NATIVE_BYTES) return rest.seal(key, nonce, ad, text, room)
      const whole = new Uint8Array(room + length + AEAD_TAG_BYTES)
      join(text, whole, room)
      const plain = whole.subarray(room, room + length)
      const sealed = whole.subarray(room)
      withKey(key, nonce, () =>
        // prettier-ignore
        sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
          sealed, plain, joined(ad), null, nonceRegion, keyRegion),
      )
      return whole
    },

    open: (key, nonce, ad, sealed) => {
      if (sealed.length < MIN_NATIVE_BYTES) return rest.open(key, nonce, ad, sealed)
      const out = new Uint8Array(sealed.length - AEAD_TAG_BYTES)
      const decrypt = (): unknown =>
        // prettier-ignore
        sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
          out, null, sealed, joined(ad), nonceRegion, keyRegion)
      return holds(() => withKey(key, nonce, decrypt)) ? out : undefined
    },

    x25519: (privateKey, publicKey) => {
      const out = new Uint8Array(POINT_BYTES)
      return holds(() => sodium.crypto_scalarmult(out, privateKey, publicKey)) ? out : undefined
    },

    x25519Base: (privateKey) => {
      const out = new Uint8Array(POINT_BYTES)
      sodium.crypto_scalarmult_base(out, privateKey)
      return out
    },

    ed25519PublicKey: (seed) => {
      const publicKey = new Uint8Array(POINT_BYTES)
      withExpanded((expanded) => sodium.crypto_sign_seed_keypair(publicKey, expanded, seed))
      return publicKey
    },

    ed25519Sign: (seed, publicKey, message) => {
      const out = new Uint8Array(SIGNATURE_BYTES)
      withExpanded((expanded) => {
        expanded.set(seed)
        expanded.set(publicKey, seed.length)
        sodium.crypto_sign_detached(out, message, expanded)
      })
      return out
    },

    ed25519Verify: (publicKey, message, signature) =>
      sodium.crypto_sign_verify_detached(signature, message, publicKey),

    // The conversion to X25519 refuses what is off the curve, of small order or of mixed order.
    ed25519IsPrimeOrder: (point) =>
      holds(() => sodium.crypto_sign_ed25519_pk_to_curve25519(new Uint8Array(POINT_BYTES), point)),
  }
}

function join(parts: readonly Uint8Array[], into: Uint8Array, start: number): void {
  let offset = start
  for (const part of parts) {
    into.set(part, offset)
    offset += part.length
  }
}

/** The library says no by throwing. Lengths are right, so nothing else is meant. */
function holds(call: () => unknown): boolean {
  try {
    call()
    return true
  } catch {
    return false
  }
}

/** Shorter ones are not slower in WebAssembly, and headers and short messages are faster. */
const MIN_NATIVE_BYTES = 640
/** Room for the associated data of every message that is not a first one. */
const FIRST_AD_BYTES = 256
