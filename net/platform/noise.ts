/** Noise as all of sotto's nodes speak it. */
import { noise } from '@chainsafe/libp2p-noise'
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto'

/**
 * What is encrypted goes to the cipher in one piece. Of a list, as Yamux makes of each of its headers and what is behind it, every
 * part would leave as a write of its own.
 */
export function noiseInOnePiece(): ReturnType<typeof noise> {
  return noise({
    crypto: {
      ...defaultCrypto,
      chaCha20Poly1305Encrypt: (plaintext, ...rest) =>
        defaultCrypto.chaCha20Poly1305Encrypt(plaintext.subarray(), ...rest),
    },
  })
}
