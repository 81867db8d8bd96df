import { expect, test } from 'vitest'
import { hash, ready } from '../../protocol/crypto.ts'
import {
  createDeliveryToken,
  deliveryToken,
  deliveryTokenBytes,
  deliveryTokenHash,
} from '../../protocol/delivery-token.ts'
import { seededRandom } from '../support/random.ts'
import { refusal } from '../support/refusals.ts'

await ready

const bytes = seededRandom('token')(32)

test('a token is 32 bytes of the generator', () => {
  expect(deliveryTokenBytes(createDeliveryToken(seededRandom('token')))).toEqual(bytes)
})

test('a token shows its name and not its bytes', () => {
  for (const token of [createDeliveryToken(seededRandom('token')), deliveryToken(bytes.slice())]) {
    expect(JSON.stringify({ token })).toBe('{"token":"[DeliveryToken]"}')
  }
})

test.each([0, 31, 33])('%i bytes are no token', (length) => {
  expect(refusal(() => deliveryToken(new Uint8Array(length)))).toBe('DecodeError ERR_MALFORMED')
})

test('the bytes that are told are a copy, and outlive the token', () => {
  const token = deliveryToken(bytes.slice())
  const told = deliveryTokenBytes(token)
  token.wipe()
  expect(told).toEqual(bytes)
})

test('a mailbox gets to know the hash', () => {
  expect(deliveryTokenHash(deliveryToken(bytes.slice()))).toEqual(hash(32, 'token', bytes))
})
