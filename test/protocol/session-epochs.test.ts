import { beforeAll, describe, expect, test } from 'vitest'
import { utf8 } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { MAX_ENVELOPE_BYTES, readEnvelope } from '../../protocol/envelope.ts'
import { encodeBody } from '../../protocol/padding.ts'
import { MESSAGES_PER_EPOCH, sendKeyPart, sendingEpoch } from '../../protocol/post-quantum.ts'
import type { Session } from '../../protocol/session.ts'
import { openMessage } from '../../protocol/open-message.ts'
import { encryptMessage, isHealingStalled, receiveOnly } from '../../protocol/session.ts'
import { decodeSession, encodeSession } from '../../protocol/session-codec.ts'
import { DAY, NOW } from '../support/people.ts'
import { seededRandom } from '../support/random.ts'
import { secretsIn } from '../support/secrets.ts'
import { Talker, acquainted, expectKeysAgree, there } from '../support/talkers.ts'

// The post-quantum ratchet inside sessions: `ours` is the initiator, `theirs` the responder.

beforeAll(() => ready)

describe('epochs of a chat', () => {
  test('go on with traffic in both directions, over restarts in every phase', () => {
    const { ours, theirs } = acquainted()
    const phases = new Set<string>()
    for (let i = 0; i < 4 * MESSAGES_PER_EPOCH; i += 1) {
      const [from, to] = i % 2 === 0 ? [ours, theirs] : [theirs, ours]
      const envelope = from.send()
      phases.add(from.session.postQuantum.phase)
      from.restart()
      expect(to.receive(envelope)).toBe('opened')
      to.restart()
    }
    expect(phases).toEqual(new Set(['idle', 'offering', 'answered', 'switched']))
    expect(epochOf(ours)).toBe(4)
    expectKeysAgree(ours.session, theirs.session)
    expect([...ours.reports, ...theirs.reports]).toEqual([])
  })

  test('go on with one exchange a day', () => {
    const { ours, theirs } = acquainted()
    for (let day = 0; day < 20; day += 1) {
      for (const talker of [ours, theirs]) talker.now += DAY
      theirs.receive(ours.send())
      ours.receive(theirs.send())
    }
    expect(epochOf(ours)).toBeGreaterThanOrEqual(9)
    expectKeysAgree(ours.session, theirs.session)
  })

  test('wait in a long burst and lose nothing by it', () => {
    const { ours, theirs } = acquainted(false)
    for (let round = 0; round < 6; round += 1) {
      const [from, to] = round % 2 === 0 ? [ours, theirs] : [theirs, ours]
      const burst = Array.from({ length: 300 }, () => from.send())
      const outcomes = burst.toReversed().map((envelope) => to.receive(envelope))
      expect(new Set(outcomes)).toEqual(new Set(['opened']))
    }
    expect(epochOf(ours)).toBeGreaterThanOrEqual(2)
    theirs.receive(ours.send())
    ours.receive(theirs.send())
    expectKeysAgree(ours.session, theirs.session)
  })

  test('are delayed by loss, however much, and never stop', () => {
    const { ours, theirs } = acquainted(false)
    const random = seededRandom('loss')
    let lost = 0
    for (let i = 0; i < 2000; i += 1) {
      const [from, to] = (random(1)[0] ?? 0) < 128 ? [ours, theirs] : [theirs, ours]
      const envelope = from.send()
      // Nine of ten messages that show by their size that they carry a part, half of the others.
      const limit = envelope.length > 1000 ? 230 : 128
      if ((random(1)[0] ?? 0) < limit) lost += 1
      else expect(to.receive(envelope)).toBe('opened')
    }
    expect(lost).toBeGreaterThan(900)
    expect(epochOf(ours)).toBeGreaterThan(3)
    expectKeysAgree(ours.session, theirs.session)
  })
})

describe('around the first message of a new epoch', () => {
  test('skipped positions of both epochs open, in its chain', () => {
    const { ours, theirs, before, after } = switchedInAChain()
    expect(ours.receive(there(after[1]))).toBe('opened')
    expect(ours.session.postQuantum).toMatchObject({ phase: 'idle', epoch: { number: 1 } })
    const keys = ours.session.ratchet.skipped.map(({ epoch, nextBodyKey }) => [
      epoch,
      nextBodyKey !== undefined,
    ])
    expect(keys).toEqual([
      [0, true],
      [0, true],
      [0, true],
    ])
    ours.restart()
    for (const envelope of [...before, there(after[0])]) {
      expect(ours.receive(envelope)).toBe('opened')
    }
    expect(ours.session.ratchet.skipped).toEqual([])
    expectReachable(ours, theirs)
  })

  test('and in the chain before it', () => {
    const { ours, theirs, before, after } = switchedInAChain()
    // The chain is known by a message of epoch 0, then ended by one of epoch 1.
    expect(ours.receive(there(before[0]))).toBe('opened')
    theirs.receive(ours.send())
    const next = theirs.send()
    expect(ours.receive(next)).toBe('opened')
    expect(ours.session.ratchet.skipped.map(({ number }) => number)).toEqual([1, 2, 3])
    for (const envelope of [there(before[1]), ...after]) {
      expect(ours.receive(envelope)).toBe('opened')
    }
    expectReachable(ours, theirs)
  })

  test('the old key for receiving goes in the same step, the keys of skipped positions are made', () => {
    const { ours, after } = switchedInAChain()
    const { session } = ours
    const oldKey = session.postQuantum.epoch.receivingKey
    const opened = openMessage(session, readEnvelope(there(after[1])), ours)
    expect(opened.spent).toContain(oldKey)
    expect(secretsIn(opened.next).has(oldKey)).toBe(false)
    expect(opened.skippedAdded.filter(({ kind }) => kind === 'skipped')).toHaveLength(3)
  })

  test('a message of the old epoch at a position that was not skipped is refused', () => {
    const { ours, theirs, after } = switchedInAChain()
    // A thief of the state has the keys of the chain and of the old epoch, not of the new one.
    const { receivingKey } = decodeSession(encodeSession(ours.session), []).postQuantum.epoch
    expect(ours.receive(there(after[1]))).toBe('opened')
    const { next } = there(theirs.session).postQuantum
    const epoch = { ...there(next), number: 0, sendingKey: receivingKey }
    const since = { next: undefined, earlier: undefined, enteredAt: NOW, messages: 0 }
    const forger = { ...theirs.session, postQuantum: { phase: 'idle', epoch, ...since } as const }
    const { envelope } = encryptMessage(forger, utf8('forged'), theirs)
    expect(ours.receive(envelope)).toBe('ERR_NOT_AUTHENTIC')
    expect(ours.receive(theirs.send())).toBe('opened')
  })
})

describe('parts beside a content', () => {
  test('that was offered by a clone with another key are reported, and the content counts', () => {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
    ours.begin(theirs)
    theirs.receive(ours.send())
    const clone = decodeSession(encodeSession(theirs.session), [])
    expect(ours.receive(theirs.send())).toBe('opened')
    // The clone has its own randomness; its first message is lost.
    const options = { now: NOW, random: seededRandom('clone') }
    const first = encryptMessage(clone, utf8('lost'), options)
    const second = encryptMessage(first.next, utf8('from the clone'), options)
    expect(ours.receive(second.envelope)).toBe('opened')
    expect(ours.inbox.at(-1)).toBe('from the clone')
    expect(ours.reports).toEqual(['diverged'])
  })

  test('of a first message are nothing that an initiator has to say', () => {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
    const begun = ours.begin(theirs)
    const side = { sessionId: begun.id, sends: 2 } as const
    const context = { now: NOW, random: ours.random, hasRoom: true, chain: 0, number: 0 }
    const { next } = sendKeyPart(begun.postQuantum, side, context)
    const { envelope } = encryptMessage({ ...begun, postQuantum: next }, utf8('hello'), ours)
    expect(theirs.receive(envelope)).toBe('opened')
    expect([theirs.inbox, theirs.reports]).toEqual([['hello'], ['diverged']])
    expect(theirs.session.postQuantum.phase).toBe('idle')
  })

  test('wait for a message that has room', () => {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
    ours.begin(theirs)
    theirs.receive(ours.send())
    const largest = 'x'.repeat(MAX_ENVELOPE_BYTES - 2052)
    const envelope = theirs.send(theirs.session, largest)
    expect(theirs.session.postQuantum.phase).toBe('idle')
    expect(ours.receive(envelope)).toBe('opened')
    expect(ours.receive(theirs.send())).toBe('opened')
    expect(ours.session.postQuantum.phase).toBe('answered')
  })

  test('are not given to the caller', () => {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
    ours.begin(theirs)
    theirs.receive(ours.send())
    const envelope = readEnvelope(theirs.send())
    expect(envelope.body.length).toBeGreaterThan(1200)
    expect(openMessage(ours.session, envelope, ours)).toMatchObject({
      items: [],
      malformedItems: false,
      diverged: false,
    })
  })

  test('mean nothing to a session that only receives, which still follows', () => {
    const { ours, theirs } = acquainted()
    const quiet = receiveOnly(theirs.session)
    const answer = readEnvelope(ours.send())
    expect(openMessage(quiet, answer, theirs).next.postQuantum.phase).toBe('offering')
    theirs.receive(answer.bytes)
    const first = readEnvelope(theirs.send())
    const { next } = openMessage(receiveOnly(ours.session), first, ours)
    expect(next).toMatchObject({
      phase: 'receive-only',
      postQuantum: { phase: 'idle', epoch: { number: 1 } },
    })
  })
})

describe('post-quantum healing', () => {
  test('is called stalled when the other side answers and never takes our part', () => {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs', false)]
    let deaf: Session = ours.begin(theirs)
    let turns = 0
    while (turns === 0 || (turns < 150 && !isHealingStalled(theirs.session, NOW))) {
      const sealed = encryptMessage(deaf, utf8('x'), ours)
      expect(theirs.receive(sealed.envelope)).toBe('opened')
      const answer = readEnvelope(theirs.send())
      deaf = { ...openMessage(sealed.next, answer, ours).next, postQuantum: deaf.postQuantum }
      turns += 1
    }
    // 200 messages, sent and opened, after the one in which it first rode.
    expect(turns).toBe(101)
    expect(epochOf(theirs)).toBe(0)
    expect(isHealingStalled(receiveOnly(theirs.session), NOW)).toBe(false)
  })

  test('is not called stalled under heavy loss', () => {
    const { ours, theirs } = acquainted(false)
    const random = seededRandom('alarm')
    for (let i = 0; i < 3000; i += 1) {
      const [from, to] = i % 2 === 0 ? [ours, theirs] : [theirs, ours]
      const envelope = from.send()
      if ((random(1)[0] ?? 0) < 150) continue
      to.receive(envelope)
      expect(isHealingStalled(to.session, to.now + 6 * DAY)).toBe(false)
    }
    expect(epochOf(ours)).toBeGreaterThan(10)
  })
})

describe('what parts cost on the wire', () => {
  // Loss costs less: what is lost is not repeated sooner. 8 and 17 carry most repetitions for their length.
  test.each([1, 3, 8, 17, 50])('below 160 bytes a message in a chat by turns of %i', (turn) => {
    for (const length of [32, 500]) {
      const mean = overhead({ turns: Math.ceil(1200 / turn), turn, length })
      expect(mean).toBeGreaterThan(15)
      expect(mean).toBeLessThan(160)
    }
  })

  test('below 40 bytes a message in a burst of 1 000', () => {
    for (const length of [32, 500]) {
      expect(overhead({ turns: 2, turn: 1000, length })).toBeLessThan(40)
    }
  })
})

/** Mean bytes of envelopes above those of the same contents without parts. */
function overhead(chat: {
  readonly turns: number
  readonly turn: number
  readonly length: number
}): number {
  const { ours, theirs } = acquainted(false)
  const text = 'x'.repeat(chat.length)
  const without = 102 + encodeBody(utf8(text), []).length
  let total = 0
  for (let i = 0; i < chat.turns; i += 1) {
    const [from, to] = i % 2 === 0 ? [ours, theirs] : [theirs, ours]
    for (let j = 0; j < chat.turn; j += 1) {
      const envelope = from.send(from.session, text)
      total += envelope.length - without
      to.receive(envelope)
    }
  }
  return total / (chat.turns * chat.turn)
}

/**
 * A chain of `theirs` with two messages of epoch 0 and two of epoch 1, none of them opened, and
 * `ours` waiting in epoch 0.
 */
function switchedInAChain(): {
  readonly ours: Talker
  readonly theirs: Talker
  readonly before: readonly Uint8Array[]
  readonly after: readonly Uint8Array[]
} {
  const { ours, theirs } = acquainted()
  // The answer rides in the first two messages of the chain; the third turns the ratchet.
  const sent = [ours.send(), ours.send(), ours.send()]
  expect(theirs.receive(there(sent[2]))).toBe('opened')
  const before = [theirs.send(), theirs.send()]
  expect(theirs.receive(there(sent[0]))).toBe('opened')
  expect(theirs.session.postQuantum.phase).toBe('switched')
  const after = [theirs.send(), theirs.send()]
  return { ours, theirs, before, after }
}

function expectReachable(ours: Talker, theirs: Talker): void {
  expect(theirs.receive(ours.send())).toBe('opened')
  expect(ours.receive(theirs.send())).toBe('opened')
  expectKeysAgree(ours.session, theirs.session)
}

function epochOf({ session }: Talker): number {
  return sendingEpoch(session.postQuantum).number
}
