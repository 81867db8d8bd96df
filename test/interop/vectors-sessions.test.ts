/** The stranger does what the frozen vectors of handshake and ratchet say, and comes to the same values. */
import { describe, expect, test } from 'vitest'
import type { ReceiveFields, SendFields, StepFields } from '../make-vectors/transcript.ts'
import { drawsOf, frozen } from '../support/frozen.ts'
import { hex, join, repeated, same, u32, unhex } from './stranger/bytes.ts'
import { readBody, writeBody } from './stranger/envelope.ts'
import * as handshake from './stranger/handshake.ts'
import * as people from './stranger/person.ts'
import type { Person } from './stranger/person.ts'
import { keysOf, sendingEpoch } from './stranger/post-quantum.ts'
import {
  DH,
  G,
  decapsulate,
  dhPair,
  encapsulate,
  kemPair,
  signingPair,
} from './stranger/primitives.ts'
import { sealMessage } from './stranger/ratchet.ts'
import { bundleDigest, readBundle, readOneTime } from './stranger/records.ts'
import { kdfChain, messageKeys } from './stranger/schedule.ts'
import type { HeaderKeys } from './stranger/schedule.ts'
import type { Session } from './stranger/session.ts'
import { codeOf, flipped } from './support.ts'

const { now, handshakes } = frozen('handshake.json')
const { transcripts } = frozen('ratchet.json')
const mailbox = unhex(frozen('records.json').mailbox.account)

type Handshake = (typeof handshakes)[number]

/** Somebody of a vector; without prekeys for an initiator. */
function personOf(fields: Handshake['initiator'] | Handshake['responder']): Person {
  const seed = unhex(fields.accountSeed)
  const prekeys = 'signedPrekey' in fields ? fields : undefined
  const pair = prekeys?.oneTimePair
  return {
    ...{ seed, account: signingPair(seed).public, identity: dhPair(unhex(fields.identityPrivate)) },
    certificate: unhex(fields.certificate),
    signedPrekey: dhPair(unhex(prekeys?.signedPrekey.private ?? fields.identityPrivate)),
    spkId: prekeys?.signedPrekey.id ?? 0,
    kemPrekey: kemPair(unhex(prekeys?.lastResortKemPrekey.seed ?? '00'.repeat(64))),
    kemId: prekeys?.lastResortKemPrekey.id ?? 0,
    random: drawsOf([]),
    bundles: new Set(prekeys && [`${prekeys.bundleSequence}/${prekeys.bundleDigest}`]),
    oneTime: new Map(
      pair && [
        [
          pair.prekey.id,
          { ecdh: dhPair(unhex(pair.prekey.private)), kem: kemPair(unhex(pair.kem.seed)) },
        ],
      ],
    ),
    ...{ sessions: new Map(), sequences: new Map() },
  }
}

/** The initiator's session, made of what the vector says was drawn. */
function beginAs(vector: Handshake): Session {
  const { initiator, responder, ordinal, seen, random, name } = vector
  const drawn = [random.ephemeralPrivate, random.kemRandomness]
  const person = {
    ...personOf(initiator),
    random: drawsOf([...drawn, random.identitySaltRandom, random.ratchetPrivate]),
  }
  const bytes = unhex(responder.bundle)
  const bundle = readBundle(bytes, unhex(responder.account), now)
  const from = { account: bundle.account, mailbox }
  const pair =
    name === 'one-time' ? readOneTime(unhex(responder.oneTimePair.signed), from, now) : undefined
  const forged = { claims: { ordinal, seen } }
  return people.begin(person, { bytes, bundle, pair, forged }, now)
}

function expectHeaderKeys(keys: HeaderKeys, expected: { HE: string; HT: string }): void {
  expect([hex(keys.seal), hex(keys.tag)]).toEqual([expected.HE, expected.HT])
}

describe.each(handshakes)('the handshake "$name"', (vector) => {
  const { initiator, responder, random } = vector
  const [a, b] = [personOf(initiator), personOf(responder)]
  const isPair = vector.name === 'one-time'
  const [pair] = isPair ? [...b.oneTime.values()] : []
  const ephemeral = dhPair(unhex(random.ephemeralPrivate ?? ''))
  const kem = encapsulate((pair?.kem ?? b.kemPrekey).public, unhex(random.kemRandomness ?? ''))
  const fromDH4 = isPair ? [unhex(vector.DH4 ?? '')] : []
  const agreed = [vector.DH1, vector.DH2, vector.DH3].map(unhex)
  const all = [...agreed, ...fromDH4, unhex(vector.SS)]

  test('has these keys and this agreement, at either side', () => {
    expect([hex(a.account), hex(a.identity.public)]).toEqual([
      initiator.account,
      initiator.identityKey,
    ])
    expect([hex(b.account), hex(b.identity.public)]).toEqual([
      responder.account,
      responder.identityKey,
    ])
    expect(hex(ephemeral.public)).toBe(vector.ephemeralKey)
    expect([hex(kem.ciphertext), hex(kem.secret)]).toEqual([vector.kemCiphertext, vector.SS])
    expect(hex(decapsulate((pair?.kem ?? b.kemPrekey).secret, kem.ciphertext))).toBe(vector.SS)
    const sides = [
      [DH(a.identity.secret, b.signedPrekey.public), DH(b.signedPrekey.secret, a.identity.public)],
      [DH(ephemeral.secret, b.identity.public), DH(b.identity.secret, ephemeral.public)],
      [DH(ephemeral.secret, b.signedPrekey.public), DH(b.signedPrekey.secret, ephemeral.public)],
      ...(pair
        ? [[DH(ephemeral.secret, pair.ecdh.public), DH(pair.ecdh.secret, ephemeral.public)]]
        : []),
    ]
    const expected = [...agreed, ...fromDH4].map((dh) => [hex(dh), hex(dh)])
    expect(sides.map((both) => both.map(hex))).toEqual(expected)
  })

  test('has these transcripts and secrets', () => {
    const ids = isPair ? responder.oneTimePair.kem : responder.lastResortKemPrekey
    const T0 = handshake.transcriptBefore({
      ...{ account: b.account, device: 1, identityKey: b.identity.public, kemId: ids.id },
      ...{ certificate: b.certificate, spkId: b.spkId, signedPrekey: b.signedPrekey.public },
      ...{ kemPrekey: (pair?.kem ?? b.kemPrekey).public, oneTimePrekey: pair?.ecdh.public },
      ...{ ephemeralKey: ephemeral.public, kemCiphertext: kem.ciphertext },
    })
    const P0 = handshake.identitySecret(T0, all.slice(2))
    expect([hex(T0), hex(P0)]).toEqual([vector.T0, vector.P0])
    expect(hex(G(32, P0, 'identity key'))).toBe(vector.KID)

    const claims = handshake.showIdentity(T0, P0, unhex(vector.IDC), now)
    expect([claims.ordinal, claims.seen]).toEqual([vector.ordinal, vector.seen])
    expect(hex(claims.bundleDigest)).toBe(hex(bundleDigest(unhex(responder.bundle))))
    const drawn = unhex(random.identitySaltRandom ?? '')
    const IDC = handshake.hideIdentity(T0, P0, claims, drawn)
    expect([hex(IDC), hex(IDC.slice(0, 16))]).toEqual([vector.IDC, vector.saltId])

    const T = handshake.transcriptFull(T0, claims, IDC)
    const keys = handshake.handshakeKeys(T, all)
    const P = G(64, T, 'pqxdh', repeated(0xff, 32), ...all)
    expect([hex(T), hex(P)]).toEqual([vector.T, vector.P])
    const { root: SK, headerA: HKA, headerB: NHKB, epoch: E_0, sessionId: SID } = keys
    const { SK: sk, HKA: hka, NHKB: nhkb, E_0: e0, SID: sid } = vector
    expect([SK, HKA, NHKB, E_0, SID].map(hex)).toEqual([sk, hka, nhkb, e0, sid])
  })

  test('leads to this state of the initiator', () => {
    const session = beginAs(vector)
    const { initial } = vector
    expect(hex(session.prefix ?? new Uint8Array())).toBe(vector.PRE)
    expect([hex(session.root), hex(session.ratchet.public)]).toEqual([
      initial.RK,
      initial.ratchetKey,
    ])
    expect(hex(session.sending?.chain ?? new Uint8Array())).toBe(initial.CK)
    if (session.sending) expectHeaderKeys(session.sending.keys, initial.sendingHeaderKeys)
    expectHeaderKeys(session.nextSending, initial.nextSendingHeaderKeys)
    expectHeaderKeys(session.nextReceiving, initial.nextReceivingHeaderKeys)
    expectEpoch(session, initial.epoch)
  })
})

function expectEpoch(
  session: Session,
  { number, ...expected }: Handshake['initial']['epoch'],
): void {
  const keys = keysOf(session.pq, number)
  const { epk1, epk2, cont } = expected
  const held = keys && [keys.direction[1], keys.direction[2], keys.continuity].map(hex)
  expect(held).toEqual([epk1, epk2, cont])
}

/** The two sides of a transcript, played by strangers. */
interface Replay {
  readonly steps: readonly StepFields[]
  readonly initiator: Session
  readonly responder: Person
}

function sessionOf({ initiator, responder }: Replay, by: 'A' | 'B'): Session | undefined {
  return by === 'A' ? initiator : [...responder.sessions.values()][0]
}

function replaySend(replay: Replay, step: SendFields): void {
  const session = sessionOf(replay, step.by)
  if (session === undefined) throw new Error('nothing to send in')
  const before = structuredClone(session)
  const items = step.items.map(({ kind, value }) => ({ kind, value: unhex(value) }))
  const { offerSeed, salt } = step.random
  const world = { now: step.now, random: drawsOf([offerSeed, salt]) }
  expect(hex(sealMessage(session, unhex(step.content), world, items))).toBe(step.envelope)
  if (step.keys !== undefined) expectKeys(before, sendingEpoch(session.pq), step.keys)
}

function replayReceive(replay: Replay, step: ReceiveFields): void {
  const sent = replay.steps[step.message]
  if (sent?.do !== 'send') throw new Error('not a message')
  const bytes = unhex(sent.envelope)
  const envelope = step.flip === undefined ? bytes : flipped(bytes, step.flip)
  const outcome = codeOf(() => {
    const { content, items } = open(replay, step, envelope)
    expect(hex(content)).toBe(step.content)
    const others = items.filter(({ kind }) => kind > 2) // offers and answers are the ratchet's
    expect(others.map(({ kind, value }) => ({ kind, value: hex(value) }))).toEqual(step.items)
    return 'opened'
  })
  expect(outcome).toBe(step.outcome)
  const session = sessionOf(replay, step.by)
  if (step.did !== undefined && session !== undefined) expectDid(session, step.did)
}

function open({ initiator, responder }: Replay, step: ReceiveFields, envelope: Uint8Array) {
  const random = drawsOf([step.random?.ratchetPrivate, step.random?.kemRandomness])
  const sessions = step.by === 'A' ? new Map([['', initiator]]) : responder.sessions
  return people.receive({ ...responder, sessions, random }, envelope, step.now)
}

type Keys = NonNullable<SendFields['keys']>

function expectKeys(before: Session, e: number, keys: Keys): void {
  const { sending, direction } = before
  if (sending === undefined) throw new Error('no chain')
  const { message } = kdfChain(sending.chain)
  const epk = unhex(keys.epk)
  const { body, salt } = messageKeys(message, epk, e, sending.next)
  expect([hex(sending.chain), hex(message), hex(join(body, salt))]).toEqual([
    keys.CK,
    keys.mk,
    keys.M,
  ])
  if (keysOf(before.pq, e) !== undefined) {
    expect(hex(keysOf(before.pq, e)?.direction[direction] ?? epk)).toBe(keys.epk)
  }
  expectHeaderKeys(sending.keys, keys)
  const header = join(
    unhex(keys.header.ratchetKey),
    u32(keys.header.PN),
    u32(keys.header.N),
    u32(e),
  )
  expect(hex(header)).toBe(keys.header.bytes)
  const padded = unhex(keys.paddedBody)
  const { content, items } = readBody(padded)
  expect(same(writeBody(content, items), padded)).toBe(true)
}

type Did = NonNullable<ReceiveFields['did']>

function expectDid(session: Session, did: Did): void {
  expect(session.pq.epoch).toBe(did.receiveEpoch)
  for (const { chain, N, epoch, BK, nextBK } of did.skipped) {
    const bodies = session.skipped.get(`${chain + 1}/${N}`)?.bodies // the stranger counts from 1
    const kept = [...(bodies ?? [])].map(([e, key]) => [e, hex(key)])
    expect(kept).toEqual([[epoch, BK], ...(nextBK === undefined ? [] : [[epoch + 1, nextBK]])])
  }
  if (did.turn !== undefined) {
    const { receiving, sending } = did.turn
    expect([hex(session.root), hex(session.sending?.chain ?? session.root)]).toEqual([
      ...[sending.RK, sending.CK],
    ])
    expectHeaderKeys(session.nextSending, sending)
    expectHeaderKeys(session.nextReceiving, receiving)
    expect(hex(session.ratchet.public)).toBe(did.turn.ratchetKey)
    expect(hex(session.theirKey ?? session.root)).toBe(did.turn.theirRatchetKey)
  }
  if (did.agreement === undefined) return
  expect(session.pq.state).toBe(did.agreement.event)
  expect(hex(session.pq.keyHash ?? session.root)).toBe(did.agreement.hk)
  expectEpoch(session, did.agreement.epoch)
}

test.each(transcripts)('the transcript "$name" is the same between strangers', (transcript) => {
  const vector = handshakes.find(({ name }) => name === transcript.handshake)
  if (vector === undefined) throw new Error('no such handshake')
  const { steps } = transcript
  const replay = { steps, initiator: beginAs(vector), responder: personOf(vector.responder) }
  for (const step of steps) {
    if (step.do === 'send') replaySend(replay, step)
    else replayReceive(replay, step)
  }
})
