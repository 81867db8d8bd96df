// The native primitives against the reference: the same answer to every input, edge cases above all. Node only.

import { createRequire } from 'node:module'
import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import sodium from 'libsodium-wrappers'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../../protocol/bytes.ts'
import { checkKnownAnswers } from '../../protocol/known-answers.ts'
import type { NativeSodium } from '../../protocol/native-primitives.ts'
import { nativePrimitives } from '../../protocol/native-primitives.ts'
import type { Primitives } from '../../protocol/primitives.ts'
import { wasmPrimitives } from '../../protocol/primitives.ts'
import type { SodiumModule } from '../../protocol/sodium-module.ts'

await sodium.ready
const { libsodium } = sodium as unknown as { readonly libsodium: SodiumModule }
const wasm = wasmPrimitives(libsodium)
const library = createRequire(import.meta.url)('sodium-native') as NativeSodium
const native = nativePrimitives(library, wasm)

const nonces = fc.oneof(bytes(16), bytes(24))
const texts = fc.oneof(
  fc
    .constantFrom(
      0,
      1,
      15,
      16,
      17,
      47,
      48,
      63,
      64,
      65,
      255,
      256,
      257,
      623,
      624,
      639,
      640,
      641,
      70_000,
    )
    .chain(bytes),
  fc.nat({ max: 300 }).chain(bytes),
)
const parts = fc.array(fc.constantFrom(0, 1, 16, 60, 64, 300, 5_000).chain(bytes), { maxLength: 5 })

/** Orders 1, 2, 4 and 8 on the curve and its twist, and what is not canonical. */
const montgomeryEdges = [
  ...['00', '01'].map((first) => fromHex(first + '00'.repeat(31))),
  fromHex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'),
  fromHex('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157'),
  ...['ec', 'ed', 'ee', 'ef', 'ff'].flatMap((first) => [
    fromHex(`${first}${'ff'.repeat(30)}7f`),
    fromHex(`${first}${'ff'.repeat(30)}ff`),
  ]),
]

const { Point } = ed25519
const groupOrder = littleEndian(Point.Fn.ORDER)
const generator = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')
/** The points of orders that divide 8, the neutral one first. */
const torsion = Array.from({ length: 8 }, (_, i) =>
  i === 0 ? Point.ZERO : generator.multiplyUnsafe(BigInt(i)),
)
/** Of small, mixed and (four of them) prime order; not canonical; off the curve. */
const edwardsEdges = [
  ...[0n, 1n, 5n, 77n, Point.Fn.ORDER - 1n].flatMap((scalar) =>
    torsion.map((point) => Point.BASE.multiplyUnsafe(scalar).add(point).toBytes()),
  ),
  ...['ec', 'ed', 'ee', 'ef', 'f0', 'ff'].flatMap((first) => [
    fromHex(`${first}${'ff'.repeat(30)}7f`),
    fromHex(`${first}${'ff'.repeat(30)}ff`),
  ]),
  fromHex(`01${'00'.repeat(30)}80`),
  fromHex(`02${'00'.repeat(31)}`),
]

test('the native library gives the published answers', () => {
  expect(() => checkKnownAnswers(native)).not.toThrow()
})

describe('native and WebAssembly agree on', () => {
  test('sealing and opening', () => {
    check(fc.tuple(bytes(32), nonces, parts, texts), (p, [key, nonce, ad, text]) => {
      const sealed = p.seal(key, nonce, ad, [text], 0)
      return [sealed, p.open(key, nonce, ad, sealed)]
    })
  })

  test('sealing a text in parts, with room before it', () => {
    const room = fc.nat({ max: 200 })
    check(fc.tuple(bytes(32), nonces, parts, parts, room), (p, [key, nonce, ad, text, before]) => {
      const sealed = p.seal(key, nonce, ad, text, before)
      expect(sealed.subarray(before)).toEqual(wasm.seal(key, nonce, ad, [concat(...text)], 0))
      return sealed
    })
  })

  test('what does not open', () => {
    const flips = fc.nat()
    check(fc.tuple(bytes(32), nonces, parts, texts, flips), (p, [key, nonce, ad, text, flip]) => {
      const sealed = wasm.seal(key, nonce, ad, [text], 0)
      const changed = flipped(sealed, flip)
      return [
        p.open(key, nonce, ad, changed),
        p.open(key, flipped(nonce, flip), ad, sealed),
        p.open(key, nonce, [...ad, Uint8Array.of(0)], sealed),
        p.open(flipped(key, flip), nonce, ad, sealed),
        p.open(key, nonce, ad, sealed.subarray(1)),
        p.open(key, nonce, ad, sealed.subarray(0, flip % 17)),
      ]
    })
  })

  test('X25519', () => {
    const points = fc.oneof(bytes(32), fc.constantFrom(...montgomeryEdges))
    check(fc.tuple(bytes(32), points), (p, [key, point]) => [
      p.x25519(key, point),
      p.x25519Base(key),
    ])
  })

  test('Ed25519 keys and signatures', () => {
    check(fc.tuple(bytes(32), texts), (p, [seed, message]) => [
      p.ed25519PublicKey(seed),
      p.ed25519Sign(seed, p.ed25519PublicKey(seed), message),
    ])
  })

  test('which signatures hold', () => {
    check(fc.tuple(bytes(32), texts, fc.nat()), (p, [seed, message, flip]) => {
      const publicKey = wasm.ed25519PublicKey(seed)
      const signature = wasm.ed25519Sign(seed, publicKey, message)
      const largeS = concat(signature.subarray(0, 32), plusOrder(signature.subarray(32)))
      return [
        p.ed25519Verify(publicKey, message, signature),
        p.ed25519Verify(publicKey, message, flipped(signature, flip)),
        p.ed25519Verify(flipped(publicKey, flip), message, signature),
        p.ed25519Verify(publicKey, concat(message, Uint8Array.of(0)), signature),
        p.ed25519Verify(publicKey, message, largeS),
      ]
    })
  })

  test('signatures over points of small and mixed order, and what is no point', () => {
    const points = fc.oneof(bytes(32), fc.constantFrom(...edwardsEdges))
    const scalars = fc.oneof(bytes(32), fc.constantFrom(new Uint8Array(32), groupOrder))
    check(fc.tuple(points, points, scalars, texts), (p, [key, r, s, message]) =>
      p.ed25519Verify(key, message, concat(r, s)),
    )
  })

  test('a signature by a key of mixed order, which the equation without cofactor lets hold', () => {
    const verdicts = torsion.slice(1).flatMap((point) =>
      Array.from({ length: 8 }, (_, i) => {
        const message = Uint8Array.of(i)
        const { key, signature } = signedByMixed(point, message)
        const holds = wasm.ed25519Verify(key, message, signature)
        expect(native.ed25519Verify(key, message, signature)).toBe(holds)
        return holds
      }),
    )
    expect(new Set(verdicts)).toEqual(new Set([true, false]))
  })

  test('which points are of prime order', () => {
    for (const point of edwardsEdges) {
      expect(native.ed25519IsPrimeOrder(point)).toBe(wasm.ed25519IsPrimeOrder(point))
    }
    expect(edwardsEdges.filter((point) => native.ed25519IsPrimeOrder(point))).toHaveLength(4)
    check(bytes(32), (p, point) => p.ed25519IsPrimeOrder(point))
  })
})

test('everything else is that of the reference', () => {
  const { blake2b, blake2bPair, kdf, kdfPair, kemPublicKey, kemEncapsulate, kemDecapsulate } = wasm
  expect(native).toMatchObject({
    blake2b,
    blake2bPair,
    kdf,
    kdfPair,
    kemPublicKey,
    kemEncapsulate,
    kemDecapsulate,
  })
})

test('results are not views of anything that the next call overwrites', () => {
  const key = new Uint8Array(32).fill(1)
  const ad = [new Uint8Array(3), new Uint8Array(4)]
  const first = native.seal(key, new Uint8Array(16), ad, [new Uint8Array(1000)], 0)
  const copy = first.slice()
  native.seal(key, new Uint8Array(16).fill(9), [key, key], [new Uint8Array(1000)], 0)
  expect(first).toEqual(copy)
  expect(first.buffer.byteLength).toBe(1016)
})

test.each(['yes', 'no'])('the key of a cipher is overwritten, when the library says %s', (said) => {
  const seen: Uint8Array[] = []
  const note = (key: Uint8Array): number => {
    expect(key).toEqual(new Uint8Array(32).fill(5))
    seen.push(key)
    if (said === 'no') throw new Error('could not verify data')
    return 0
  }
  const watched: NativeSodium = {
    ...library,
    crypto_aead_xchacha20poly1305_ietf_encrypt: (_out, _text, _ad, _, _nonce, key) => note(key),
    crypto_aead_xchacha20poly1305_ietf_decrypt: (_out, _, _sealed, _ad, _nonce, key) => note(key),
  }
  const primitives = nativePrimitives(watched, wasm)
  const [key, nonce] = [new Uint8Array(32).fill(5), new Uint8Array(24)]
  const seal = () => primitives.seal(key, nonce, [], [new Uint8Array(1000)], 0)
  if (said === 'yes') seal()
  else expect(seal).toThrow('could not verify')
  expect(primitives.open(key, nonce, [], new Uint8Array(1000)) !== undefined).toBe(said === 'yes')
  expect(seen).toEqual([new Uint8Array(32), new Uint8Array(32)])
})

test('the expanded key of a seed is overwritten', () => {
  const seen: Uint8Array[] = []
  const watched: NativeSodium = {
    ...library,
    crypto_sign_seed_keypair: (publicKey, expanded, seed) => {
      seen.push(expanded)
      library.crypto_sign_seed_keypair(publicKey, expanded, seed)
    },
    crypto_sign_detached: (_out, _message, expanded) => {
      seen.push(expanded)
      throw new Error('interrupted')
    },
  }
  const primitives = nativePrimitives(watched, wasm)
  const publicKey = primitives.ed25519PublicKey(new Uint8Array(32).fill(5))
  const sign = () => primitives.ed25519Sign(new Uint8Array(32).fill(5), publicKey, Uint8Array.of(1))
  expect(sign).toThrow('interrupted')
  expect(seen).toEqual([new Uint8Array(64), new Uint8Array(64)])
})

/** By a key with a part of small order, as if it had none: holds if the part's order divides the challenge. */
function signedByMixed(
  point: typeof generator,
  message: Uint8Array,
): { readonly key: Uint8Array; readonly signature: Uint8Array } {
  const [secret, nonce] = [1234n, 5678n]
  const key = Point.BASE.multiply(secret).add(point).toBytes()
  const r = Point.BASE.multiply(nonce).toBytes()
  const challenge = fromLittleEndian(sha512(concat(r, key, message))) % Point.Fn.ORDER
  const s = Point.Fn.create(nonce + challenge * secret)
  return { key, signature: concat(r, littleEndian(s)) }
}

function plusOrder(scalar: Uint8Array): Uint8Array {
  return littleEndian(fromLittleEndian(scalar) + Point.Fn.ORDER)
}

function littleEndian(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, '0')).toReversed()
}

function fromLittleEndian(input: Uint8Array): bigint {
  return BigInt(`0x${toHex(input.toReversed())}`)
}

/** Both answers to the same input are the same, and the input is as before. */
function check<Input>(inputs: fc.Arbitrary<Input>, run: (p: Primitives, input: Input) => unknown) {
  fc.assert(
    fc.property(inputs, (input) => {
      const before = structuredClone(input)
      const expected = run(wasm, input)
      expect(run(native, input)).toEqual(expected)
      expect(input).toEqual(before)
    }),
    { numRuns: 150 },
  )
}

/** Bytes that begin somewhere within their buffer, so that an offset that is forgotten shows. */
function bytes(length: number): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.uint8Array({ minLength: length, maxLength: length }), fc.integer({ max: 9, min: 0 }))
    .map(([content, offset]) => {
      const buffer = new Uint8Array(offset + length + 5)
      buffer.set(content, offset)
      return buffer.subarray(offset, offset + length)
    })
}

function flipped(input: Uint8Array, bit: number): Uint8Array {
  const changed = input.slice()
  const at = bit % (8 * changed.length)
  changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7))
  return changed
}
