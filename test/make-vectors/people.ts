/** The people of the vectors, with all their secrets. */
import type { Account } from '../../protocol/account.ts'
import { accountFromSeed } from '../../protocol/account.ts'
import type { VerifiedBundle } from '../../protocol/bundle.ts'
import { signBundle } from '../../protocol/bundle.ts'
import { fromHex } from '../../protocol/bytes.ts'
import { generateSecret, x25519KeyPair } from '../../protocol/crypto.ts'
import type { Device } from '../../protocol/device.ts'
import { certifyDevice } from '../../protocol/device.ts'
import type { KemPrekey, OneTimePair, SignedPrekey } from '../../protocol/prekeys.ts'
import {
  createLastResortKemPrekey,
  createOneTimePair,
  createSignedPrekey,
} from '../../protocol/prekeys.ts'
import { seededRandom } from '../support/random.ts'
import { hex, hexes } from './values.ts'

/** When every record of the vectors is issued, in Unix ms. */
export const NOW = 1_800_000_000_000
export const HOUR = 3_600_000
export const DAY = 24 * HOUR

/** /ip4/127.0.0.1/tcp/4001 and /dns4/mailbox.example/tcp/443/ws as binary multiaddrs. */
export const ADDRESSES: readonly Uint8Array[] = [
  fromHex('047f000001060fa1'),
  fromHex('360f6d61696c626f782e6578616d706c650601bbdd03'),
]

export interface Person {
  readonly account: Account
  readonly device: Device
  readonly signedPrekey: SignedPrekey
  readonly kemPrekey: KemPrekey
  readonly pair: OneTimePair
  readonly bundle: VerifiedBundle
}

/** An account of a name, the same every time. */
export function account(name: string): Account {
  return accountFromSeed(generateSecret('AccountSeed', 32, seededRandom(`vectors account ${name}`)))
}

export const mailboxName = 'mailbox'

/** A whole person of a name. */
export function person(name: string): Person {
  const owner = account(name)
  const mailbox = account(mailboxName).key
  const random = seededRandom(`vectors person ${name}`)
  const identityKeyPair = x25519KeyPair(generateSecret('IdentityKey', 32, random))
  const certificate = certifyDevice(owner, {
    ...{ device: 1, identityKey: identityKeyPair.publicKey, sequence: 3 },
    ...{ issuedAt: NOW, expiresAt: NOW + 180 * DAY },
  })
  const signedPrekey = createSignedPrekey(random)
  const kemPrekey = createLastResortKemPrekey(random)
  const pair = createOneTimePair({
    ...{ account: owner, device: 1, mailbox, random },
    ...{ issuedAt: NOW, expiresAt: NOW + 60 * DAY },
  })
  const bundle = signBundle(owner, {
    certificate,
    signedPrekey: { id: signedPrekey.id, key: signedPrekey.keyPair.publicKey },
    lastResortKemPrekey: { id: kemPrekey.id, key: kemPrekey.publicKey },
    ...{ sequence: 5, issuedAt: NOW, expiresAt: NOW + 30 * DAY },
    mailboxes: [{ account: mailbox, addresses: ADDRESSES }],
  })
  const device = { account: owner.key, certificate, identityKeyPair }
  return { account: owner, device, signedPrekey, kemPrekey, pair, bundle }
}

/** An initiator as the vectors show one. */
export function initiatorFields({ account: { key, seed }, device }: Person) {
  const { certificate, identityKeyPair } = device
  return {
    ...hexes({ accountSeed: seed, account: key }),
    device: certificate.device,
    ...hexes({
      identityPrivate: identityKeyPair.privateKey,
      identityKey: identityKeyPair.publicKey,
      certificate: certificate.bytes,
    }),
  }
}

/** A responder, with its prekeys. */
export function responderFields(responder: Person) {
  const { signedPrekey, kemPrekey, pair, bundle } = responder
  return {
    ...initiatorFields(responder),
    signedPrekey: keyPair(signedPrekey.id, signedPrekey.keyPair),
    lastResortKemPrekey: kemKeyPair(kemPrekey),
    oneTimePair: {
      ...{ prekey: keyPair(pair.id, pair.keyPair), kem: kemKeyPair(pair.kem) },
      signed: hex(pair.signed),
    },
    bundle: hex(bundle.bytes),
    bundleSequence: bundle.sequence,
    bundleDigest: hex(bundle.digest),
  }
}

function keyPair(id: number, pair: SignedPrekey['keyPair'] | OneTimePair['keyPair']) {
  return { id, ...hexes({ private: pair.privateKey, public: pair.publicKey }) }
}

function kemKeyPair({ id, seed, publicKey }: KemPrekey) {
  return { id, ...hexes({ seed, public: publicKey }) }
}
