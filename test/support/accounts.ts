// Accounts, devices and bundles for tests, all from a seed.
import { accountFromSeed } from '../../protocol/account.ts'
import { signBundle } from '../../protocol/bundle.ts'
import { generateSecret, x25519KeyPair } from '../../protocol/crypto.ts'
import { certifyDevice } from '../../protocol/device.ts'
import {
  createLastResortKemPrekey,
  createOneTimePair,
  createSignedPrekey,
} from '../../protocol/prekeys.ts'
import type { Account, AccountKey } from '../../protocol/account.ts'
import type { VerifiedBundle } from '../../protocol/bundle.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import type { OneTimePair } from '../../protocol/prekeys.ts'

const DAY = 86_400_000

/** A new account. libsodium must be ready. */
export function testAccount(random: RandomBytes): Account {
  return accountFromSeed(generateSecret('AccountSeed', 32, random))
}

export interface TestBundleFields {
  readonly sequence: number
  readonly now: number
  readonly expiresAt?: number
}

/** A whole signed bundle with keys that nobody keeps. */
export function testBundle(
  account: Account,
  fields: TestBundleFields,
  random: RandomBytes,
): VerifiedBundle {
  const { sequence, now, expiresAt = now + 30 * DAY } = fields
  const identityKey = x25519KeyPair(generateSecret('IdentityKey', 32, random)).publicKey
  const certificate = certifyDevice(account, {
    device: 1,
    identityKey,
    sequence: 1,
    issuedAt: now,
    expiresAt: now + 180 * DAY,
  })
  const signed = createSignedPrekey(random)
  const kem = createLastResortKemPrekey(random)
  return signBundle(account, {
    certificate,
    signedPrekey: { id: signed.id, key: signed.keyPair.publicKey },
    lastResortKemPrekey: { id: kem.id, key: kem.publicKey },
    sequence,
    issuedAt: now,
    expiresAt,
    mailboxes: [],
  })
}

/** One-time pairs of an account for a mailbox. */
export function testPairs(
  account: Account,
  mailbox: AccountKey,
  fields: { readonly count: number; readonly now: number; readonly expiresAt?: number },
  random: RandomBytes,
): readonly OneTimePair[] {
  const { count, now, expiresAt = now + 60 * DAY } = fields
  return Array.from({ length: count }, () =>
    createOneTimePair({ account, device: 1, mailbox, issuedAt: now, expiresAt, random }),
  )
}
