import sodium from 'libsodium-wrappers'
import { expect, test } from 'vitest'
import type { SodiumModule } from '../../protocol/sodium-module.ts'
import { wasmPrimitives } from '../../protocol/primitives.ts'

await sodium.ready
const { libsodium } = sodium as unknown as { readonly libsodium: SodiumModule }

/** libsodium, with its allocations on record. */
function recorded(): {
  module: SodiumModule
  regions: { address: number; length: number }[]
  freed: number[]
} {
  const regions: { address: number; length: number }[] = []
  const freed: number[] = []
  const module: SodiumModule = Object.create(libsodium)
  module._malloc = (length) => {
    const address = libsodium._malloc(length)
    regions.push({ address, length })
    return address
  }
  module._free = (address) => {
    freed.push(address)
    libsodium._free(address)
  }
  return { module, regions, freed }
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
  ['open of less than a tag', (p) => p.open(KEY, KEY.subarray(0, 24), [KEY], SEED.subarray(0, 15))],
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
  expect(() => primitives.blake2b(32, [KEY], KEY, [])).toThrow('libsodium failed')
  const bytes = libsodium.HEAPU8.subarray(region.address, region.address + region.length)
  expect(bytes.findIndex((byte) => byte !== 0)).toBe(-1)
})

test('a larger message gets a larger region, once, and gives the smaller one back', () => {
  const { module, regions, freed } = recorded()
  const primitives = wasmPrimitives(module)
  const message = new Uint8Array(1_000_000).fill(3)
  const once = primitives.blake2b(32, [], message, [])
  const parts = primitives.blake2b(32, [], message.subarray(1), [message.subarray(0, 1)])
  expect(parts).toEqual(once)
  expect(regions).toHaveLength(2)
  expect(freed).toEqual([regions[0]?.address])
})

test('a region is left while a call still has room for its keys', () => {
  const { module, regions } = recorded()
  const primitives = wasmPrimitives(module)
  const most = (regions[0]?.length ?? 0) - 8192
  primitives.blake2b(32, [], new Uint8Array(most), [])
  expect(regions).toHaveLength(1)
  primitives.blake2b(32, [], new Uint8Array(most + 1), [])
  expect(regions).toHaveLength(2)
})

const NONCE = new Uint8Array(16)
const NOTHING = new Uint8Array(0)
const LARGE = new Uint8Array(1_000_000)

test.each([
  ['a label', 1, (p) => p.blake2b(32, [], LARGE, [NOTHING])],
  ['a message', 1, (p) => p.blake2b(32, [], NOTHING, [LARGE])],
  ['a label of a pair', 1, (p) => p.blake2bPair([KEY], LARGE, [NOTHING])],
  ['a message of a pair', 1, (p) => p.blake2bPair([KEY], NOTHING, [LARGE])],
  ['data beside a text', 1, (p) => p.seal(KEY, NONCE, [LARGE], [NOTHING], 0)],
  ['a text and its ciphertext', 2, (p) => p.seal(KEY, NONCE, [NOTHING], [LARGE], 0)],
  ['room before a ciphertext', 1, (p) => p.seal(KEY, NONCE, [NOTHING], [NOTHING], LARGE.length)],
  ['data beside a ciphertext', 1, (p) => p.open(KEY, NONCE, [LARGE], SEED)],
  ['a ciphertext and its text', 2, (p) => p.open(KEY, NONCE, [NOTHING], LARGE)],
  ['what is signed', 1, (p) => p.ed25519Sign(KEY, KEY, LARGE)],
  ['what was signed', 1, (p) => p.ed25519Verify(KEY, LARGE, SEED)],
] satisfies [string, number, (p: ReturnType<typeof wasmPrimitives>) => unknown][])(
  'there is room for %s',
  (_, times, call) => {
    const { module, regions } = recorded()
    const primitives = wasmPrimitives(module)
    call(primitives)
    expect(regions).toHaveLength(2)
    const length = regions[1]?.length ?? 0
    expect(length).toBeGreaterThanOrEqual(times * LARGE.length + 8192)
    expect(length).toBeLessThan(times * LARGE.length + 16_384)
  },
)

test('a region that is not zero when it is given out changes nothing', () => {
  const { module } = recorded()
  const { _malloc: malloc } = module
  module._malloc = (length) => {
    const address = malloc(length)
    libsodium.HEAPU8.fill(0xff, address, address + length)
    return address
  }
  const [dirty, clean] = [wasmPrimitives(module), wasmPrimitives(libsodium)]
  const sealed = dirty.seal(KEY, NONCE, [KEY], [SEED], 5)
  expect(sealed).toEqual(clean.seal(KEY, NONCE, [KEY], [SEED], 5))
  expect(sealed.subarray(0, 5)).toEqual(new Uint8Array(5))
})
