import sodium from 'libsodium-wrappers'
import { expect, test } from 'vitest'
import type { SodiumModule } from '../../protocol/sodium-module.ts'
import { wasmPrimitives } from '../../protocol/primitives.ts'

await sodium.ready
const { libsodium } = sodium as unknown as { readonly libsodium: SodiumModule }

/** libsodium, with its allocations on record. */
function recorded(): { module: SodiumModule; regions: { address: number; length: number }[] } {
  const regions: { address: number; length: number }[] = []
  const module: SodiumModule = Object.create(libsodium)
  module._malloc = (length) => {
    const address = libsodium._malloc(length)
    regions.push({ address, length })
    return address
  }
  return { module, regions }
}

const KEY = new Uint8Array(32).fill(0xa7)
const SEED = new Uint8Array(64).fill(0xa7)

test.each([
  ['blake2b', (p) => p.blake2b(64, [KEY], KEY, [])],
  ['blake2bPair', (p) => p.blake2bPair([KEY], KEY, [])],
  ['kdf', (p) => p.kdf(1, new Uint8Array(8), KEY)],
  ['kdfPair', (p) => p.kdfPair(1, new Uint8Array(8), KEY)],
  ['seal', (p) => p.seal(KEY, new Uint8Array(16), [KEY], [KEY], 0)],
  ['open', (p) => p.open(KEY, new Uint8Array(16), [KEY], SEED)],
  ['x25519', (p) => p.x25519(KEY, new Uint8Array(32).fill(9))],
  ['a refused x25519', (p) => p.x25519(KEY, new Uint8Array(32))],
  ['x25519Base', (p) => p.x25519Base(KEY)],
  ['ed25519PublicKey', (p) => p.ed25519PublicKey(KEY)],
  ['ed25519Sign', (p) => p.ed25519Sign(KEY, KEY, KEY)],
  ['ed25519Verify', (p) => p.ed25519Verify(KEY, KEY, SEED)],
  ['kemPublicKey', (p) => p.kemPublicKey(SEED)],
  ['kemEncapsulate', (p) => p.kemEncapsulate(new Uint8Array(1184), KEY)],
  ['kemDecapsulate', (p) => p.kemDecapsulate(SEED, new Uint8Array(1088))],
] satisfies [string, (p: ReturnType<typeof wasmPrimitives>) => unknown][])(
  'after %s the region is all zero',
  (_, call) => {
    const { module, regions } = recorded()
    const primitives = wasmPrimitives(module)
    for (const { address, length } of regions) {
      libsodium.HEAPU8.fill(0, address, address + length)
    }
    call(primitives)
    expect(regions).toHaveLength(1)
    for (const { address, length } of regions) {
      const region = libsodium.HEAPU8.subarray(address, address + length)
      expect(region.findIndex((byte) => byte !== 0)).toBe(-1)
    }
  },
)

test('the region is wiped when a call throws', () => {
  const { module, regions } = recorded()
  module._crypto_generichash = () => -1
  const primitives = wasmPrimitives(module)
  const [region = { address: 0, length: 0 }] = regions
  libsodium.HEAPU8.fill(0, region.address, region.address + region.length)
  expect(() => primitives.blake2b(32, [KEY], KEY, [])).toThrow('libsodium failed')
  const bytes = libsodium.HEAPU8.subarray(region.address, region.address + region.length)
  expect(bytes.findIndex((byte) => byte !== 0)).toBe(-1)
})

test('a larger message gets a larger region, once', () => {
  const { module, regions } = recorded()
  const primitives = wasmPrimitives(module)
  const message = new Uint8Array(1_000_000).fill(3)
  const once = primitives.blake2b(32, [], message, [])
  const parts = primitives.blake2b(32, [], message.subarray(1), [message.subarray(0, 1)])
  expect(parts).toEqual(once)
  expect(regions).toHaveLength(2)
})
