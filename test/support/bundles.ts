// Accounts and signed bundles for tests that need a record and not what is in it.
import { accountFromSeed, type Account } from '../../protocol/account.ts'
import { signBundle, type BundleFields, type VerifiedBundle } from '../../protocol/bundle.ts'
import { generateSecret, x25519KeyPair } from '../../protocol/crypto.ts'
import { certifyDevice } from '../../protocol/device.ts'
import { createLastResortKemPrekey, createSignedPrekey } from '../../protocol/prekeys.ts'
import { seededRandom } from './random.ts'

const DAY = 24 * 60 * 60 * 1000

/** The account of a name, the same every time. */
export function testAccount(name: string): Account {
  return accountFromSeed(generateSecret('AccountSeed', 32, seededRandom(name)))
}

/** A bundle that holds from an hour before `now` for 30 days. */
export function testBundle(
  account: Account,
  now: number,
  changes: Partial<BundleFields> = {},
): VerifiedBundle {
  const random = seededRandom('bundle')
  const identityKeyPair = x25519KeyPair(generateSecret('IdentityKey', 32, random))
  const issuedAt = now - 60 * 60 * 1000
  const signedPrekey = createSignedPrekey(random)
  const lastResort = createLastResortKemPrekey(random)
  return signBundle(account, {
    certificate: certifyDevice(account, {
      device: 1,
      identityKey: identityKeyPair.publicKey,
      sequence: 1,
      issuedAt,
      expiresAt: issuedAt + 180 * DAY,
    }),
    signedPrekey: { id: signedPrekey.id, key: signedPrekey.keyPair.publicKey },
    lastResortKemPrekey: { id: lastResort.id, key: lastResort.publicKey },
    sequence: 1,
    issuedAt,
    expiresAt: issuedAt + 30 * DAY,
    mailboxes: [],
    ...changes,
  })
}
