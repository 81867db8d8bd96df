import { expect, test } from 'vitest'
import { fromHex } from '../../protocol/bytes.ts'
import { cryptoProvider, primitives, ready, useProvider } from '../../protocol/provider.ts'

await ready

const isBrowser = 'document' in globalThis

test('Node runs native primitives, a browser WebAssembly', () => {
  expect(cryptoProvider()).toEqual(
    isBrowser ? { name: 'wasm', reason: 'absent' } : { name: 'native' },
  )
})

test('tests and benchmarks can go to the reference and back', () => {
  const chosen = { provider: cryptoProvider(), primitives: primitives() }
  expect(useProvider('wasm')).toEqual({ name: 'wasm', reason: 'unwanted' })
  const seed = fromHex('07'.repeat(32))
  expect(primitives().x25519Base(seed)).toEqual(chosen.primitives.x25519Base(seed))
  expect(primitives() === chosen.primitives).toBe(isBrowser)

  expect(useProvider('chosen')).toEqual(chosen.provider)
  expect(primitives()).toBe(chosen.primitives)
})
