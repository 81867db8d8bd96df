import { beforeAll, expect, test } from 'vitest'
import { concat, toHex } from '../../protocol/bytes.ts'
import { kdfChainKey } from '../../protocol/chain.ts'
import { importSecret, ready } from '../../protocol/crypto.ts'
import {
  expandEpoch,
  kemCiphertextDigest,
  kemKeyDigest,
  nextEpochSecret,
} from '../../protocol/epoch.ts'
import { encodeHeader, envelopeTag, expandHeaderKey } from '../../protocol/header.ts'
import type { RatchetPublicKey } from '../../protocol/header.ts'
import { messageKeys, messageSalt } from '../../protocol/message-keys.ts'
import { handshakeSecrets } from '../../protocol/pqxdh.ts'
import { kdfRootKey } from '../../protocol/ratchet.ts'
import { Secret } from '../../protocol/secret.ts'

// The sample outputs of docs/protocol.md, through the functions that sessions use.

beforeAll(() => ready)

test('handshake secrets', () => {
  const secrets = handshakeSecrets(repeated(1, 64), agreed())
  expect(hex(secrets.sessionSecret)).toBe(
    '8bd1a357f545bd8586d9a60c87f07500bda8c8fa5c9ad56a4c7dd70f72a20df8',
  )
  expect(hex(secrets.headerKeyA)).toBe(
    'd5aaaaa28e401d14ea06adcac021c22d730a052e484df0b719da66483c97c48a',
  )
  expect(hex(secrets.headerKeyB)).toBe(
    '1fb87ed4101cb138e03752675d3af71f500845770f03b808c3afe6aef67178b8',
  )
  expect(hex(secrets.epochSecret)).toBe(
    'e44ea957ac5d8f288ac7ab8de2ffabad70a208d39e1c31c4e3ea37ab55850406',
  )
  expect(toHex(secrets.sessionId)).toBe(
    '5bcca5c51018b6f408619645800a6402b4f7be657588996f9ab3fcbb0b24d110',
  )
})

test('one step of the root and one of the chain', () => {
  const { sessionSecret } = handshakeSecrets(repeated(1, 64), agreed())
  const step = kdfRootKey(sessionSecret, filled(7))
  expect(hex(step.rootKey)).toBe('97d8e147c6935527ac08cf83fa9cbdb20bb295fe6ca92b7917471e5994ff40a4')
  expect(hex(step.chainKey)).toBe(
    '01e0dc95da86814aff58ef69c3b81a6196dc5828f9678b14473598247c70795c',
  )
  expect(hex(step.nextHeaderKey)).toBe(
    '35895f18010f68eb6e60dd780962543ca877ae8c284d6441b59efc4e0786b1f1',
  )
  const [next, messageKey] = kdfChainKey(step.chainKey)
  expect(hex(next)).toBe('8e5ebc840b6b2bff9189ceb69314df31c3095171717d935eb78835fe518e4566')
  expect(hex(messageKey)).toBe('82209233aece4cda9f3ac60d1cea7084c55b41e5cf6a1b3b554382d918120fc0')
})

test('one step of the epochs', () => {
  const epoch = firstEpoch()
  expect(hex(epoch.sendingKey)).toBe(
    '65d3c0336ac41ca88c4662eb7adce26648e356c6780eceda7912ee37a699afe4',
  )
  const next = nextEpochSecret(epoch.nextStepKey, {
    target: 1,
    sessionId: handshakeSecrets(repeated(1, 64), agreed()).sessionId,
    kemSecret: filled(8),
    keyDigest: kemKeyDigest(1, repeated(9, 1184)),
    ciphertextDigest: kemCiphertextDigest(1, repeated(10, 1088)),
  })
  expect(hex(next)).toBe('a5648a5a270f6f42cef44f034bc700b0adc1cd3f5b4301e0b7836db82e7d370a')
})

test('message key, salt and tag', () => {
  const { sessionSecret, headerKeyA } = handshakeSecrets(repeated(1, 64), agreed())
  const [, messageKey] = kdfChainKey(kdfRootKey(sessionSecret, filled(7)).chainKey)
  const [bodyKey, saltKey] = messageKeys(messageKey, firstEpoch().sendingKey, {
    epoch: 0,
    number: 0,
  })
  expect(hex(bodyKey)).toBe('5783b01e7bbc5a35389bca42d1b107a8b3d3f6c1243ec59a27b180fc7e297cab')
  const salt = messageSalt(saltKey, {
    random: repeated(11, 16),
    header: repeated(12, 44),
    paddedBody: repeated(13, 256),
  })
  expect(toHex(salt)).toBe('84a0e3be695181ac8a87dc0821c86efd')
  const tag = envelopeTag(expandHeaderKey(headerKeyA), repeated(11, 16), repeated(14, 32))
  expect(toHex(tag)).toBe('94c5d8f9402a2153')
})

test('the two sides of an epoch have each other’s keys', () => {
  const [one, other] = [expandEpoch(filled(1), 0, 1), expandEpoch(filled(1), 0, 2)]
  expect(hex(one.sendingKey)).toBe(hex(other.receivingKey))
  expect(hex(one.receivingKey)).toBe(hex(other.sendingKey))
  expect(hex(one.sendingKey)).not.toBe(hex(one.receivingKey))
  expect(hex(one.nextStepKey)).toBe(hex(other.nextStepKey))
  expect(hex(one.continuityKey)).toBe(hex(other.continuityKey))
})

test('what a step uses up is wiped', () => {
  const secret = filled(1, 'EpochSecret')
  expandEpoch(secret, 0, 1)
  expect(() => Secret.reveal(secret)).toThrow('was wiped')
  const output = filled(2)
  kdfRootKey(filled(3, 'RootKey'), output)
  expect(() => Secret.reveal(output)).toThrow('was wiped')
})

test('a header has its parts where the byte table says', () => {
  const header = encodeHeader({
    ratchetKey: repeated(0xaa, 32) as RatchetPublicKey,
    previousChainLength: 0x01020304,
    number: 0xfffffffe,
    epoch: 5,
  })
  expect(toHex(header)).toBe(`${'aa'.repeat(32)}01020304fffffffe00000005`)
})

test('a salt depends on its random bytes, its header and its text', () => {
  const base = { random: repeated(1, 16), header: repeated(2, 44), paddedBody: repeated(3, 256) }
  const salt = (input: typeof base): string => toHex(messageSalt(filled(4, 'SaltKey'), input))
  const others = [
    { ...base, random: repeated(9, 16) },
    { ...base, header: repeated(9, 44) },
    { ...base, paddedBody: concat(repeated(3, 255), repeated(9, 1)) },
  ]
  expect(new Set([base, base, ...others].map(salt)).size).toBe(4)
})

function firstEpoch(): ReturnType<typeof expandEpoch> {
  return expandEpoch(handshakeSecrets(repeated(1, 64), agreed()).epochSecret, 0, 1)
}

function agreed(): readonly Secret[] {
  return [2, 3, 4, 5, 6].map((byte) => filled(byte))
}

function filled<Name extends string = string>(byte: number, name?: Name): Secret<Name> {
  return importSecret((name ?? 'test') as Name, repeated(byte, 32))
}

function repeated(byte: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(byte)
}

function hex(secret: Secret): string {
  return toHex(Secret.reveal(secret))
}
