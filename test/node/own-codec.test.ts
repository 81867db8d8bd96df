import { beforeAll, expect, test } from 'vitest'
import { create, toBinary } from '@bufbuild/protobuf'
import {
  decodeDevice,
  decodeGeneration,
  decodeIssuedBundle,
  decodePair,
  encodeDevice,
  encodeGeneration,
  encodeIssuedBundle,
  encodePair,
  usablePair,
  wipeValues,
} from '../../node/own-codec.ts'
import {
  OwnBundleSchema,
  OwnDeviceSchema,
  OwnOneTimePairSchema,
  OwnPrekeysSchema,
} from '../../protocol/generated/own_pb.ts'
import { generateSecret, ready, x25519KeyPair } from '../../protocol/crypto.ts'
import { certifyDevice } from '../../protocol/device.ts'
import { createLastResortKemPrekey, createSignedPrekey } from '../../protocol/prekeys.ts'
import { Secret } from '../../protocol/secret.ts'
import { testAccount, testPairs } from '../support/accounts.ts'
import { seededRandom } from '../support/random.ts'
import type { PrekeyGeneration, StoredDevice, StoredPair } from '../../node/own-codec.ts'

const random = seededRandom('own codec')
const now = 1_800_000_000_000

let device: StoredDevice
let generation: PrekeyGeneration
let pair: StoredPair

beforeAll(async () => {
  await ready
  const account = testAccount(random)
  const identityKeyPair = x25519KeyPair(generateSecret('IdentityKey', 32, random))
  device = { account: account.key, device: 1, identityKeyPair }
  const times = { issuedAt: now, expiresAt: now + 1000 }
  const fields = { device: 1, identityKey: identityKeyPair.publicKey, sequence: 5, ...times }
  generation = {
    signed: createSignedPrekey(random),
    kem: createLastResortKemPrekey(random),
    certificate: certifyDevice(account, fields),
    createdAt: now - 1,
    lastIssuedAt: now + 1,
    lastExpiresAt: now + 2,
  }
  const mailbox = testAccount(random).key
  const [made] = testPairs(account, mailbox, { count: 1, now }, random)
  if (made === undefined) throw new Error('no pair')
  pair = {
    id: made.id,
    mailbox,
    oneTimePrekey: made.keyPair.privateKey,
    kemSeed: made.kem.seed,
    signed: made.signed,
    ...times,
    uploaded: true,
  }
})

test('a device comes back with its key', () => {
  const read = decodeDevice(encodeDevice(device))
  expect({ ...read, identityKeyPair: read.identityKeyPair.publicKey }).toEqual({
    ...device,
    identityKeyPair: device.identityKeyPair.publicKey,
  })
})

test('prekeys come back with their public halves, also when their certificate has expired', () => {
  const read = decodeGeneration(encodeGeneration(generation))
  expect(read.signed.keyPair.publicKey).toEqual(generation.signed.keyPair.publicKey)
  expect(read.kem.publicKey).toEqual(generation.kem.publicKey)
  expect([read.signed.id, read.kem.id]).toEqual([generation.signed.id, generation.kem.id])
  expect(read.certificate).toEqual(generation.certificate)
  expect([read.createdAt, read.lastIssuedAt, read.lastExpiresAt]).toEqual([
    now - 1,
    now + 1,
    now + 2,
  ])
})

test('a one-time pair comes back and can be used', () => {
  const read = decodePair(encodePair(pair))
  const { oneTimePrekey, kemSeed, ...plain } = read
  expect(plain).toEqual({
    id: pair.id,
    mailbox: pair.mailbox,
    signed: pair.signed,
    issuedAt: now,
    expiresAt: now + 1000,
    uploaded: true,
  })
  expect(Secret.reveal(oneTimePrekey)).toEqual(Secret.reveal(pair.oneTimePrekey))
  expect(Secret.reveal(kemSeed)).toEqual(Secret.reveal(pair.kemSeed))
  expect(usablePair(read).kem.publicKey).toEqual(usablePair(pair).kem.publicKey)
})

test('a signed bundle comes back', () => {
  const issued = { sequence: 7, digest: random(32), signedPrekeyId: 9, issuedAt: now }
  expect(decodeIssuedBundle(encodeIssuedBundle(issued))).toEqual(issued)
})

test('what a newer version wrote is refused', () => {
  const version = 2
  const newer = [
    () => decodeDevice(toBinary(OwnDeviceSchema, create(OwnDeviceSchema, { version }))),
    () => decodeGeneration(toBinary(OwnPrekeysSchema, create(OwnPrekeysSchema, { version }))),
    () => decodePair(toBinary(OwnOneTimePairSchema, create(OwnOneTimePairSchema, { version }))),
    () => decodeIssuedBundle(toBinary(OwnBundleSchema, create(OwnBundleSchema, { version }))),
  ]
  for (const read of newer) expect(read).toThrow('ERR_UNKNOWN_VERSION')
})

test('a record that was read or written keeps no private key', () => {
  const bytes = encodePair(pair)
  const secret = Secret.reveal(pair.oneTimePrekey)
  expect(holds(bytes, secret)).toBe(true)
  decodePair(bytes)
  expect(holds(bytes, secret)).toBe(false)
  const value = encodePair(pair)
  wipeValues([
    { type: 'put', key: 'k', value },
    { type: 'del', key: 'k' },
  ])
  expect(value.every((byte) => byte === 0)).toBe(true)
})

function holds(bytes: Uint8Array, part: Uint8Array): boolean {
  return bytes.some((_, at) => part.every((byte, offset) => bytes[at + offset] === byte))
}
