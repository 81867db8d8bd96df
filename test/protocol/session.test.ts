import { beforeAll, describe, expect, test } from 'vitest'
import { toHex, utf8 } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { MAX_ENVELOPE_BYTES, readEnvelope } from '../../protocol/envelope.ts'
import { itemKinds } from '../../protocol/padding.ts'
import { MAX_JUMP } from '../../protocol/ratchet-decrypt.ts'
import { STALLED_CHAINS, STALLED_MESSAGES } from '../../protocol/riding.ts'
import { wipeAll } from '../../protocol/secret.ts'
import { openMessage, tagMatches } from '../../protocol/open-message.ts'
import type { CallerItem, Session } from '../../protocol/session.ts'
import {
  encryptMessage,
  expireSkippedKeys,
  isHealingStalled,
  redateSkippedKeys,
  receiveOnly,
  sessionSecrets,
} from '../../protocol/session.ts'
import { DAY, NOW } from '../support/people.ts'
import { refusal } from '../support/refusals.ts'
import { secretsIn } from '../support/secrets.ts'
import { Talker, acquainted, there } from '../support/talkers.ts'

beforeAll(() => ready)

describe('phases', () => {
  test('the handshake is repeated, always the same, until a message of the responder opens', () => {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
    ours.begin(theirs)
    const envelopes = [ours.send(), ours.send()].map(readEnvelope)
    expect(envelopes.map(({ kind }) => kind)).toEqual(['first', 'first'])
    expect(envelopes[0]?.prefix).toEqual(envelopes[1]?.prefix)
    expect(ours.session.phase).toBe('initiating')

    expect(envelopes.map(({ bytes }) => theirs.receive(bytes))).toEqual(['opened', 'opened'])
    expect(theirs.session.phase).toBe('established')
    expect(ours.receive(theirs.send())).toBe('opened')
    expect(ours.session.phase).toBe('established')
    expect(readEnvelope(ours.send()).kind).toBe('session')
  })

  test('both sides name the session alike, and one without one-time keys says so', () => {
    const { ours, theirs } = acquainted()
    expect(toHex(ours.session.id)).toBe(toHex(theirs.session.id))
    expect(ours.session.handshake).toEqual({ ...theirs.session.handshake, by: 'ours' })
    expect(theirs.session.handshake.by).toBe('theirs')
    expect(ours.session.class).toEqual({ oneTime: false, postQuantum: true })
    expect(ours.session.theirs.account).toEqual(theirs.person.account.key)
    expect(theirs.session.theirs.account).toEqual(ours.person.account.key)
  })

  test('a receive-only session opens and never sends', () => {
    const { ours, theirs } = acquainted()
    const envelope = ours.send()
    const quiet = receiveOnly(theirs.session)
    const opened = openMessage(quiet, readEnvelope(envelope), theirs)
    expect(opened.next.phase).toBe('receive-only')
    expect(refusal(() => encryptMessage(opened.next, new Uint8Array(1), theirs))).toBe(
      'SessionError ERR_NO_SESSION',
    )
  })

  test('an initiating session that became receive-only stays so when the answer comes', () => {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
    ours.begin(theirs)
    theirs.receive(ours.send())
    const quiet = receiveOnly(ours.session)
    expect(openMessage(quiet, readEnvelope(theirs.send()), ours).next.phase).toBe('receive-only')
    expect(secretsIn(quiet)).toEqual(secretsIn(ours.session))
  })

  test('a receive-only session takes no part of a key agreement', () => {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
    ours.begin(theirs)
    theirs.receive(ours.send())
    const offer = readEnvelope(theirs.send())
    expect(openMessage(ours.session, offer, ours).next.postQuantum.phase).toBe('answered')
    const quiet = receiveOnly(ours.session)
    expect(openMessage(quiet, offer, ours).next.postQuantum.phase).toBe('idle')
  })

  test('a first envelope belongs to the session whose handshake it names, whatever its tag', () => {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
    ours.begin(theirs)
    const envelope = readEnvelope(ours.send())
    expect(tagMatches(theirs.sessions, envelope)).toBeUndefined()
    theirs.receive(envelope.bytes)
    const forged = { ...envelope, tag: envelope.tag.map((byte) => byte ^ 1) }
    expect(tagMatches(theirs.sessions, forged)?.session).toBe(theirs.session)
    expect(refusal(() => openMessage(theirs.session, forged, theirs))).toBe(
      'SessionError ERR_NO_SESSION',
    )
  })
})

test('items ride beside a content', () => {
  const { ours, theirs } = acquainted()
  const items = [{ kind: itemKinds.handOutNote, value: new Uint8Array(200).fill(1) }]
  const message = { content: new Uint8Array(3), items }
  const { envelope, position } = encryptMessage(ours.session, message, ours)
  expect(position).toEqual({ chain: 1, number: 0 })
  expect(openMessage(theirs.session, readEnvelope(envelope), theirs)).toMatchObject({
    ...message,
    malformedItems: false,
    position,
  })
})

test.each([
  ['an item that breaks a rule', { kind: itemKinds.divergence, value: new Uint8Array(15) }],
  ['an offer for no epoch of theirs', { kind: itemKinds.offer, value: new Uint8Array(4 + 1184) }],
])('%s is left out and told, and the content counts', (_, item) => {
  const { ours, theirs } = acquainted()
  const message = { content: utf8('counts'), items: [item as CallerItem] }
  const { envelope } = encryptMessage(ours.session, message, ours)
  expect(theirs.receive(envelope)).toBe('opened')
  expect([theirs.inbox, theirs.reports]).toEqual([['counts'], ['malformed']])
})

describe('an envelope of 128 KiB is the largest', () => {
  const PADDED = 129_024 // the largest padded length that leaves room for a header
  const overhead = 16 + 8 + 60 + 16
  const exact = MAX_ENVELOPE_BYTES - PADDED - overhead

  /** The responder before its first message, with a prefix of any length. */
  function sender(length: number): { readonly talker: Talker; readonly session: Session } {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
    ours.begin(theirs)
    theirs.receive(ours.send())
    const prefix = new Uint8Array(length)
    return { talker: theirs, session: { ...theirs.session, phase: 'initiating', prefix } }
  }

  test('to the byte', () => {
    const { talker, session } = sender(exact)
    const content = new Uint8Array(PADDED - 4)
    expect(encryptMessage(session, content, talker).envelope).toHaveLength(MAX_ENVELOPE_BYTES)
    const longer = sender(exact + 1).session
    expect(refusal(() => encryptMessage(longer, content, talker))).toBe(
      'SessionError ERR_TOO_LARGE',
    )
  })

  test('and a part of a key agreement waits for the next one rather than making it larger', () => {
    const content = new Uint8Array(PADDED - 2048 - 4)
    const sent = [exact, exact + 1].map((length) => {
      const { talker, session } = sender(length)
      const { envelope, next } = encryptMessage(session, content, talker)
      return [envelope.length, next.postQuantum.phase]
    })
    const without = PADDED - 2048 + overhead + exact + 1
    expect(sent).toEqual([
      [MAX_ENVELOPE_BYTES, 'offering'],
      [without, 'idle'],
    ])
  })
})

test('healing is stalled when the other side answers and never takes our part', () => {
  const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
  ours.begin(theirs)
  theirs.receive(ours.send())
  expect(isHealingStalled(theirs.session, NOW)).toBe(false)
  theirs.send()
  const { session } = theirs
  if (session.postQuantum.phase !== 'offering') expect.fail('nothing is offered')
  const riding = {
    ...session.postQuantum.riding,
    ...{ answeredChains: STALLED_CHAINS, messages: STALLED_MESSAGES },
  }
  const stalled: Session = { ...session, postQuantum: { ...session.postQuantum, riding } }
  expect(isHealingStalled(stalled, NOW)).toBe(true)
  expect(isHealingStalled(receiveOnly(stalled), NOW)).toBe(false)
})

describe('order', () => {
  test('messages of several turns arrive in any order, each once', () => {
    const { ours, theirs } = acquainted()
    const sent = [ours.send(), ours.send(), ours.send()]
    theirs.receive(there(sent[2]))
    ours.receive(theirs.send())
    sent.push(ours.send(), ours.send())
    const order = [4, 0, 3, 1]
    expect(order.map((index) => theirs.receive(there(sent[index])))).toEqual(
      Array(4).fill('opened'),
    )
    expect(new Set(theirs.inbox).size).toBe(5)
    expect(sent.map((envelope) => theirs.receive(envelope))).toEqual(Array(5).fill('ERR_DUPLICATE'))
  })

  test('a later message of a handshake may come first', () => {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
    ours.begin(theirs)
    const sent = [ours.send(), ours.send(), ours.send()]
    expect(sent.toReversed().map((envelope) => theirs.receive(envelope))).toEqual(
      Array(3).fill('opened'),
    )
    expect(theirs.sessions).toHaveLength(1)
    theirs.restart()
    expect(sent.map((envelope) => theirs.receive(envelope))).toEqual(Array(3).fill('ERR_DUPLICATE'))
  })

  test('a thousand messages open last first', () => {
    const { ours, theirs } = acquainted(false)
    const sent = Array.from({ length: 1000 }, () => ours.send())
    const outcomes = sent.toReversed().map((envelope) => theirs.receive(envelope))
    expect(outcomes.filter((outcome) => outcome === 'opened')).toHaveLength(1000)
    expect(theirs.session.ratchet.skipped).toEqual([])
    expect(new Set(theirs.inbox).size).toBe(1000)
    theirs.restart()
    expect(sent.map((envelope) => theirs.receive(envelope))).toEqual(
      Array(1000).fill('ERR_DUPLICATE'),
    )
  })
})

describe('refusals change nothing', () => {
  test('any flipped bit of a session envelope', () => {
    const { ours, theirs } = acquainted()
    const envelope = ours.send()
    const secrets = [...secretsIn(theirs.session)]
    // Version and kind are framing: they are not for the session to judge.
    for (let bit = 16; bit < envelope.length * 8; bit += 7) {
      const changed = envelope.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(theirs.receive(changed)).toBe('ERR_NO_SESSION')
    }
    expect([...secretsIn(theirs.session)]).toEqual(secrets)
    expect(theirs.receive(envelope)).toBe('opened')
  })

  test('a tag that holds over a body that does not', () => {
    const { ours, theirs } = acquainted()
    const [first, second] = [readEnvelope(ours.send()), readEnvelope(ours.send())]
    // The tag vouches for the digest, so an envelope with a swapped body stands for a thief of the
    // header key.
    const forged = { ...first, body: second.body }
    expect(refusal(() => openMessage(theirs.session, forged, theirs))).toBe(
      'SessionError ERR_NOT_AUTHENTIC',
    )
    expect(theirs.receive(first.bytes)).toBe('opened')
  })

  test('the same in the first message of a new chain, and in a skipped position', () => {
    const { ours, theirs } = acquainted()
    const skipped = readEnvelope(ours.send())
    theirs.receive(ours.send())
    expect(
      refusal(() =>
        openMessage(theirs.session, { ...skipped, body: skipped.body.slice(1) }, theirs),
      ),
    ).toBe('SessionError ERR_NOT_AUTHENTIC')
    ours.receive(theirs.send())
    const turn = readEnvelope(ours.send())
    const before = [...secretsIn(theirs.session)]
    expect(
      refusal(() => openMessage(theirs.session, { ...turn, body: turn.body.slice(1) }, theirs)),
    ).toBe('SessionError ERR_NOT_AUTHENTIC')
    expect([...secretsIn(theirs.session)]).toEqual(before)
    expect(theirs.receive(skipped.bytes)).toBe('opened')
    expect(theirs.receive(turn.bytes)).toBe('opened')
  })

  test('a jump of more than 4 000 positions, in one chain and over two', () => {
    const { ours, theirs } = acquainted(false)
    const sent = Array.from({ length: MAX_JUMP + 3 }, () => ours.send())
    expect(theirs.receive(there(sent[MAX_JUMP + 1]))).toBe('ERR_TOO_FAR_AHEAD')
    expect(theirs.receive(there(sent[MAX_JUMP]))).toBe('opened')
    expect(theirs.session.ratchet.skipped).toHaveLength(MAX_JUMP)
    // However far a chain has come, the next position is no jump.
    expect(theirs.receive(there(sent[MAX_JUMP + 1]))).toBe('opened')

    ours.receive(theirs.send())
    const far = Array.from({ length: MAX_JUMP + 1 }, () => ours.send())
    // One position is left in the chain before: together they are too many.
    expect(theirs.receive(there(far[MAX_JUMP]))).toBe('ERR_TOO_FAR_AHEAD')
    expect(theirs.receive(there(far[MAX_JUMP - 1]))).toBe('opened')
    expect(theirs.session.ratchet.skipped).toHaveLength(4000)
    // The oldest 4 000 had to go; nobody may call them delivered.
    expect(theirs.receive(there(sent[0]))).toBe('ERR_LIMIT')
    expect(theirs.receive(there(sent[MAX_JUMP]))).toBe('ERR_DUPLICATE')
    expect(theirs.receive(there(sent[MAX_JUMP + 2]))).toBe('opened')
  })

  test('a used position with other bytes is a divergence', () => {
    const { ours, theirs } = acquainted()
    const snapshot = ours.session
    const clone = new Talker('clone', false)
    clone.sessions = [snapshot]
    const copy = encryptMessage(snapshot, new Uint8Array(3), clone)
    expect(theirs.receive(ours.send())).toBe('opened')
    expect(theirs.receive(copy.envelope)).toBe('ERR_DIVERGED')
    // Two turns later the marks still tell.
    ours.receive(theirs.send())
    theirs.receive(ours.send())
    ours.receive(theirs.send())
    theirs.receive(ours.send())
    theirs.restart()
    expect(theirs.receive(copy.envelope)).toBe('ERR_DIVERGED')
  })

  test('a content that makes the envelope too large', () => {
    const { ours } = acquainted()
    const { session } = ours
    expect(encryptMessage(session, new Uint8Array(100_000), ours).envelope.length).toBeLessThan(
      MAX_ENVELOPE_BYTES,
    )
    for (const length of [MAX_ENVELOPE_BYTES - 200, MAX_ENVELOPE_BYTES + 1]) {
      expect(refusal(() => encryptMessage(session, new Uint8Array(length), ours))).toBe(
        'SessionError ERR_TOO_LARGE',
      )
    }
  })

  test('noise belongs to no session', () => {
    const { ours, theirs } = acquainted()
    const stranger = acquainted()
    const noise = readEnvelope(stranger.ours.send(stranger.ours.session, 'x'))
    noise.tag[0] = (noise.tag[0] ?? 0) ^ 1
    expect(tagMatches(theirs.sessions, noise)).toBeUndefined()
    expect(refusal(() => openMessage(theirs.session, noise, theirs))).toBe(
      'SessionError ERR_NO_SESSION',
    )
    expect(tagMatches(theirs.sessions, readEnvelope(ours.send()))?.session).toBe(theirs.session)
  })
})

describe('forgetting', () => {
  test('skipped keys end after their time, with the rest unharmed', () => {
    const { ours, theirs } = acquainted()
    const early = ours.send()
    theirs.receive(ours.send())
    theirs.now += DAY
    const late = ours.send()
    theirs.receive(ours.send())
    const { next, spent, skippedRemoved } = expireSkippedKeys(theirs.session, NOW + 1)
    expect(skippedRemoved).toMatchObject([{ kind: 'skipped', number: 0 }])
    expect(spent.map((secret) => secret.name)).toEqual(['BodyKey'])
    expect(refusal(() => openMessage(next, readEnvelope(early), theirs))).toBe(
      'SessionError ERR_LIMIT',
    )
    expect(openMessage(next, readEnvelope(late), theirs).next.ratchet.skipped).toEqual([])
    expect(expireSkippedKeys(next, NOW + 1)).toEqual({ next, spent: [], skippedRemoved: [] })
    expect(expireSkippedKeys(next, NOW + 1).next).toBe(next)
  })

  test('skipped keys that were dated ahead are dated again, and go on to open', () => {
    const { ours, theirs } = acquainted()
    theirs.now += 900 * DAY
    const early = ours.send()
    theirs.receive(ours.send())
    const { next, changed } = redateSkippedKeys(theirs.session, NOW)
    expect(changed).toMatchObject([{ kind: 'skipped', number: 0, skippedAt: NOW }])
    expect(next.ratchet.skipped).toEqual(changed)
    expect(redateSkippedKeys(next, NOW)).toEqual({ next, changed: [] })
    expect(redateSkippedKeys(next, NOW).next).toBe(next)
    expect(openMessage(next, readEnvelope(early), theirs).next.ratchet.skipped).toEqual([])
  })

  test('an old state used again by mistake has no keys left', () => {
    const { ours } = acquainted()
    const before = ours.session
    ours.send()
    expect(() => encryptMessage(before, new Uint8Array(1), ours)).toThrow('was wiped')
  })

  test('the list of secrets of a session is complete', () => {
    const { ours, theirs } = acquainted()
    ours.send()
    theirs.receive(ours.send())
    ours.receive(theirs.send())
    ours.send()
    theirs.receive(ours.send())
    expect(new Set(sessionSecrets(theirs.session))).toEqual(secretsIn(theirs.session))
    wipeAll(sessionSecrets(theirs.session))
    expect(() => theirs.send()).toThrow('was wiped')
  })

  test('chains are kept for clones while they are among the newest 40, or wait for messages', () => {
    const { ours, theirs } = acquainted(false)
    const lost = ours.send()
    const used = ours.send()
    theirs.receive(used)
    const turn = () => {
      ours.receive(theirs.send())
      theirs.receive(ours.send())
    }
    for (let i = 0; i < 41; i += 1) turn()
    expect(theirs.session.ratchet.retired).toHaveLength(41)
    expect(theirs.receive(used)).toBe('ERR_DUPLICATE')
    theirs.restart()
    for (let i = 0; i < 5; i += 1) turn()
    expect(theirs.session.ratchet.retired).toHaveLength(41)
    expect(theirs.receive(lost)).toBe('opened')
    // With its last key the chain is gone, and its records with it.
    expect(theirs.session.ratchet.retired).toHaveLength(40)
    expect(theirs.receive(used)).toBe('ERR_NO_SESSION')
    expect(theirs.recordNames().filter((name) => name.startsWith('c'))).toHaveLength(40)
    expect(theirs.recordNames().filter((name) => name.startsWith('k'))).toEqual([])
    theirs.restart()
    turn()
  })
})
