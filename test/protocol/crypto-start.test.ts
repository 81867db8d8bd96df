import { expect, test, vi } from 'vitest'
import { refusal } from '../support/refusals.ts'

test('nothing works before libsodium runs, nor when an answer is wrong', async () => {
  const started = Promise.withResolvers<void>()
  const libsodium = {
    HEAPU8: new Uint8Array(400_000),
    _malloc: () => 0,
    _crypto_generichash: () => 0,
  }
  vi.doMock('libsodium-wrappers', () => ({ default: { ready: started.promise, libsodium } }))
  const { hash, ready } = await import('../../protocol/crypto.ts')
  expect(refusal(() => hash(32, 'bundle'))).toBe('CryptoError ERR_SELF_TEST')
  started.resolve()
  await expect(ready).rejects.toMatchObject({ name: 'CryptoError', code: 'ERR_SELF_TEST' })
  expect(refusal(() => hash(32, 'bundle'))).toBe('CryptoError ERR_SELF_TEST')
})
