/** docs/protocol.md, "Notation" and "Primitives", over noble: nothing here comes from `protocol/`. */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { blake2b } from '@noble/hashes/blake2.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import { allAs, ascii, demand, join, same, u8 } from './bytes.ts'

export interface KeyPair {
  readonly secret: Uint8Array
  readonly public: Uint8Array
}

/** `L(x)`. */
function labelled(label: string): Uint8Array {
  const text = ascii(`sotto/1 ${label}`)
  return join(u8(text.length), text)
}

/** `G(n, key, x; m)`; `undefined` is the key "none". */
export function G(
  n: number,
  key: Uint8Array | undefined,
  label: string,
  ...message: readonly Uint8Array[]
): Uint8Array {
  const input = join(labelled(label), ...message)
  return blake2b(input, key === undefined ? { dkLen: n } : { dkLen: n, key })
}

/** `D(n, key, context, i)`. */
export function D(n: number, key: Uint8Array, context: string, i: number): Uint8Array {
  const salt = join(u8(i), new Uint8Array(15)) // every i of sotto is below 256
  const personalization = join(ascii(context), new Uint8Array(8))
  return blake2b(new Uint8Array(), { dkLen: n, key, salt, personalization })
}

/** `SEAL(key, salt, ad, p)`. */
export function seal(
  key: Uint8Array,
  salt: Uint8Array,
  ad: Uint8Array,
  plain: Uint8Array,
): Uint8Array {
  return xchacha20poly1305(key, join(salt, new Uint8Array(8)), ad).encrypt(plain)
}

/** The inverse of `seal`; every failure is `ERR_NOT_AUTHENTIC`. */
export function unseal(
  key: Uint8Array,
  salt: Uint8Array,
  ad: Uint8Array,
  sealed: Uint8Array,
): Uint8Array {
  return allAs('ERR_NOT_AUTHENTIC', () =>
    xchacha20poly1305(key, join(salt, new Uint8Array(8)), ad).decrypt(sealed),
  )
}

/** `DH(a, B)`. noble throws where the result would be zero. */
export function DH(secret: Uint8Array, theirs: Uint8Array): Uint8Array {
  checkCanonicalX25519(theirs)
  return allAs('ERR_LOW_ORDER', () => x25519.getSharedSecret(secret, theirs))
}

export function dhPair(secret: Uint8Array): KeyPair {
  return { secret, public: x25519.getPublicKey(secret) }
}

const FIELD = 2n ** 255n - 19n

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n)
}

export function checkCanonicalX25519(key: Uint8Array): void {
  demand(key.length === 32 && littleEndian(key) < FIELD, 'ERR_BAD_KEY')
}

/** A key of a record: canonical and not of low order. */
export function checkX25519(key: Uint8Array): void {
  checkCanonicalX25519(key)
  allAs('ERR_BAD_KEY', () => x25519.getSharedSecret(new Uint8Array(32).fill(8), key))
}

/** From the seed `d ‖ z`. */
export function kemPair(seed: Uint8Array): KeyPair {
  return { secret: seed, public: ml_kem768.keygen(seed).publicKey }
}

/** Twelve-bit coefficients, all below 3329. */
export function checkKem(key: Uint8Array): void {
  demand(key.length === 1184, 'ERR_BAD_KEY')
  for (let i = 0; i < 1152; i += 3) {
    const [a = 0, b = 0, c = 0] = key.subarray(i, i + 3)
    demand((a | ((b & 15) << 8)) < 3329 && ((b >> 4) | (c << 4)) < 3329, 'ERR_BAD_KEY')
  }
}

/** `(CT, SS)` from 32 random bytes. */
export function encapsulate(
  key: Uint8Array,
  random: Uint8Array,
): { readonly ciphertext: Uint8Array; readonly secret: Uint8Array } {
  const { cipherText, sharedSecret } = ml_kem768.encapsulate(key, random)
  return { ciphertext: cipherText, secret: sharedSecret }
}

export function decapsulate(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return ml_kem768.decapsulate(ciphertext, ml_kem768.keygen(seed).secretKey)
}

export function signingPair(seed: Uint8Array): KeyPair {
  return { secret: seed, public: ed25519.getPublicKey(seed) }
}

export function sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  return ed25519.sign(message, seed)
}

/** "Account key": canonical, on the curve, in the prime-order subgroup, not its neutral element. */
export function checkAccount(key: Uint8Array): void {
  demand(key.length === 32, 'ERR_BAD_KEY')
  const point = allAs('ERR_BAD_KEY', () => ed25519.Point.fromBytes(key))
  demand(!point.isSmallOrder() && point.isTorsionFree(), 'ERR_BAD_KEY')
}

/** Without cofactor, which noble's own `verify` multiplies in: `R` is computed and compared. */
export function verify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    const R = signature.subarray(0, 32)
    const S = littleEndian(signature.subarray(32))
    const { ORDER } = ed25519.Point.Fn
    if (signature.length !== 64 || S >= ORDER || ed25519.Point.fromBytes(R).isSmallOrder()) {
      return false
    }
    const k = littleEndian(sha512(join(R, key, message))) % ORDER
    const kA = ed25519.Point.fromBytes(key).multiplyUnsafe(k)
    return same(ed25519.Point.BASE.multiplyUnsafe(S).subtract(kA).toBytes(), R)
  } catch {
    return false
  }
}
