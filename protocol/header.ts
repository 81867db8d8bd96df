// The ratchet header: its fixed layout, how it is sealed, and the tag that finds its session
// without trying keys.
//
//   ratchet public key 32 | u32 previous chain length PN | u32 number N | u32 epoch     44 bytes

import type { Brand } from './bytes.ts'
import { equalBytes, getU32, putU32 } from './bytes.ts'
import { aeadOpen, aeadSeal, kdf, keyedHash } from './crypto.ts'
import type { EnvelopeParts } from './envelope.ts'
import { TAG_BYTES } from './envelope.ts'
import { HEADER_AD } from './labels.ts'
import type { Secret } from './secret.ts'

export const HEADER_BYTES = 44

/** X25519 key of a sending chain (DHs, DHr), 32 bytes. Travels encrypted; do not log. */
export type RatchetPublicKey = Brand<Uint8Array, 'RatchetKey'>

/** HEADER(dh, pn, n) of Double Ratchet §3.1, with the epoch of the post-quantum ratchet. */
export interface RatchetHeader {
  readonly ratchetKey: RatchetPublicKey
  /** PN: how many messages the sender's previous chain had. */
  readonly previousChainLength: number
  /** N: position in the sender's chain, from 0. */
  readonly number: number
  readonly epoch: number
}

/** What one header key HK becomes; HK itself is erased. */
export interface HeaderKeys {
  /** HE: seals headers. 32 bytes. */
  readonly seal: Secret<'HeaderKey'>
  /** HT: makes tags. 32 bytes. */
  readonly tag: Secret<'TagKey'>
}

/** HDR: 44 bytes. */
export function encodeHeader(header: RatchetHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES)
  bytes.set(header.ratchetKey)
  putU32(bytes, 32, header.previousChainLength)
  putU32(bytes, 36, header.number)
  putU32(bytes, 40, header.epoch)
  return bytes
}

/** The inverse of `encodeHeader`, for exactly 44 bytes that were authenticated. */
export function decodeHeader(bytes: Uint8Array): RatchetHeader {
  return {
    ratchetKey: bytes.slice(0, 32) as RatchetPublicKey,
    previousChainLength: getU32(bytes, 32),
    number: getU32(bytes, 36),
    epoch: getU32(bytes, 40),
  }
}

/** `HE = D(32, HK, "So1Head_", 1)`, `HT = D(32, HK, "So1Head_", 2)`; wipes HK. */
export function expandHeaderKey(headerKey: Secret): HeaderKeys {
  const keys: HeaderKeys = {
    seal: kdf('HeaderKey', headerKey, 'So1Head_', 1),
    tag: kdf('TagKey', headerKey, 'So1Head_', 2),
  }
  headerKey.wipe()
  return keys
}

/** `EH = SEAL(HE, salt, "sotto/1 header" | PRE, HDR)`: 60 bytes. */
export function sealHeader(
  keys: HeaderKeys,
  salt: Uint8Array,
  prefix: Uint8Array,
  header: Uint8Array,
): Uint8Array {
  return aeadSeal(keys.seal, salt, [HEADER_AD, prefix], header)
}

/** The header of an envelope whose tag matched. Throws `CryptoError` ERR_AEAD. */
export function openHeader(keys: HeaderKeys, envelope: EnvelopeParts): RatchetHeader {
  const ad = [HEADER_AD, envelope.prefix]
  return decodeHeader(aeadOpen(keys.seal, envelope.salt, ad, envelope.sealedHeader))
}

/** `tag = G(16, HT, "tag"; salt | digest)[0..8)`. */
export function envelopeTag(keys: HeaderKeys, salt: Uint8Array, digest: Uint8Array): Uint8Array {
  return keyedHash(16, keys.tag, 'tag', salt, digest).slice(0, TAG_BYTES)
}

/** Whether a holder of this header key made the whole envelope. Constant time in the tag. */
export function isTaggedBy(keys: HeaderKeys, envelope: EnvelopeParts): boolean {
  return equalBytes(envelopeTag(keys, envelope.salt, envelope.digest), envelope.tag)
}
