/** sotto's own ratchet as a subject. The caller's part is done too: what is spent is wiped after each step. */
import { accountFromSeed, type Account } from '../../protocol/account.ts'
import { signBundle, verifyBundle } from '../../protocol/bundle.ts'
import { generateSecret, ready, x25519KeyPair } from '../../protocol/crypto.ts'
import { certifyDevice, type Device, type IdentityKey } from '../../protocol/device.ts'
import { readEnvelope } from '../../protocol/envelope.ts'
import {
  createLastResortKemPrekey,
  createOneTimePair,
  createSignedPrekey,
  verifyOneTimePair,
} from '../../protocol/prekeys.ts'
import type { Secret } from '../../protocol/secret.ts'
import {
  acceptSession,
  encryptMessage,
  initiateSession,
  openMessage,
  type OurPrekeys,
  type Session,
  tagMatches,
} from '../../protocol/session.ts'
import { platformRandom, pooled } from '../../net/platform/random.ts'
import type { Pair, Side, Subject } from './subject.ts'

const DAY = 24 * 60 * 60 * 1000
const DEVICE = 1
const saltRandom = pooled(platformRandom)

/** `name` says which provider of primitives is meant: `sotto` is what Node gets without choosing. */
export function sottoSubject(name: 'sotto' | 'sotto-wasm'): Subject {
  return {
    name,
    pace: { oneWay: 3_000, pingPong: 600, setUp: 60 },
    opensReversed: true,
    async prepare() {
      await ready
      const [we, they] = [newPerson(), newPerson()]
      const published = publish(they)
      return { setUp: async (first) => setUp(we, they, published, first) }
    },
  }
}

interface Person {
  readonly account: Account
  readonly device: Device
  readonly now: number
}

interface Published {
  readonly prekeys: OurPrekeys
  readonly bundle: Uint8Array
  readonly pair: Uint8Array
}

function newPerson(): Person {
  const now = Date.now()
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

function publish({ account, device, now }: Person): Published {
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

function setUp(we: Person, they: Person, published: Published, first: Uint8Array): Pair {
  const { now } = we
  const account = they.account.key
  const outgoing = initiateSession({
    ours: we.device,
    theirs: verifyBundle(published.bundle, { account, now }),
    oneTime: verifyOneTimePair(published.pair, { account, now }),
    ordinal: now,
    seen: 0,
    now,
    random: platformRandom,
  })
  const ours = sideOf(outgoing)
  const envelope = readEnvelope(ours.encrypt(first))
  if (envelope.kind !== 'first') throw new Error('The first message is not one')
  const accepted = acceptSession({
    ours: they.device,
    prekeys: published.prekeys,
    envelope,
    bundleKnown: () => true,
    now,
    random: platformRandom,
  })
  wipe(accepted.spent)
  return { ours, theirs: sideOf(accepted.session), opened: accepted.content }
}

interface OurSide extends Side {
  encrypt(plaintext: Uint8Array): Uint8Array
}

function sideOf(start: Session): OurSide {
  let session = start
  return {
    encrypt(plaintext) {
      const { next, envelope, spent } = encryptMessage(session, plaintext, saltRandom)
      session = next
      wipe(spent)
      return envelope
    },
    decrypt(message) {
      const envelope = readEnvelope(message as Uint8Array)
      const matched = tagMatches([session], envelope)
      if (matched === undefined) throw new Error('The tag matches no session')
      const opened = openMessage(matched, envelope, { now: Date.now(), random: platformRandom })
      session = opened.next
      wipe(opened.spent)
      return opened.content
    },
  }
}

function wipe(spent: readonly Secret[]): void {
  for (const secret of spent) secret.wipe()
}
