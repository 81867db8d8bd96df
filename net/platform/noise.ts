/** Noise as all of sotto's nodes speak it. */
import { noise } from '@chainsafe/libp2p-noise'
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto'
import { equalBytes } from '../../protocol/bytes.ts'
import { loadNativeModule } from '../../protocol/native-module.ts'
import type { ICryptoInterface } from '@chainsafe/libp2p-noise'

export type NoiseCipher = Pick<
  ICryptoInterface,
  'chaCha20Poly1305Encrypt' | 'chaCha20Poly1305Decrypt'
>

export function noiseInOnePiece(): ReturnType<typeof noise> {
  return noise({ crypto: { ...defaultCrypto, ...noiseCipher() } })
}

/** Of the native libsodium where there is one and it does what it should; else that of the package. */
export function noiseCipher(): NoiseCipher {
  const found = loadNativeModule()
  const native =
    found.state === 'loaded' ? nativeCipher(found.sodium as object as Native) : undefined
  return native !== undefined && isSound(native) ? native : PACKAGED
}

/**
 * What is encrypted goes to the cipher in one piece. Of a list, as Yamux makes of each of its headers and what is behind it, every
 * part would leave as a write of its own.
 */
const PACKAGED: NoiseCipher = {
  chaCha20Poly1305Encrypt: (plaintext, ...rest) =>
    defaultCrypto.chaCha20Poly1305Encrypt(plaintext.subarray(), ...rest),
  chaCha20Poly1305Decrypt: (...input) => defaultCrypto.chaCha20Poly1305Decrypt(...input),
}

/** Of libsodium: ChaCha20-Poly1305 as in RFC 8439. The text may be where its ciphertext is. */
interface Native {
  crypto_aead_chacha20poly1305_ietf_encrypt(
    out: Uint8Array,
    text: Uint8Array,
    ad: Uint8Array,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number
  /** Throws where it does not open. */
  crypto_aead_chacha20poly1305_ietf_decrypt_detached(
    out: Uint8Array,
    secretNonce: null,
    ciphertext: Uint8Array,
    tag: Uint8Array,
    ad: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array,
  ): void
}

const TAG_BYTES = 16

type Bytes = Parameters<NoiseCipher['chaCha20Poly1305Encrypt']>[0]

/** A quarter of the package's time for a message of 1 KiB, and no memory besides the ciphertext. */
function nativeCipher(sodium: Native): NoiseCipher {
  return {
    chaCha20Poly1305Encrypt: (plaintext, nonce, ad, key) => {
      const sealed = new Uint8Array(plaintext.byteLength + TAG_BYTES)
      const text = sealed.subarray(0, plaintext.byteLength)
      copy(plaintext, text)
      sodium.crypto_aead_chacha20poly1305_ietf_encrypt(sealed, text, ad, null, nonce, key)
      return sealed
    },

    chaCha20Poly1305Decrypt: (ciphertext, nonce, ad, key, room) => {
      const length = ciphertext.byteLength - TAG_BYTES
      const text = room ?? new Uint8Array(length)
      const tag = ciphertext.subarray(length)
      copy(
        ciphertext instanceof Uint8Array
          ? ciphertext.subarray(0, length)
          : ciphertext.sublist(0, length),
        text,
      )
      sodium.crypto_aead_chacha20poly1305_ietf_decrypt_detached(
        text,
        null,
        text,
        tag,
        ad,
        nonce,
        key,
      )
      return text
    },
  }
}

/** Where it is already, it stays. */
function copy(bytes: Bytes, to: Uint8Array): void {
  let at = 0
  for (const part of bytes instanceof Uint8Array ? [bytes] : bytes) {
    to.set(part, at)
    at += part.byteLength
  }
}

/** Whether it gives what the package gives, and refuses what was changed. */
function isSound(cipher: NoiseCipher): boolean {
  const filled = (length: number): Uint8Array => new Uint8Array(length).fill(length)
  const [key, nonce, ad, text] = [filled(32), filled(12), filled(32), filled(100)] as const
  const expected = PACKAGED.chaCha20Poly1305Encrypt(text, nonce, ad, key).subarray()
  const open = (): Uint8Array => cipher.chaCha20Poly1305Decrypt(expected, nonce, ad, key).subarray()
  try {
    const sealed = cipher.chaCha20Poly1305Encrypt(text, nonce, ad, key).subarray()
    if (!equalBytes(sealed, expected) || !equalBytes(open(), text)) return false
  } catch {
    return false
  }
  expected[0] = (expected[0] ?? 0) ^ 1
  try {
    open()
    return false
  } catch {
    return true
  }
}
