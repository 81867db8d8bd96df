// Which primitives run, whatever the native library does. Node only: a browser cannot replace these modules.

import { afterEach, expect, test, vi } from 'vitest'
import type { NativeModule } from '../../protocol/native-module.ts'
import type { NativeSodium } from '../../protocol/native-primitives.ts'
import { refusal } from '../support/refusals.ts'

/** A library that finds nothing wrong and writes nothing. */
const silent: NativeSodium = {
  crypto_aead_xchacha20poly1305_ietf_encrypt: () => 0,
  crypto_aead_xchacha20poly1305_ietf_decrypt: () => 0,
  crypto_scalarmult: () => undefined,
  crypto_scalarmult_base: () => undefined,
  crypto_sign_seed_keypair: () => undefined,
  crypto_sign_detached: () => undefined,
  crypto_sign_verify_detached: () => true,
  crypto_sign_ed25519_pk_to_curve25519: () => undefined,
}
const loaded: NativeModule = { state: 'loaded', sodium: silent }

afterEach(() => {
  vi.resetModules()
  vi.doUnmock('../../protocol/native-module.ts')
  vi.doUnmock('../../protocol/known-answers.ts')
})

test('without a native library WebAssembly runs, and says so', async () => {
  for (const reason of ['absent', 'unwanted'] as const) {
    const { cryptoProvider, primitives } = await started({ state: reason })
    expect(cryptoProvider()).toEqual({ name: 'wasm', reason })
    expect(primitives().x25519Base(new Uint8Array(32).fill(1))).toHaveLength(32)
  }
})

test('a native library that does not load gives way to WebAssembly, with the reason', async () => {
  const cause = new Error('wrong platform')
  const { cryptoProvider } = await started({ state: 'broken', cause })
  expect(cryptoProvider()).toEqual({ name: 'wasm', reason: 'broken', cause })
})

test('so does one that gives a wrong answer, or none', async () => {
  for (const sodium of [silent, {} as NativeSodium]) {
    const { cryptoProvider, primitives } = await started({ state: 'loaded', sodium })
    expect(cryptoProvider()).toMatchObject({
      name: 'wasm',
      reason: 'broken',
      cause: { name: 'CryptoError', code: 'ERR_SELF_TEST' },
    })
    expect(primitives().x25519Base(new Uint8Array(32).fill(1))).not.toEqual(new Uint8Array(32))
  }
})

test('one that passes runs', async () => {
  vi.doMock('../../protocol/known-answers.ts', () => ({ checkKnownAnswers: () => undefined }))
  const { cryptoProvider, primitives } = await started({
    state: 'loaded',
    sodium: silent,
  })
  expect(cryptoProvider()).toEqual({ name: 'native' })
  expect(primitives().x25519Base(new Uint8Array(32).fill(1))).toEqual(new Uint8Array(32))
})

test('the reference must give the right answers, whatever the native library does', async () => {
  const cause = new Error('wrong')
  vi.doMock('../../protocol/known-answers.ts', () => ({
    checkKnownAnswers: () => {
      throw cause
    },
  }))
  vi.doMock('../../protocol/native-module.ts', () => ({ loadNativeModule: () => loaded }))
  const { cryptoProvider, ready } = await import('../../protocol/provider.ts')
  await expect(ready).rejects.toBe(cause)
  expect(refusal(() => cryptoProvider())).toBe('CryptoError ERR_SELF_TEST')
})

async function started(found: NativeModule): Promise<typeof import('../../protocol/provider.ts')> {
  vi.resetModules()
  vi.doMock('../../protocol/native-module.ts', () => ({ loadNativeModule: () => found }))
  const provider = await import('../../protocol/provider.ts')
  await provider.ready
  return provider
}
