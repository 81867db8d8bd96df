/** Vectors of the handshake: every value of docs/protocol.md, "First message", made again beside the code and compared with it. */
import { concat, lp, u16, u32, u64, u8, utf8 } from '../../protocol/bytes.ts'
import {
  aeadSeal,
  deriveSecret,
  dh,
  hash,
  importSecret,
  kemEncapsulate,
  keyedHash,
  x25519KeyPair,
} from '../../protocol/crypto.ts'
import { expandEpoch } from '../../protocol/epoch.ts'
import { expandHeaderKey } from '../../protocol/header.ts'
import { SUITE } from '../../protocol/labels.ts'
import type { VerifiedOneTimePair } from '../../protocol/prekeys.ts'
import { verifyOneTimePair } from '../../protocol/prekeys.ts'
import { kdfRootKey } from '../../protocol/ratchet.ts'
import { sendingEpoch } from '../../protocol/post-quantum.ts'
import type { Secret } from '../../protocol/secret.ts'
import type { InitiatingSession } from '../../protocol/session.ts'
import { initiateSession } from '../../protocol/session.ts'
import type { Person } from './people.ts'
import { NOW, initiatorFields, person, responderFields } from './people.ts'
import { Draws, agree, epochFields, headerKeyFields, hex, hexes, there } from './values.ts'

/** Which KEM prekey a handshake uses. */
export type HandshakeName = 'last-resort' | 'one-time'

/** A handshake that was made by the code, and who made it. */
export interface Begun {
  readonly initiator: Person
  readonly responder: Person
  readonly session: InitiatingSession
  /** Ephemeral private key, `m` of the encapsulation, random bytes of the identity's salt, private ratchet key. */
  readonly draws: readonly Uint8Array[]
}

const ORDINALS = { ordinal: NOW + 7, seen: NOW - 1234 }

/** The initiator's first step; made anew by each call, always the same. */
export function begin(name: HandshakeName): Begun {
  const [initiator, responder] = [person('initiator'), person('responder')]
  const draws = new Draws(`handshake ${name}`)
  const session = initiateSession({
    ...{ ours: initiator.device, theirs: responder.bundle, ...ORDINALS, now: NOW },
    oneTime: name === 'one-time' ? publicPair(responder) : undefined,
    random: draws.random,
  })
  return { initiator, responder, session, draws: draws.take() }
}

/** The file `handshake.json`. */
export function handshakeVectors() {
  return { now: NOW, handshakes: (['last-resort', 'one-time'] as const).map(handshakeFields) }
}

/** All values of a handshake, each computed again. */
export function handshakeFields(name: HandshakeName) {
  const begun = begin(name)
  const { initiator, responder, session } = begun
  const { signedPrekey, pair } = responder
  const [ephemeralPrivate, kemRandomness, identitySaltRandom, ratchetPrivate] = begun.draws.map(hex)
  const random = { ephemeralPrivate, kemRandomness, identitySaltRandom, ratchetPrivate }

  const isPair = name === 'one-time'
  const { ephemeral, kem, agreed } = agreements(begun, isPair)
  const T0 = hash(
    64,
    'pqxdh pre',
    listBefore(responder, isPair, ephemeral.publicKey, kem.ciphertext),
  )
  const P0 = deriveSecret('P0', 64, T0, 'pqxdh identity', F, ...agreed.slice(2))
  const hidden = identity(begun, T0, P0)
  const T = hash(64, 'pqxdh full', listFull(begun, T0, hidden.IDC))
  const P = deriveSecret('P', 64, T, 'pqxdh', F, ...agreed)
  const prefix = concat(
    ...[u8(1), u8(2), u32(signedPrekey.id), u32(isPair ? pair.id : responder.kemPrekey.id)],
    ...[u8(isPair ? 1 : 0), u32(isPair ? pair.id : 0), ephemeral.publicKey, kem.ciphertext],
    ...[u16(hidden.IDC.length), hidden.IDC],
  )
  agree('PRE', hex(prefix), session.prefix)
  agree('T', hex(T), session.associatedData)

  const [DH1, DH2, DH3, DH4] = agreed
  return {
    name,
    initiator: initiatorFields(initiator),
    responder: responderFields(responder),
    ...ORDINALS,
    random,
    ephemeralKey: hex(ephemeral.publicKey),
    kemCiphertext: hex(kem.ciphertext),
    ...hexes({ SS: kem.secret, DH1: there(DH1), DH2: there(DH2), DH3: there(DH3) }),
    ...(isPair ? { DH4: hex(there(DH4)) } : {}),
    ...hexes({ T0, P0, ...hidden, T, P }),
    ...handshakeKeys(P, session),
    PRE: hex(prefix),
    initial: initialState(begun, P),
  }
}

const F = new Uint8Array(32).fill(0xff)

function publicPair({ account, pair }: Person): VerifiedOneTimePair {
  return verifyOneTimePair(pair.signed, { account: account.key, now: NOW })
}

/** DH1, DH2, DH3, DH4 with a pair, SS; and what they come from. */
function agreements({ initiator, responder, draws: drawn }: Begun, isPair: boolean) {
  const { signedPrekey, pair } = responder
  const ephemeral = x25519KeyPair(importSecret('EphemeralKey', there(drawn[0]).slice()))
  const kemKey = isPair ? pair.kem.publicKey : responder.kemPrekey.publicKey
  const kem = kemEncapsulate(kemKey, () => there(drawn[1]).slice())
  const ofEphemeral = (key: Uint8Array): Secret => dh(ephemeral.privateKey, key)
  const agreed: readonly Secret[] = [
    dh(initiator.device.identityKeyPair.privateKey, signedPrekey.keyPair.publicKey),
    ofEphemeral(responder.device.identityKeyPair.publicKey),
    ofEphemeral(signedPrekey.keyPair.publicKey),
    ...(isPair ? [ofEphemeral(pair.keyPair.publicKey)] : []),
    kem.secret,
  ]
  return { ephemeral, kem, agreed }
}

/** The list under T0. */
function listBefore(
  { account, device, signedPrekey, kemPrekey, pair }: Person,
  isPair: boolean,
  ephemeralKey: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array {
  const flag = u8(isPair ? 1 : 0)
  const kem = isPair ? pair.kem : kemPrekey
  return lp(
    ...[utf8(SUITE), account.key, u32(1), device.identityKeyPair.publicKey],
    ...[device.certificate.bytes, u32(signedPrekey.id), signedPrekey.keyPair.publicKey],
    ...[flag, u32(kem.id), kem.publicKey, flag],
    ...(isPair ? [u32(pair.id), pair.keyPair.publicKey] : [undefined, undefined]),
    ...[ephemeralKey, ciphertext],
  )
}

/** The list under T. */
function listFull({ initiator, responder }: Begun, T0: Uint8Array, IDC: Uint8Array): Uint8Array {
  const { account, device } = initiator
  const { ordinal, seen } = ORDINALS
  return lp(
    ...[T0, account.key, u32(1), device.identityKeyPair.publicKey, device.certificate.bytes],
    ...[u64(ordinal), u64(seen), u64(responder.bundle.sequence), responder.bundle.digest, IDC],
  )
}

function identity({ initiator, responder, draws: drawn }: Begun, T0: Uint8Array, P0: Secret) {
  const { account, device } = initiator
  const certificate = device.certificate.bytes
  const IDP = concat(
    ...[account.key, u32(1), device.identityKeyPair.publicKey],
    ...[u64(ORDINALS.ordinal), u64(ORDINALS.seen), u64(responder.bundle.sequence)],
    ...[responder.bundle.digest, u16(certificate.length), certificate],
  )
  const KID = deriveSecret('KID', 32, P0, 'identity key')
  const saltId = keyedHash(16, P0, 'identity salt', there(drawn[2]), IDP)
  return { KID, IDP, saltId, IDC: concat(saltId, aeadSeal(KID, saltId, T0, IDP)) }
}

function handshakeKeys(P: Secret, { id }: InitiatingSession) {
  const keys = {
    SK: deriveSecret('SK', 32, P, 'root'),
    HKA: deriveSecret('HKA', 32, P, 'header a'),
    NHKB: deriveSecret('NHKB', 32, P, 'header b'),
    E_0: deriveSecret('E_0', 32, P, 'epoch 0'),
    SID: keyedHash(32, P, 'session id'),
  }
  agree('SID', hex(keys.SID), id)
  return hexes(keys)
}

/** The initiator's state before its first message. */
function initialState({ responder, session, draws: drawn }: Begun, P: Secret) {
  const { ratchet, postQuantum } = session
  const pair = x25519KeyPair(importSecret('RatchetKey', there(drawn[3]).slice()))
  const DH = dh(pair.privateKey, responder.signedPrekey.keyPair.publicKey)
  const shown = hex(DH)
  const step = kdfRootKey(deriveSecret('RootKey', 32, P, 'root'), DH)
  const NHK = hex(step.nextHeaderKey)
  agree('RK', hex(step.rootKey), ratchet.rootKey)
  agree('CK', hex(step.chainKey), ratchet.sending.chainKey)
  const sending = expandHeaderKey(deriveSecret('HKA', 32, P, 'header a'))
  const nextReceiving = expandHeaderKey(deriveSecret('NHKB', 32, P, 'header b'))
  const nextSending = expandHeaderKey(step.nextHeaderKey)
  agree('HE', hex(sending.seal), ratchet.sending.headerKeys.seal)
  agree('next HE', hex(nextSending.seal), ratchet.nextSendingKeys.seal)
  agree('next HE of theirs', hex(nextReceiving.seal), ratchet.nextReceivingKeys.seal)
  const epoch = expandEpoch(deriveSecret('EpochSecret', 32, P, 'epoch 0'), 0, 1)
  agree('epk', hex(epoch.sendingKey), sendingEpoch(postQuantum).sendingKey)
  return {
    ...{ ratchetKey: hex(pair.publicKey), DH: shown },
    ...hexes({ RK: step.rootKey, CK: step.chainKey }),
    NHK,
    sendingHeaderKeys: headerKeyFields(sending),
    nextSendingHeaderKeys: headerKeyFields(nextSending),
    nextReceivingHeaderKeys: headerKeyFields(nextReceiving),
    epoch: epochFields(epoch, 1),
  }
}
