/** Every bit of what is kept or passed on for others, flipped once. `test/protocol/bit-flips.test.ts` has what is signed and sealed. */
import { beforeAll, expect, test } from 'vitest'
import { RecordPolicy } from '../../net/dht-policy.ts'
import { accountOf, peerName } from '../../net/peer-name.ts'
import { openIdentity, sealIdentity } from '../../net/platform/identity-file.ts'
import { openValue, sealValue } from '../../net/sealed-value.ts'
import { bundleKey } from '../../protocol/bundle.ts'
import { equalBytes, utf8 } from '../../protocol/bytes.ts'
import { generateSecret, ready } from '../../protocol/crypto.ts'
import { NOW, account, person } from '../make-vectors/people.ts'
import { eachFlip, expectEachFlip } from '../support/bit-flips.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'
import { outcome } from '../support/refusals.ts'

beforeAll(() => ready)

const random = seededRandom('bit flips')

test('a DHT record is refused with any bit changed, in its value or in its key', () => {
  const { bundle } = person('responder')
  const policy = new RecordPolicy(new ManualClock(NOW))
  const key = bundleKey(bundle.account)
  const refused = /^(DecodeError|RecordError) ERR_/
  expectEachFlip(bundle.bytes, (value) => policy.validate(key, value), refused)
  expectEachFlip(key, (changed) => policy.validate(changed, bundle.bytes), refused)
  expect(policy.validate(key, bundle.bytes).digest).toEqual(bundle.digest)
})

test('a sealed value is refused with any bit changed, in it or in its key', () => {
  const dataKey = generateSecret('DataKey', 32, random)
  const name = 'message/c_1/0001'
  const sealed = sealValue(dataKey, name, utf8('what is kept'), random)
  const refused = /^StoreError ERR_CORRUPT$/
  expectEachFlip(sealed, (changed) => openValue(dataKey, name, changed), refused)
  const nameOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes)
  expectEachFlip(utf8(name), (changed) => openValue(dataKey, nameOf(changed), sealed), refused)
  expect(openValue(dataKey, name, sealed)).toEqual(utf8('what is kept'))
})

test('an identity file is refused with any bit changed', async () => {
  const accountSeed = generateSecret('AccountSeed', 32, random)
  const dataKey = generateSecret('DataKey', 32, random)
  const file = await sealIdentity({ accountSeed, dataKey }, { random })
  const changed: Uint8Array[] = []
  eachFlip(file, [0, file.length], (one) => changed.push(one))
  for (const one of changed) {
    await expect(openIdentity(one)).rejects.toThrow(/^ERR_(CORRUPT|NEWER_FORMAT)$/)
  }
  await expect(openIdentity(file)).resolves.toBeDefined()
})

test('a PeerId with any bit changed is none, or that of another account', () => {
  const { key } = account('named')
  const name = utf8(peerName(key))
  eachFlip(name, [0, name.length], (changed) => {
    const read = outcome(() => accountOf(String.fromCharCode(...changed)))
    if (typeof read === 'string') expect(read).toMatch(/^(DecodeError|CryptoError) ERR_/)
    else expect(equalBytes(read, key)).toBe(false)
  })
})
