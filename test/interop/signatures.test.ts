import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { expect, test } from 'vitest'
import { accountKey } from '../../protocol/account.ts'
import { ready } from '../../protocol/crypto.ts'
import { verifyDeviceCertificate } from '../../protocol/device.ts'
import { NOW } from '../support/people.ts'
import { seededRandom } from '../support/random.ts'
import { ascii, join, repeated } from './stranger/bytes.ts'
import { createPerson } from './stranger/person.ts'
import * as primitives from './stranger/primitives.ts'
import { varint, write } from './stranger/protobuf.ts'
import * as records from './stranger/records.ts'
import { verdict } from './support.ts'

await ready

const stranger = createPerson(seededRandom('signatures'), NOW)
const { payload } = records.readRecord('sotto/1 device', 256, stranger.certificate)

function verdicts(bytes: Uint8Array): readonly string[] {
  return [verifyDeviceCertificate, records.readCertificate].map((read) =>
    verdict(() => read(bytes, NOW)),
  )
}

const REFUSED = ['refused', 'refused']
const ACCEPTED = ['accepted', 'accepted']

const { Point } = ed25519
const { ORDER } = Point.Fn
const torsion = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
const points: Readonly<Record<string, Uint8Array>> = {
  'the neutral element': Point.ZERO.toBytes(),
  'a point of order 8': torsion.toBytes(),
  'a point of mixed order': Point.BASE.add(torsion).toBytes(),
  'y = p, which is 0': repeated(0xff, 32).with(0, 0xed).with(31, 0x7f),
  'y = p + 1, which is 1': repeated(0xff, 32).with(0, 0xee).with(31, 0x7f),
  'y = 2, not on the curve': repeated(0, 32).with(0, 2),
  '31 bytes': repeated(1, 31),
}

test.each(Object.entries(points))('%s is no account, to both', (_, key) => {
  expect(verdict(() => accountKey(key))).toBe('refused')
  expect(verdict(() => primitives.checkAccount(key))).toBe('refused')
})

/** A certificate whose signature holds with cofactor at least: R is moved by `twist`, S by `more`. */
function signedWith(nonce: bigint, twist: typeof torsion, more = 0n): Uint8Array {
  const domain = 'sotto/1 device'
  const parts = [ascii(domain), ascii('/sotto/1/device'), payload]
  const message = join(...parts.flatMap((part) => [varint(part.length), part]))
  const { scalar } = ed25519.utils.getExtendedPublicKey(stranger.seed)
  const R = Point.BASE.multiplyUnsafe(nonce).add(twist).toBytes()
  const k = little(sha512(join(R, stranger.account, message))) % ORDER
  const signature = join(R, littleBytes(((nonce + k * scalar) % ORDER) + more))
  const key = write({ 1: 1, 2: stranger.account })
  return write({ 1: key, 2: ascii('/sotto/1/device'), 3: payload, 5: signature })
}

function little(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n)
}

function littleBytes(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n))
}

test('signatures are verified without cofactor, with a canonical S and no small-order R', () => {
  expect(verdicts(signedWith(12345n, Point.ZERO))).toEqual(ACCEPTED)
  expect(verdicts(signedWith(12345n, torsion))).toEqual(REFUSED)
  expect(verdicts(signedWith(12345n, Point.ZERO, ORDER))).toEqual(REFUSED)
  expect(verdicts(signedWith(0n, Point.ZERO))).toEqual(REFUSED)
  expect(verdicts(signedWith(0n, torsion))).toEqual(REFUSED)
})
