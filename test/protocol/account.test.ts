import { expect, test } from 'vitest'
import { accountFromSeed, accountKey } from '../../protocol/account.ts'
import { fromHex, toHex } from '../../protocol/bytes.ts'
import { importSecret, ready } from '../../protocol/crypto.ts'
import { testAccount } from '../support/people.ts'
import { refusal } from '../support/refusals.ts'

await ready

test('an account is its seed: RFC 8032, section 7.1, test 1', () => {
  const seed = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')
  const { key } = accountFromSeed(importSecret('AccountSeed', seed))
  expect(toHex(key)).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
})

test('a key from outside is copied', () => {
  const bytes = testAccount('copy').key.slice()
  const key = accountKey(bytes)
  bytes.fill(0)
  expect(key).toEqual(testAccount('copy').key)
})

test.each([
  ['0'.repeat(62), 'CryptoError ERR_LENGTH'],
  ['ee' + 'ff'.repeat(31), 'CryptoError ERR_NOT_CANONICAL'],
  ['01' + '00'.repeat(31), 'CryptoError ERR_LOW_ORDER'],
])('%s is no account key', (hex, code) => {
  expect(refusal(() => accountKey(fromHex(hex)))).toBe(code)
})

test('a seed has 32 bytes', () => {
  const short = importSecret('AccountSeed', new Uint8Array(31))
  expect(refusal(() => accountFromSeed(short))).toBe('CryptoError ERR_LENGTH')
})
