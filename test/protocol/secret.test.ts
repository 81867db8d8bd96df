import { expect, test } from 'vitest'
import { generateSecret, ready, x25519KeyPair } from '../../protocol/crypto.ts'
import { Secret, wipeAll } from '../../protocol/secret.ts'
import { testPerson } from '../support/people.ts'
import { seededRandom } from '../support/random.ts'

await ready

const inspect = Symbol.for('nodejs.util.inspect.custom')

test('a secret gives its bytes only to reveal', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  const secret = new Secret('RootKey', bytes)
  expect(Secret.reveal(secret)).toBe(bytes)
  expect(Object.keys(secret)).toEqual(['name'])
})

test('a wiped secret is overwritten and throws', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  const secret = new Secret('RootKey', bytes)
  secret.wipe()
  secret.wipe()
  expect([...bytes]).toEqual([0, 0, 0])
  expect(() => Secret.reveal(secret)).toThrow('RootKey was wiped')
})

test('all of a list are wiped', () => {
  const secrets = [new Secret('A', Uint8Array.of(1)), new Secret('B', Uint8Array.of(2))]
  wipeAll(secrets)
  for (const secret of secrets) expect(() => Secret.reveal(secret)).toThrow('was wiped')
})

test('a secret prints its name only', () => {
  const secret = new Secret('RootKey', Uint8Array.of(222, 173))
  expect(Reflect.apply(Reflect.get(secret, inspect), secret, [])).toBe('[RootKey]')
  expect(`${secret}`).toBe('[RootKey]')
  expect(JSON.stringify({ secret })).toBe('{"secret":"[RootKey]"}')
  expect(JSON.stringify(structuredClone(secret))).not.toContain('222')
})

test('objects that hold secrets print none of them', () => {
  const { account, device, signedPrekey, kemPrekey } = testPerson('printing')
  const pair = x25519KeyPair(generateSecret('RatchetKey', 32, seededRandom('printing')))
  const printed = JSON.stringify({ account, device, signedPrekey, kemPrekey, pair })
  for (const name of ['AccountSeed', 'IdentityKey', 'SignedPrekey', 'KemSeed', 'RatchetKey']) {
    expect(printed).toContain(`"[${name}]"`)
  }
  const secrets = [
    account.seed,
    device.identityKeyPair.privateKey,
    signedPrekey.keyPair.privateKey,
    kemPrekey.seed,
    pair.privateKey,
  ]
  for (const secret of secrets) {
    const asObject = JSON.stringify(Secret.reveal(secret)).slice(1, -1)
    expect(printed).not.toContain(asObject)
  }
})

test('secrets of different names cannot stand for each other', () => {
  const take = (secret: Secret<'RootKey'>): string => secret.name
  const chain = new Secret('ChainKey', new Uint8Array(32))
  // @ts-expect-error a chain key is no root key
  expect(take(chain)).toBe('ChainKey')
})
