import { beforeAll, describe, expect, test } from 'vitest'
import { concat, u16, u32 } from '../../protocol/bytes.ts'
import { hash, ready } from '../../protocol/crypto.ts'
import type { EphemeralKey } from '../../protocol/envelope.ts'
import {
  MAX_ENVELOPE_BYTES,
  MIN_BODY_BYTES,
  SESSION_PREFIX,
  firstPrefix,
  readEnvelope,
} from '../../protocol/envelope.ts'
import { refusal } from '../support/refusals.ts'

beforeAll(() => ready)

const REST = concat(filled(1, 16), filled(2, 8), filled(3, 60), filled(4, MIN_BODY_BYTES))
const HANDSHAKE = {
  signedPrekeyId: 0x01020304,
  kemId: 0x05060708,
  oneTime: true,
  ephemeralKey: filled(5, 32) as EphemeralKey,
  kemCiphertext: filled(6, 1088),
  hiddenIdentity: filled(7, 286),
}

describe('a session message', () => {
  test('has its parts where the byte table says', () => {
    const envelope = readEnvelope(concat(SESSION_PREFIX, REST))
    expect(envelope).toMatchObject({
      kind: 'session',
      prefix: Uint8Array.of(1, 1),
      salt: filled(1, 16),
      tag: filled(2, 8),
      sealedHeader: filled(3, 60),
      body: filled(4, MIN_BODY_BYTES),
    })
    const covered = concat(SESSION_PREFIX, filled(3, 60), filled(4, MIN_BODY_BYTES))
    expect(envelope.digest).toEqual(hash(32, 'tag body', covered))
  })

  test('is refused when anything is missing', () => {
    const bytes = concat(SESSION_PREFIX, REST)
    for (let length = 0; length < bytes.length; length += 1) {
      expect(refusal(() => readEnvelope(bytes.subarray(0, length)))).toBe(
        'DecodeError ERR_TRUNCATED',
      )
    }
  })

  test('has a body of at least 256 padded bytes and a tag of 16', () => {
    const bytes = concat(SESSION_PREFIX, filled(1, 16 + 8 + 60), filled(4, 272))
    expect(readEnvelope(bytes).body).toHaveLength(272)
    expect(refusal(() => readEnvelope(bytes.subarray(0, -1)))).toBe('DecodeError ERR_TRUNCATED')
  })

  test('is refused above the largest size', () => {
    const bytes = new Uint8Array(MAX_ENVELOPE_BYTES + 1)
    bytes.set(SESSION_PREFIX)
    expect(readEnvelope(bytes.subarray(0, MAX_ENVELOPE_BYTES)).kind).toBe('session')
    expect(refusal(() => readEnvelope(bytes))).toBe('DecodeError ERR_TOO_LARGE')
  })
})

describe('a first message', () => {
  test('has its parts where the byte table says', () => {
    const prefix = firstPrefix(HANDSHAKE)
    expect([...prefix.subarray(0, 15)]).toEqual([1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 1, 5, 6, 7, 8])
    expect(readEnvelope(concat(prefix, REST))).toMatchObject({
      kind: 'first',
      ...HANDSHAKE,
      prefix,
    })
  })

  test('without a one-time pair names none', () => {
    const prefix = firstPrefix({ ...HANDSHAKE, oneTime: false })
    expect([...prefix.subarray(10, 15)]).toEqual([0, 0, 0, 0, 0])
    expect(readEnvelope(concat(prefix, REST))).toMatchObject({ oneTime: false, kemId: 0x05060708 })
  })

  test('is refused when anything is missing', () => {
    const bytes = concat(firstPrefix(HANDSHAKE), REST)
    for (let length = 2; length < bytes.length; length += 1) {
      expect(refusal(() => readEnvelope(bytes.subarray(0, length)))).toBe(
        'DecodeError ERR_TRUNCATED',
      )
    }
  })

  test.each([
    ['a flag that is neither 0 nor 1', 10, Uint8Array.of(2)],
    ['a one-time id without a pair', 10, Uint8Array.of(0)],
    ['another id for the pair than for its KEM key', 11, u32(9)],
    ['an identity too short for a certificate', 15 + 32 + 1088, u16(158)],
  ])('is refused for %s', (_, at, change) => {
    const bytes = concat(firstPrefix(HANDSHAKE), REST)
    bytes.set(change, at)
    expect(refusal(() => readEnvelope(bytes))).toBe('DecodeError ERR_MALFORMED')
  })

  test('is refused for a pair with the id 0, and for an identity that is too long', () => {
    const unnamed = firstPrefix({ ...HANDSHAKE, kemId: 0 })
    expect(refusal(() => readEnvelope(concat(unnamed, REST)))).toBe('DecodeError ERR_MALFORMED')
    const longest = firstPrefix({ ...HANDSHAKE, hiddenIdentity: new Uint8Array(414) })
    expect(readEnvelope(concat(longest, REST)).kind).toBe('first')
    const long = firstPrefix({ ...HANDSHAKE, hiddenIdentity: new Uint8Array(415) })
    expect(refusal(() => readEnvelope(concat(long, REST)))).toBe('DecodeError ERR_TOO_LARGE')
  })
})

test.each([
  ['another version', [2, 1], 'ERR_UNKNOWN_VERSION'],
  ['version 0', [0, 1], 'ERR_UNKNOWN_VERSION'],
  ['an unknown kind', [1, 3], 'ERR_MALFORMED'],
  ['kind 0', [1, 0], 'ERR_MALFORMED'],
])('%s is refused', (_, start, code) => {
  const bytes = concat(Uint8Array.from(start), REST)
  expect(refusal(() => readEnvelope(bytes))).toBe(`DecodeError ${code}`)
})

function filled(byte: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(byte)
}
