import type { Account } from '../../protocol/account.ts'
import { accountFromSeed } from '../../protocol/account.ts'
import type { BundleFields, VerifiedBundle } from '../../protocol/bundle.ts'
import { signBundle } from '../../protocol/bundle.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import { generateSecret, x25519KeyPair } from '../../protocol/crypto.ts'
import type { Device } from '../../protocol/device.ts'
import { certifyDevice } from '../../protocol/device.ts'
import type { KemPrekey, SignedPrekey } from '../../protocol/prekeys.ts'
import { createLastResortKemPrekey, createSignedPrekey } from '../../protocol/prekeys.ts'
import { seededRandom } from './random.ts'

/** The moment at which all test records are issued. */
export const NOW = 1_800_000_000_000
export const DAY = 86_400_000

/** Everything an account publishes, and the private halves. */
export interface Person {
  readonly account: Account
  readonly device: Device
  readonly signedPrekey: SignedPrekey
  readonly kemPrekey: KemPrekey
  readonly fields: BundleFields
  readonly bundle: VerifiedBundle
  readonly random: RandomBytes
}

/** An account of a seed; the libsodium behind it must be ready. */
export function testAccount(seed: number | string): Account {
  return accountFromSeed(generateSecret('AccountSeed', 32, seededRandom(`account ${seed}`)))
}

/** A person of a seed, always the same; `overrides` change the bundle. */
export function testPerson(seed: number | string, overrides: Partial<BundleFields> = {}): Person {
  const account = testAccount(seed)
  const random = seededRandom(`person ${seed}`)
  const identityKeyPair = x25519KeyPair(generateSecret('IdentityKey', 32, random))
  const certificate = certifyDevice(account, {
    device: 1,
    identityKey: identityKeyPair.publicKey,
    sequence: 1,
    issuedAt: NOW,
    expiresAt: NOW + 180 * DAY,
  })
  const signedPrekey = createSignedPrekey(random)
  const kemPrekey = createLastResortKemPrekey(random)
  const fields = {
    certificate,
    signedPrekey: { id: signedPrekey.id, key: signedPrekey.keyPair.publicKey },
    lastResortKemPrekey: { id: kemPrekey.id, key: kemPrekey.publicKey },
    sequence: 1,
    issuedAt: NOW,
    expiresAt: NOW + 30 * DAY,
    mailboxes: [],
    ...overrides,
  }
  const device = { account: account.key, certificate, identityKeyPair }
  const bundle = signBundle(account, fields)
  return { account, device, signedPrekey, kemPrekey, fields, bundle, random }
}
