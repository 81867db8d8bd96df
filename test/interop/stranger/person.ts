/** An account with one device, its prekeys and its sessions: docs/protocol.md, "First message" and "Sessions". */
import { type Random, allAs, demand, hex, order } from './bytes.ts'
import { type FirstPrefix, readEnvelope, writeFirstPrefix } from './envelope.ts'
import * as handshake from './handshake.ts'
import {
  DH,
  type KeyPair,
  decapsulate,
  dhPair,
  encapsulate,
  kemPair,
  signingPair,
} from './primitives.ts'
import * as ratchet from './ratchet.ts'
import * as records from './records.ts'
import { type Session, beginInitiator, beginResponder } from './session.ts'

interface OneTimeSecret {
  readonly ecdh: KeyPair
  readonly kem: KeyPair
}

/** Everything secret is a field like any other: this person lives in tests. */
export interface Person {
  readonly seed: Uint8Array
  readonly account: Uint8Array
  readonly identity: KeyPair
  readonly certificate: Uint8Array
  readonly signedPrekey: KeyPair
  readonly spkId: number
  readonly kemPrekey: KeyPair
  readonly kemId: number
  readonly random: Random
  /** Bundles that were signed, as `sequence/digest`. */
  readonly bundles: Set<string>
  readonly oneTime: Map<number, OneTimeSecret>
  /** By ephemeral key, of handshakes of either side. */
  readonly sessions: Map<string, Session>
  /** Certificate sequences by account. */
  readonly sequences: Map<string, number>
}

export interface FirstOpened extends ratchet.Opened {
  readonly session: Session
}

export function createPerson(random: Random, now: number): Person {
  const seed = random(32)
  const identity = dhPair(random(32))
  const certificate = records.makeCertificate(seed, {
    ...{ device: 1, identityKey: identity.public, sequence: 1 },
    ...{ issued: now, expires: now + 180 * records.DAY },
  })
  return {
    ...{ seed, account: signingPair(seed).public, identity, certificate, random },
    ...{ signedPrekey: dhPair(random(32)), spkId: id(random) },
    ...{ kemPrekey: kemPair(random(64)), kemId: id(random) },
    ...{ bundles: new Set(), oneTime: new Map(), sessions: new Map(), sequences: new Map() },
  }
}

function id(random: Random): number {
  return random(4).reduce((sum, byte) => sum * 256 + byte, 0) || 1
}

export function publishBundle(
  person: Person,
  now: number,
  mailboxes: readonly records.BundleMailbox[] = [],
): Uint8Array {
  const sequence = person.bundles.size + 1
  const bundle = records.makeBundle(person.seed, {
    certificate: person.certificate,
    signedPrekey: { id: person.spkId, key: person.signedPrekey.public },
    kemPrekey: { id: person.kemId, key: person.kemPrekey.public },
    ...{ sequence, issued: now, expires: now + 30 * records.DAY, mailboxes },
  })
  person.bundles.add(bundleName(sequence, records.bundleDigest(bundle)))
  return bundle
}

function bundleName(sequence: number, digest: Uint8Array): string {
  return `${sequence}/${hex(digest)}`
}

export function publishOneTime(person: Person, mailbox: Uint8Array, now: number): Uint8Array {
  const pair = { ecdh: dhPair(person.random(32)), kem: kemPair(person.random(64)) }
  const pairId = id(person.random)
  person.oneTime.set(pairId, pair)
  return records.makeOneTime(person.seed, {
    ...{ device: 1, id: pairId, key: pair.ecdh.public, kem: pair.kem.public, mailbox },
    ...{ issued: now, expires: now + 60 * records.DAY },
  })
}

/** Where a hostile initiator departs from the protocol; everything is derived from what it says instead. */
export interface Forgery {
  readonly claims?: Partial<handshake.Claims>
  readonly ephemeralKey?: (key: Uint8Array) => Uint8Array
}

export const HONEST: Forgery = {}

interface Target {
  /** A bundle, and what was verified of it. */
  readonly bytes: Uint8Array
  readonly bundle: records.Bundle
  readonly pair: records.OneTime | undefined
  readonly forged: Forgery
}

/** Begins a session from a verified bundle, with a verified pair if there is one. */
export function begin(
  person: Person,
  { bytes, bundle, pair, forged }: Target,
  now: number,
): Session {
  const { random, identity, account, certificate } = person
  const theirs = records.readCertificate(bundle.certificate, now)
  const fresh = dhPair(random(32))
  const ephemeral = { ...fresh, public: forged.ephemeralKey?.(fresh.public) ?? fresh.public }
  const kem = encapsulate(pair?.kem ?? bundle.kemPrekey.key, random(32))
  const ids = { spkId: bundle.signedPrekey.id, kemId: pair?.id ?? bundle.kemPrekey.id }
  const t0 = handshake.transcriptBefore({
    ...ids,
    ...{ account: bundle.account, device: theirs.device, identityKey: theirs.identityKey },
    ...{ certificate: bundle.certificate, signedPrekey: bundle.signedPrekey.key },
    ...{ kemPrekey: pair?.kem ?? bundle.kemPrekey.key, oneTimePrekey: pair?.key },
    ...{ ephemeralKey: ephemeral.public, kemCiphertext: kem.ciphertext },
  })
  const dh1 = DH(identity.secret, bundle.signedPrekey.key)
  const dh2 = DH(ephemeral.secret, theirs.identityKey)
  const rest = [DH(ephemeral.secret, bundle.signedPrekey.key)]
  if (pair !== undefined) rest.push(DH(ephemeral.secret, pair.key))
  rest.push(kem.secret)
  const claims: handshake.Claims = {
    ...{ account, device: 1, identityKey: identity.public, certificate },
    ...{ ...nextOrdinal(person, bundle.account, now), bundleSequence: bundle.sequence },
    bundleDigest: records.bundleDigest(bytes),
    ...forged.claims,
  }
  const p0 = handshake.identitySecret(t0, rest)
  const hiddenIdentity = handshake.hideIdentity(t0, p0, claims, random(16))
  const transcript = handshake.transcriptFull(t0, claims, hiddenIdentity)
  const prefix = writeFirstPrefix({
    ...ids,
    ...{ hasOpk: pair !== undefined, opkId: pair?.id ?? 0, ephemeralKey: ephemeral.public },
    ...{ kemCiphertext: kem.ciphertext, hiddenIdentity },
  })
  const keys = handshake.handshakeKeys(transcript, [dh1, dh2, ...rest])
  const peer = { account: bundle.account, ordinal: claims.ordinal, seen: claims.seen }
  const session = beginInitiator(keys, peer, bundle.signedPrekey.key, prefix, random)
  person.sessions.set(hex(ephemeral.public), session)
  return session
}

function sessionsWith(person: Person, account: Uint8Array, ours: boolean): readonly Session[] {
  const all = [...person.sessions.values()]
  return all.filter((one) => hex(one.account) === hex(account) && (one.direction === 1) === ours)
}

/** Ordinal and `seen` of a handshake with this account. */
function nextOrdinal(person: Person, account: Uint8Array, now: number) {
  const ours = sessionsWith(person, account, true)
  const theirs = sessionsWith(person, account, false)
  const before = Math.max(0, ...ours.map((one) => one.ordinal))
  const named = Math.max(0, ...theirs.map((one) => one.seen))
  const seen = Math.max(0, ...theirs.map((one) => one.ordinal))
  return { ordinal: Math.max(before + 1, now, named + 1), seen }
}

/** The session that sends to this account. */
export function sendingSession(person: Person, account: Uint8Array): Session | undefined {
  const newest = (ours: boolean): Session | undefined =>
    sessionsWith(person, account, ours)
      .filter((one) => !one.receiveOnly)
      .toSorted((a, b) => b.ordinal - a.ordinal)[0]
  return choose(newest(true), newest(false))
}

export function choose<T extends Pick<Session, 'ordinal' | 'seen' | 'transcript'>>(
  a: T | undefined,
  b: T | undefined,
): T | undefined {
  if (a === undefined || b === undefined) return a ?? b
  const [aNames, bNames] = [a.seen >= b.ordinal, b.seen >= a.ordinal]
  if (aNames !== bNames) return aNames ? a : b
  return order(a.transcript.slice(0, 16), b.transcript.slice(0, 16)) < 0 ? a : b
}

/** Opens an envelope of whatever kind in the session it belongs to, which may begin with it. */
export function receive(person: Person, bytes: Uint8Array, now: number): FirstOpened {
  const { first } = readEnvelope(bytes)
  const known = first && person.sessions.get(hex(first.ephemeralKey))
  const candidates = known === undefined ? [...person.sessions.values()] : [known]
  if (first !== undefined && known === undefined) return accept(person, first, bytes, now)
  const session = candidates.find((one) => ratchet.isFor(one, bytes))
  demand(session !== undefined, 'ERR_NO_SESSION')
  return { session, ...ratchet.openMessage(session, bytes, { now, random: person.random }) }
}

function accept(person: Person, first: FirstPrefix, bytes: Uint8Array, now: number): FirstOpened {
  const { random, identity, signedPrekey } = person
  const pair = first.hasOpk ? person.oneTime.get(first.opkId) : undefined
  const kem = first.hasOpk ? pair?.kem : person.kemPrekey
  const held = first.hasOpk || first.kemId === person.kemId
  demand(first.spkId === person.spkId && held && kem !== undefined, 'ERR_UNKNOWN_PREKEY')
  const t0 = handshake.transcriptBefore({
    ...first,
    ...{ account: person.account, device: 1, identityKey: identity.public },
    ...{ certificate: person.certificate, signedPrekey: signedPrekey.public },
    ...{ kemPrekey: kem.public, oneTimePrekey: pair?.ecdh.public },
  })
  const { claims, opened, session } = allAs('ERR_NOT_AUTHENTIC', () => {
    const rest = [DH(signedPrekey.secret, first.ephemeralKey)]
    if (pair !== undefined) rest.push(DH(pair.ecdh.secret, first.ephemeralKey))
    rest.push(decapsulate(kem.secret, first.kemCiphertext))
    const p0 = handshake.identitySecret(t0, rest)
    const said = handshake.showIdentity(t0, p0, first.hiddenIdentity, now)
    const dh1 = DH(signedPrekey.secret, said.identityKey)
    const dh2 = DH(identity.secret, first.ephemeralKey)
    const transcript = handshake.transcriptFull(t0, said, first.hiddenIdentity)
    const keys = handshake.handshakeKeys(transcript, [dh1, dh2, ...rest])
    const begun = beginResponder(keys, said, signedPrekey)
    return {
      claims: said,
      opened: ratchet.openMessage(begun, bytes, { now, random }),
      session: begun,
    }
  })
  const named = bundleName(claims.bundleSequence, claims.bundleDigest)
  demand(person.bundles.has(named), 'ERR_UNKNOWN_PREKEY')
  admit(person, claims, session, now)
  person.sessions.set(hex(first.ephemeralKey), session)
  if (first.hasOpk) person.oneTime.delete(first.opkId)
  return { session, ...opened }
}

/** What is looked up about the author, only now that everything has opened. */
function admit(person: Person, claims: handshake.Claims, session: Session, now: number): void {
  const name = hex(claims.account)
  const { sequence } = records.readCertificate(claims.certificate, now)
  demand(sequence >= (person.sequences.get(name) ?? 0), 'ERR_OLD_SEQUENCE')
  const ordinals = sessionsWith(person, claims.account, false).map((one) => one.ordinal)
  demand(!ordinals.includes(claims.ordinal), 'ERR_NOT_AUTHENTIC')
  session.receiveOnly = ordinals.some((ordinal) => ordinal > claims.ordinal)
  person.sequences.set(name, sequence)
}
