/** Two people with keys of sotto, made at once: for benchmarks that need a session and no node. */
import { accountFromSeed, type Account } from '../protocol/account.ts'
import { signBundle } from '../protocol/bundle.ts'
import { generateSecret, x25519KeyPair } from '../protocol/crypto.ts'
import { certifyDevice, type Device, type IdentityKey } from '../protocol/device.ts'
import {
  createLastResortKemPrekey,
  createOneTimePair,
  createSignedPrekey,
} from '../protocol/prekeys.ts'
import type { OurPrekeys } from '../protocol/session.ts'
import { platformRandom } from '../net/platform/random.ts'

const DAY = 24 * 60 * 60 * 1000
const DEVICE = 1

export interface Person {
  readonly account: Account
  readonly device: Device
  readonly now: number
}

export interface Published {
  readonly prekeys: OurPrekeys
  readonly bundle: Uint8Array
  readonly pair: Uint8Array
}

export function newPerson(now = Date.now()): Person {
  const account = accountFromSeed(generateSecret('AccountSeed', 32, platformRandom))
  const identityKeyPair = x25519KeyPair(generateSecret('IdentityKey', 32, platformRandom))
  const certificate = certifyDevice(account, {
    device: DEVICE,
    identityKey: identityKeyPair.publicKey satisfies IdentityKey,
    sequence: 1,
    issuedAt: now,
    expiresAt: now + 180 * DAY,
  })
  return { account, device: { account: account.key, certificate, identityKeyPair }, now }
}

export function publish({ account, device, now }: Person): Published {
  const signed = createSignedPrekey(platformRandom)
  const kem = createLastResortKemPrekey(platformRandom)
  const expiresAt = now + 30 * DAY
  const oneTime = createOneTimePair({
    account,
    device: DEVICE,
    mailbox: account.key,
    issuedAt: now,
    expiresAt,
    random: platformRandom,
  })
  const bundle = signBundle(account, {
    certificate: device.certificate,
    signedPrekey: { id: signed.id, key: signed.keyPair.publicKey },
    lastResortKemPrekey: { id: kem.id, key: kem.publicKey },
    sequence: 1,
    issuedAt: now,
    expiresAt,
    mailboxes: [],
  })
  return { prekeys: { signed, kem, oneTime }, bundle: bundle.bytes, pair: oneTime.signed }
}
