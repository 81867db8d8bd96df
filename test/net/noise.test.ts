import { createCipheriv } from 'node:crypto'
import { Uint8ArrayList } from 'uint8arraylist'
import { afterEach, expect, test, vi } from 'vitest'
import { concat, fromHex, toHex, utf8 } from '../../protocol/bytes.ts'
import { loadNativeModule } from '../../protocol/native-module.ts'
import { noiseCipher } from '../../net/platform/noise.ts'
import type { NoiseCipher } from '../../net/platform/noise.ts'

const [KEY, NONCE, AD] = [filled(32, 1), filled(12, 2), filled(32, 3)]

function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value)
}

/** By another library. */
function reference(text: Uint8Array, ad: Uint8Array): Uint8Array {
  const cipher = createCipheriv('chacha20-poly1305', KEY, NONCE, { authTagLength: 16 })
  cipher.setAAD(ad, { plaintextLength: text.length })
  return new Uint8Array(Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()]))
}

afterEach(() => {
  vi.unstubAllEnvs()
})

type Plain = Parameters<NoiseCipher['chaCha20Poly1305Encrypt']>[0]

/** Noise brings a version of its own of the list. */
function listOf(...parts: readonly Uint8Array[]): Plain {
  return new Uint8ArrayList(...parts) as unknown as Plain
}

const LENGTHS = [0, 1, 12, 63, 64, 65, 1184, 1199, 1200, 1201, 16_384, 65_519]

test.each(['native', 'packaged'])('the %s cipher is ChaCha20-Poly1305, at every length', (kind) => {
  if (kind === 'packaged') vi.stubEnv('SOTTO_CRYPTO', 'wasm')
  const { chaCha20Poly1305Encrypt: encrypt, chaCha20Poly1305Decrypt: decrypt } = noiseCipher()
  for (const length of LENGTHS) {
    for (const ad of [AD, new Uint8Array(0)]) {
      const text = Uint8Array.from({ length }, (_, i) => i)
      const sealed = encrypt(text, NONCE, ad, KEY).subarray()
      expect(toHex(sealed)).toBe(toHex(reference(text, ad)))
      expect(toHex(decrypt(sealed, NONCE, ad, KEY).subarray())).toBe(toHex(text))
    }
  }
})

test('the native one agrees with the example of RFC 8439, 2.8.2', () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i)
  const text = utf8(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  )
  const [nonce, ad] = [fromHex('070000004041424344454647'), fromHex('50515253c0c1c2c3c4c5c6c7')]
  const sealed = noiseCipher().chaCha20Poly1305Encrypt(text, nonce, ad, key).subarray()
  expect(toHex(sealed.subarray(0, 16))).toBe('d31a8d34648e60db7b86afbc53ef7ec2')
  expect(toHex(sealed.subarray(-16))).toBe('1ae10b594f09e26a7e902ecbd0600691')
})

test('a list is encrypted whole and in one piece, and opened from a list', () => {
  const text = Uint8Array.from({ length: 3000 }, (_, i) => i)
  const list = listOf(text.subarray(0, 12), text.subarray(12))
  const cipher = noiseCipher()
  const sealed = cipher.chaCha20Poly1305Encrypt(list, NONCE, AD, KEY)
  expect(sealed).toBeInstanceOf(Uint8Array)
  expect(toHex(sealed.subarray())).toBe(toHex(reference(text, AD)))
  expect(toHex(list.subarray())).toBe(toHex(text))
  const parts = listOf(sealed.subarray(0, 5), sealed.subarray(5))
  expect(toHex(cipher.chaCha20Poly1305Decrypt(parts, NONCE, AD, KEY).subarray())).toBe(toHex(text))
})

test('a text may be opened where its ciphertext is, as Noise does', () => {
  const text = Uint8Array.from({ length: 3000 }, (_, i) => i)
  const sealed = reference(text, AD)
  const room = sealed.subarray(0, -16)
  const opened = noiseCipher().chaCha20Poly1305Decrypt(sealed, NONCE, AD, KEY, room)
  expect(toHex(opened.subarray())).toBe(toHex(text))
  expect(toHex(room)).toBe(toHex(text))
})

test('what was changed, cut or sealed for something else does not open', () => {
  const text = filled(2000, 7)
  const sealed = reference(text, AD)
  const { chaCha20Poly1305Decrypt: decrypt } = noiseCipher()
  for (const place of [0, 1999, 2000, 2015]) {
    const changed = sealed.slice()
    changed[place] = (changed[place] ?? 0) ^ 0x80
    expect(() => decrypt(changed, NONCE, AD, KEY)).toThrow()
  }
  expect(() => decrypt(sealed.subarray(0, -1), NONCE, AD, KEY)).toThrow()
  expect(() => decrypt(concat(sealed, filled(1, 0)), NONCE, AD, KEY)).toThrow()
  expect(() => decrypt(sealed.subarray(0, 15), NONCE, AD, KEY)).toThrow()
  expect(() => decrypt(sealed, filled(12, 9), AD, KEY)).toThrow()
  expect(() => decrypt(sealed, NONCE, filled(32, 9), KEY)).toThrow()
  expect(() => decrypt(sealed, NONCE, AD, filled(32, 9))).toThrow()
})

test.each([
  ['encrypts with another key', { crypto_aead_chacha20poly1305_ietf_encrypt: encryptOtherwise }],
  ['opens what was changed', { crypto_aead_chacha20poly1305_ietf_decrypt_detached: openAnything }],
  ['lacks the functions', { crypto_aead_chacha20poly1305_ietf_encrypt: undefined }],
])('a native library that %s is not used', async (_, wrong) => {
  const found = loadNativeModule()
  if (found.state !== 'loaded') throw new Error('it is not installed')
  const sodium = { ...found.sodium, ...wrong }
  vi.resetModules()
  vi.doMock('../../protocol/native-module.ts', () => ({
    loadNativeModule: () => ({ state: 'loaded', sodium }),
  }))
  const other = await import('../../net/platform/noise.ts')
  vi.doUnmock('../../protocol/native-module.ts')
  const cipher = other.noiseCipher()
  const text = filled(2000, 7)
  const sealed = cipher.chaCha20Poly1305Encrypt(text, NONCE, AD, KEY).subarray()
  expect(toHex(sealed)).toBe(toHex(reference(text, AD)))
  sealed[0] = (sealed[0] ?? 0) ^ 1
  expect(() => cipher.chaCha20Poly1305Decrypt(sealed, NONCE, AD, KEY)).toThrow()
})

function encryptOtherwise(out: Uint8Array): void {
  out.fill(0)
}

function openAnything(out: Uint8Array, _: null, sealed: Uint8Array): void {
  const cipher = createCipheriv('chacha20-poly1305', filled(32, 32), filled(12, 12), {
    authTagLength: 16,
  })
  out.set(cipher.update(sealed.subarray(0, out.length)))
}
