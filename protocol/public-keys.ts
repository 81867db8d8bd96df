// Which byte strings are public keys at all: checks that libsodium leaves to its caller. No secrets here.

import { equalBytes, fromHex } from './bytes.ts'

/** Whether 32 bytes are an X25519 u-coordinate below 2^255 - 19 with the top bit clear. */
export function isCanonicalX25519(bytes: Uint8Array): boolean {
  return isBelowPrime(bytes, 0xff)
}

/** Whether the y-coordinate of an Ed25519 point, the sign bit left out, is below 2^255 - 19. */
export function isCanonicalEd25519(bytes: Uint8Array): boolean {
  return isBelowPrime(bytes, 0x7f)
}

/** Whether a canonical u-coordinate gives an all-zero result with every private key (RFC 7748, section 6.1). */
export function isLowOrderX25519(bytes: Uint8Array): boolean {
  return LOW_ORDER.some((point) => equalBytes(point, bytes))
}

/** Whether every coefficient of an ML-KEM-768 encapsulation key is reduced (FIPS 203, section 7.2). */
export function isReducedKemKey(bytes: Uint8Array): boolean {
  for (let i = 0; i < KEM_COEFFICIENT_BYTES; i += 3) {
    const middle = bytes[i + 1] ?? 0
    const first = (bytes[i] ?? 0) | ((middle & 0x0f) << 8)
    const second = (middle >> 4) | ((bytes[i + 2] ?? 0) << 4)
    if (first >= KEM_MODULUS || second >= KEM_MODULUS) return false
  }
  return true
}

const KEM_MODULUS = 3329
/** 768 coefficients of 12 bits; the seed of the matrix follows. */
const KEM_COEFFICIENT_BYTES = 1152

/** The points of order 1, 2, 4 and 8 on the curve and its twist, in their canonical form. */
const LOW_ORDER: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(fromHex)

/** Whether the little-endian number, its last byte under `mask`, is below 2^255 - 19. */
function isBelowPrime(bytes: Uint8Array, mask: number): boolean {
  const last = (bytes[31] ?? 0) & mask
  if (last !== 0x7f) return last < 0x7f
  for (let i = 30; i > 0; i -= 1) if (bytes[i] !== 0xff) return true
  return (bytes[0] ?? 0) < 0xed
}
