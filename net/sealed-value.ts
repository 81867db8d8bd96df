/**
 * Values at rest: nonce[24] ‖ XChaCha20-Poly1305(data or epoch key, nonce, ad = the record's name, value). The name of the record is
 * authenticated with it, so that a value cannot be moved to another place.
 */
import { utf8 } from '../protocol/bytes.ts'
import { openBytes, sealBytes } from '../protocol/crypto.ts'
import { StoreError } from './store-error.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Secret } from '../protocol/secret.ts'

const NONCE_BYTES = 24
const TAG_BYTES = 16

export function sealValue(
  dataKey: Secret<'DataKey' | 'EpochKey'>,
  key: string,
  value: Uint8Array,
  random: RandomBytes,
): Uint8Array {
  const nonce = random(NONCE_BYTES)
  const sealed = sealBytes(dataKey, nonce, utf8(key), value, NONCE_BYTES)
  sealed.set(nonce)
  return sealed
}

/** Throws `StoreError` ERR_CORRUPT, with the key, when it was not sealed for this key by this data key. */
export function openValue(
  dataKey: Secret<'DataKey' | 'EpochKey'>,
  key: string,
  sealed: Uint8Array,
): Uint8Array {
  try {
    const nonce = sealed.subarray(0, NONCE_BYTES)
    return openBytes(dataKey, nonce, utf8(key), sealed.subarray(NONCE_BYTES))
  } catch (cause) {
    const bytes = Math.max(0, sealed.length - NONCE_BYTES - TAG_BYTES)
    throw new StoreError('ERR_CORRUPT', { cause, key, bytes })
  }
}
