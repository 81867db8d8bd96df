import { describe, expect, test } from 'vitest'
import { ready } from '../../protocol/crypto.ts'
import { DAY, NOW } from '../support/people.ts'
import { type Reachable, Talker } from '../support/talkers.ts'
import { ascii, repeated } from './stranger/bytes.ts'
import { readEnvelope, writeEnvelope } from './stranger/envelope.ts'
import type { Forgery } from './stranger/person.ts'
import { dhPair } from './stranger/primitives.ts'
import { sealMessage, sealPadded } from './stranger/ratchet.ts'
import { makeCertificate } from './stranger/records.ts'
import type { SendingChain, Session } from './stranger/session.ts'
import { Stranger, codeOf, flipped } from './support.ts'

await ready

/** Who has the keys and does not keep to the protocol, towards ours and towards a stranger. */
interface Meeting {
  readonly hostile: Stranger
  readonly session: Session
  readonly receive: (envelope: Uint8Array) => string
  readonly answer: () => Uint8Array
}

type Side = 'ours' | 'theirs'

function meet(side: Side, forged: Forgery = {}): Meeting {
  const hostile = new Stranger('hostile')
  if (side === 'ours') {
    const ours = new Talker('victim')
    const session = hostile.begin(ours, { forged })
    const answer = (): Uint8Array => ours.send()
    return { hostile, session, answer, receive: (bytes) => codeOf(() => ours.receive(bytes)) }
  }
  const theirs = new Stranger('victim')
  const session = hostile.begin(theirs.reachable, { forged })
  const me: Reachable = hostile.reachable
  const answer = (): Uint8Array => theirs.send(me)
  return { hostile, session, answer, receive: (bytes) => theirs.receive(bytes) }
}

/** A meeting whose session both have used, and the hostile side's chain in it. */
function met(side: Side) {
  const meeting = meet(side)
  const { hostile, session, receive, answer } = meeting
  const say = (from: Session = session): Uint8Array =>
    sealMessage(from, ascii('words'), { now: NOW, random: hostile.self.random })
  expect(receive(say())).toBe('opened')
  expect(hostile.receive(answer())).toBe('opened')
  expect(receive(say())).toBe('opened')
  return { ...meeting, say }
}

/** What the copy of a session would say, changed before it speaks. */
function changed(session: Session, change: (copy: Session, chain: SendingChain) => void): Session {
  const copy = structuredClone(session)
  if (copy.sending === undefined) throw new Error('no chain')
  change(copy, copy.sending)
  return copy
}

function withTopBit(key: Uint8Array): Uint8Array {
  return key.map((byte, i) => (i === 31 ? byte | 0x80 : byte))
}

const other = new Stranger('other').self
const mine = new Stranger('hostile').self

function certified(identityKey: Uint8Array, issued: number, expires: number): Uint8Array {
  return makeCertificate(mine.seed, { device: 1, identityKey, sequence: 1, issued, expires })
}

const forgedHandshakes: Readonly<Record<string, { forged: Forgery; code: string }>> = {
  'another account': { forged: { claims: { account: other.account } }, code: 'ERR_NOT_AUTHENTIC' },
  'another device': { forged: { claims: { device: 2 } }, code: 'ERR_NOT_AUTHENTIC' },
  'another identity key': {
    forged: { claims: { identityKey: other.identity.public } },
    code: 'ERR_NOT_AUTHENTIC',
  },
  'the certificate of somebody else': {
    forged: { claims: { certificate: other.certificate } },
    code: 'ERR_NOT_AUTHENTIC',
  },
  'all that somebody else is': {
    forged: {
      claims: {
        account: other.account,
        identityKey: other.identity.public,
        certificate: other.certificate,
      },
    },
    code: 'ERR_NOT_AUTHENTIC',
  },
  'an expired certificate': {
    forged: { claims: { certificate: certified(mine.identity.public, NOW - DAY, NOW) } },
    code: 'ERR_NOT_AUTHENTIC',
  },
  'a certificate that is not valid yet': {
    forged: { claims: { certificate: certified(mine.identity.public, NOW + DAY, NOW + 2 * DAY) } },
    code: 'ERR_NOT_AUTHENTIC',
  },
  'a certificate that is no signed envelope': {
    forged: { claims: { certificate: mine.certificate.slice(0, -1) } },
    code: 'ERR_NOT_AUTHENTIC',
  },
  'the ordinal 0': { forged: { claims: { ordinal: 0 } }, code: 'ERR_NOT_AUTHENTIC' },
  'an ordinal of the second half': {
    forged: { claims: { ordinal: Number.MAX_SAFE_INTEGER } },
    code: 'opened',
  },
  'a bundle that was never signed': {
    forged: { claims: { bundleDigest: new Uint8Array(32) } },
    code: 'ERR_UNKNOWN_PREKEY',
  },
  'another sequence of the bundle': {
    forged: { claims: { bundleSequence: 2 } },
    code: 'ERR_UNKNOWN_PREKEY',
  },
  'an ephemeral key that is not canonical': {
    forged: { ephemeralKey: withTopBit },
    code: 'ERR_NOT_AUTHENTIC',
  },
  'an ephemeral key of low order': {
    forged: { ephemeralKey: () => new Uint8Array(32) },
    code: 'ERR_NOT_AUTHENTIC',
  },
  nothing: { forged: {}, code: 'opened' },
}

describe.each(['ours', 'theirs'] as const)('towards %s, a handshake', (side) => {
  test.each(Object.entries(forgedHandshakes))('with %s', (_, { forged, code }) => {
    const { hostile, session, receive } = meet(side, forged)
    expect(
      receive(sealMessage(session, ascii('words'), { now: NOW, random: hostile.self.random })),
    ).toBe(code)
  })
})

const badHeaders: Readonly<Record<string, (copy: Session, chain: SendingChain) => void>> = {
  'another PN in the chain': (copy, chain) => {
    copy.sending = { ...chain, previous: chain.previous + 1 }
  },
  'another ratchet key in the chain': (copy) => {
    copy.ratchet = dhPair(new Uint8Array(32).fill(1))
  },
  'another number than the key is for': (_, chain) => {
    chain.next += 1
  },
  'the last number': (_, chain) => {
    chain.next = 2 ** 32 - 2
  },
  'an epoch that is not there': (copy) => {
    copy.pq.epoch += 1
  },
  'another transcript': (copy) => {
    copy.transcript.fill(0)
  },
}

const expected: Readonly<Record<string, string>> = { 'the last number': 'ERR_TOO_FAR_AHEAD' }

describe.each(['ours', 'theirs'] as const)('towards %s, in a session', (side) => {
  test.each(Object.entries(badHeaders))('%s is refused, and the next is not', (name, change) => {
    const { session, say, receive } = met(side)
    expect(receive(say(changed(session, change)))).toBe(expected[name] ?? 'ERR_NOT_AUTHENTIC')
    expect(receive(say())).toBe('opened')
  })

  test('a body that was changed under a right tag is refused, eight times an hour', () => {
    const { session, say, receive } = met(side)
    const tagKey = session.sending?.keys.tag ?? new Uint8Array(32)
    const envelope = readEnvelope(say(structuredClone(session)))
    const forged = writeEnvelope(tagKey, { ...envelope, body: flipped(envelope.body, 99) })
    for (let i = 0; i < 7; i += 1) expect(receive(forged)).toBe('ERR_NOT_AUTHENTIC')
    expect(receive(say())).toBe('opened')
  })

  test('a body may have any length, and is refused where its content has no room', () => {
    const { hostile, session, receive } = met(side)
    const bodies = [
      [repeated(0, 256), 'opened'],
      [repeated(0, 257), 'opened'],
      [repeated(0, 300).with(3, 255), 'opened'],
      [repeated(0, 1000).with(999, 1), 'opened'],
      [repeated(0, 256).with(3, 253), 'ERR_NOT_AUTHENTIC'],
      [repeated(0xff, 256), 'ERR_NOT_AUTHENTIC'],
    ] as const
    const sealed = bodies.map(([body]) => sealPadded(session, body, hostile.self.random))
    expect(sealed.map(receive)).toEqual(bodies.map(([, code]) => code))
    const short = sealPadded(session, repeated(0, 255), hostile.self.random)
    expect(receive(short)).toBe('bytes')
  })

  test('a header that was changed under a right tag is refused', () => {
    const { session, say, receive } = met(side)
    const tagKey = session.sending?.keys.tag ?? new Uint8Array(32)
    const envelope = readEnvelope(say(structuredClone(session)))
    const sealedHeader = flipped(envelope.sealedHeader, 7)
    expect(receive(writeEnvelope(tagKey, { ...envelope, sealedHeader }))).toBe('ERR_NOT_AUTHENTIC')
  })

  test('a session that went back in time diverges', () => {
    const { session, say, receive } = met(side)
    const before = structuredClone(session)
    const [first, second] = [say(), say()]
    expect([receive(first), receive(second)]).toEqual(['opened', 'opened'])
    expect(receive(say(before))).toBe('ERR_DIVERGED')
    expect(receive(second)).toBe('ERR_DUPLICATE')
  })

  test('in the next chain the old key, a short PN and a key that is not canonical are refused', () => {
    const { session, hostile, answer, receive, say } = met(side)
    expect(receive(say())).toBe('opened')
    const oldRatchet = structuredClone(session.ratchet)
    expect(hostile.receive(answer())).toBe('opened')
    const forgeries = [
      changed(session, (copy) => (copy.ratchet = oldRatchet)),
      changed(session, (copy, chain) => (copy.sending = { ...chain, previous: 1 })),
      changed(session, (copy) => {
        copy.ratchet = { ...copy.ratchet, public: withTopBit(copy.ratchet.public) }
      }),
      changed(session, (copy) => (copy.ratchet = { ...copy.ratchet, public: new Uint8Array(32) })),
    ]
    for (const forged of forgeries) expect(receive(say(forged))).toBe('ERR_NOT_AUTHENTIC')
    expect(receive(say())).toBe('opened')
  })

  test('in a retired chain a number that it never had is refused', () => {
    const { session, hostile, answer, receive, say } = met(side)
    const old = structuredClone(session)
    expect(hostile.receive(answer())).toBe('opened')
    expect(receive(say())).toBe('opened')
    expect(receive(say(old))).toBe('ERR_NOT_AUTHENTIC')
  })
})
