import { beforeAll, describe, expect, test } from 'vitest'
import { importSecret, kemEncapsulate, ready } from '../../protocol/crypto.ts'
import type { Direction } from '../../protocol/epoch.ts'
import { kemKeyDigest } from '../../protocol/epoch.ts'
import { decodeAnswer, decodeOffer, encodeAnswer, encodeOffer } from '../../protocol/key-parts.ts'
import type { Item } from '../../protocol/padding.ts'
import { itemKinds } from '../../protocol/padding.ts'
import type { IdleState, PostQuantum } from '../../protocol/post-quantum.ts'
import {
  EPOCH_TIME,
  MAX_EPOCH,
  MESSAGES_PER_EPOCH,
  isPartStalled,
  offererOf,
  postQuantumSecrets,
  sendKeyPart,
  sendingEpoch,
  startPostQuantum,
} from '../../protocol/post-quantum.ts'
import type { ReceiveContext, Received } from '../../protocol/post-quantum-receive.ts'
import { receiveKeyParts } from '../../protocol/post-quantum-receive.ts'
import { Secret, wipeAll } from '../../protocol/secret.ts'
import { NOW } from '../support/people.ts'
import { seededRandom } from '../support/random.ts'
import { expectNothingLeft, secretsIn } from '../support/secrets.ts'
import { there } from '../support/talkers.ts'

// The state machine alone: no Double Ratchet, messages are the items they carry and an epoch.

beforeAll(() => ready)

const sessionId = new Uint8Array(32).fill(7)
/** The initiator of the handshake sends in direction 1. */
const INITIATOR = 1
const RESPONDER = 2

/** One side; `now` moves by hand. */
class Side {
  readonly sends: Direction
  state: PostQuantum
  now = NOW
  number = 0
  readonly random
  readonly spent: Secret[] = []

  constructor(sends: Direction) {
    this.sends = sends
    this.random = seededRandom(`side ${sends}`)
    const secret = importSecret('EpochSecret', new Uint8Array(32).fill(3))
    this.state = expectNothingLeft(() => startPostQuantum(secret, sends, NOW), [])
  }

  send(hasRoom = true): Message {
    const { now, random, sends, number } = this
    const context = { now, random, hasRoom, chain: 0, number }
    const { next, item } = sendKeyPart(this.state, { sessionId, sends }, context)
    expectLawful(this.state, next, [])
    this.state = next
    this.number += 1
    return { epoch: sendingEpoch(next).number, items: item === undefined ? [] : [item] }
  }

  receive(message: Message, context: Partial<ReceiveContext> = {}): Received {
    const { now, random, sends } = this
    const whole = {
      ...{ answeredChain: undefined, takesParts: true, now, random },
      ...message,
      ...context,
    }
    const received = expectNothingLeft(
      () => receiveKeyParts(this.state, { sessionId, sends }, whole),
      this.state,
    )
    expectLawful(this.state, received.next, received.spent)
    this.state = received.next
    this.spent.push(...received.spent)
    wipeAll(received.spent)
    return received
  }
}

interface Message {
  readonly epoch: number
  readonly items: readonly Item[]
}

describe('the way from one epoch to the next', () => {
  test('idle, offering, switched at one side; idle, answered, idle at the other', () => {
    const { initiator, responder } = sides()
    const offer = responder.send()
    expect(responder.state.phase).toBe('offering')
    expect(offer.items.map(({ kind }) => kind)).toEqual([itemKinds.offer])
    initiator.receive(offer)
    expect(initiator.state.phase).toBe('answered')
    // Who encapsulated waits with sending in the new epoch.
    const answer = initiator.send()
    expect(answer).toMatchObject({ epoch: 0, items: [{ kind: itemKinds.answer }] })
    responder.receive(answer)
    expect(responder.state.phase).toBe('switched')

    const first = responder.send()
    expect(first).toEqual({ epoch: 1, items: [] })
    initiator.receive(first)
    expect(initiator.state).toMatchObject({ phase: 'idle', epoch: { number: 1 } })
    const second = initiator.send()
    expect(second).toEqual({ epoch: 1, items: [] })
    responder.receive(second)
    expect(responder.state).toMatchObject({ phase: 'idle', epoch: { number: 1 } })
    expectAgreed(initiator, responder)
  })

  test('goes on, offered by the responder for odd epochs and by the initiator for even ones', () => {
    const { initiator, responder } = sides()
    for (let epoch = 1; epoch <= 6; epoch += 1) {
      const [offerer, other] = epoch % 2 === 1 ? [responder, initiator] : [initiator, responder]
      expect(offererOf(epoch)).toBe(offerer.sends)
      enterNext(offerer, other)
      expect(initiator.state).toMatchObject({ phase: 'idle', epoch: { number: epoch } })
      expectAgreed(initiator, responder)
    }
  })

  test('erases what it leaves behind, each key at its time', () => {
    const { initiator, responder } = sides()
    const names = (side: Side): readonly string[] => {
      const found = side.spent.map(({ name }) => name).toSorted()
      side.spent.length = 0
      return found
    }
    enterNext(responder, initiator)
    for (const side of [initiator, responder]) names(side)

    const offer = turn(initiator)
    responder.receive(offer)
    // nxt(1) when E_2 exists, and cont(0): the newest two are kept.
    expect(names(responder)).toEqual(['ContinuityKey', 'EpochStepKey'])
    initiator.receive(responder.send())
    expect(names(initiator)).toEqual(['ContinuityKey', 'EpochKey', 'EpochStepKey', 'KemSeed'])
    responder.receive(initiator.send())
    expect(names(responder)).toEqual(['EpochKey', 'EpochKey'])
    initiator.receive(responder.send())
    expect(names(initiator)).toEqual(['EpochKey'])
    for (const { state } of [initiator, responder]) {
      const kept = postQuantumSecrets(state).map(({ name }) => name)
      expect(kept.filter((name) => name === 'ContinuityKey')).toHaveLength(2)
      expect(kept).toHaveLength(5)
    }
  })

  test('lists all its secrets in every phase', () => {
    const { initiator, responder } = sides()
    const seen = new Set<string>()
    const check = (): void => {
      for (const { state } of [initiator, responder]) {
        seen.add(state.phase)
        expect(new Set(postQuantumSecrets(state))).toEqual(secretsIn(state))
        expect(postQuantumSecrets(state)).toHaveLength(secretsIn(state).size)
      }
    }
    for (const [from, to] of [
      [responder, initiator],
      [initiator, responder],
    ] as const) {
      const offer = turn(from)
      check()
      to.receive(offer)
      from.receive(to.send())
      check()
      to.receive(from.send())
      from.receive(to.send())
      check()
    }
    expect(seen).toEqual(new Set(['idle', 'offering', 'answered', 'switched']))
  })

  test('comes to other keys in another session, and for another ciphertext', () => {
    const runs = ['one', 'other'].map((name) => {
      const { initiator, responder } = sides()
      const offer = responder.send()
      initiator.receive(offer, { random: seededRandom(name) })
      responder.receive(initiator.send())
      return sendingEpoch(responder.state).sendingKey
    })
    expect(revealed(runs[0])).not.toEqual(revealed(runs[1]))
  })
})

describe('an offer', () => {
  test('for epoch 1 rides in the first message of the responder, and never comes from the initiator', () => {
    const { initiator, responder } = sides()
    for (let i = 0; i < 2 * MESSAGES_PER_EPOCH; i += 1) {
      initiator.now += EPOCH_TIME
      expect(initiator.send().items).toEqual([])
    }
    expect(responder.send().items).toHaveLength(1)
  })

  test('for a later epoch is made after 50 messages, sent and opened', () => {
    const { initiator } = inEpochOne()
    expect(initiator.send().items).toEqual([])
    for (let i = 1; i < MESSAGES_PER_EPOCH; i += 1) {
      if (i % 3 === 0) expect(initiator.send().items).toEqual([])
      else initiator.receive({ epoch: 1, items: [] })
    }
    expect(initiator.send().items).toHaveLength(1)
  })

  test('or after a day, with the next message', () => {
    const { initiator, responder } = inEpochOne()
    initiator.now += EPOCH_TIME - 1
    expect(initiator.send().items).toEqual([])
    initiator.now += 1
    expect(initiator.send().items).toHaveLength(1)
    // It is not the other side's turn.
    responder.now += 10 * EPOCH_TIME
    expect(responder.send().items).toEqual([])
  })

  test('is made for the last epoch that has a number, and for none after it', () => {
    for (const [epoch, offers] of [
      [MAX_EPOCH - 1, 1],
      [MAX_EPOCH, 0],
    ] as const) {
      const side = new Side(offererOf(epoch + 1))
      side.state = { ...side.state, epoch: { ...side.state.epoch, number: epoch } } as IdleState
      side.now += EPOCH_TIME
      expect(side.send().items).toHaveLength(offers)
    }
  })

  test('is not counted for any further once it is due', () => {
    const { initiator } = inEpochOne()
    for (let i = 0; i < MESSAGES_PER_EPOCH + 9; i += 1) initiator.send(false)
    expect(initiator.state).toMatchObject({ phase: 'idle', messages: MESSAGES_PER_EPOCH })
  })

  test('waits for a message that has room for it', () => {
    const { responder } = sides()
    expect(responder.send(false).items).toEqual([])
    expect(responder.state.phase).toBe('idle')
    expect(responder.send().items).toHaveLength(1)
    expect(responder.send(false).items).toEqual([])
    expect(responder.state).toMatchObject({ riding: { rides: 1, passed: 1 } })
  })

  test('is repeated byte for byte, and answered once', () => {
    const { initiator, responder } = sides()
    const offers = [responder.send(), responder.send()]
    expect(offers[0]).toEqual(offers[1])
    initiator.receive(there(offers[0]))
    const before = initiator.state
    expect(initiator.receive(there(offers[1]))).toMatchObject({ diverged: false, malformed: false })
    expect(parts(initiator.send())).toEqual(parts({ epoch: 0, items: [answerOf(before)] }))
  })

  test('is not made beyond the last epoch', () => {
    const { initiator } = sides()
    const { epoch } = initiator.state as IdleState
    const last = { ...initiator.state, epoch: { ...epoch, number: MAX_EPOCH } } as IdleState
    initiator.state = { ...last, messages: MESSAGES_PER_EPOCH }
    expect(initiator.send().items).toEqual([])
  })
})

describe('a part changes nothing', () => {
  test('that names another epoch than the one after its message’s', () => {
    const { initiator, responder } = sides()
    const item = there(responder.send().items[0])
    for (const target of [0, 2, MAX_EPOCH]) {
      expectIgnored(initiator, { epoch: 0, items: [retargeted(item, target)] }, 'malformed')
    }
    const answer = retargeted({ kind: itemKinds.answer, value: new Uint8Array(1188) }, 2)
    expectIgnored(responder, { epoch: 0, items: [answer] }, 'malformed')
  })

  test('whose key is not reduced, or whose fill is not zero', () => {
    const { initiator, responder } = sides()
    responder.send()
    const publicKey = new Uint8Array(1184).fill(0xff)
    const offer = { kind: itemKinds.offer, value: encodeOffer({ target: 1, publicKey }) }
    expectIgnored(initiator, { epoch: 0, items: [offer] }, 'malformed')
    const value = encodeAnswer({
      target: 1,
      keyDigest: new Uint8Array(32),
      ciphertext: new Uint8Array(1088),
    })
    value[1187] = 1
    const answer = { kind: itemKinds.answer, value }
    expectIgnored(responder, { epoch: 0, items: [answer] }, 'malformed')
    // A good one still counts afterwards.
    initiator.receive(responder.send())
    expect(initiator.state.phase).toBe('answered')
  })

  test('that comes late, in an epoch that is no longer received in', () => {
    const { initiator, responder } = sides()
    const offer = responder.send()
    initiator.receive(offer)
    const answer = initiator.send()
    responder.receive(answer)
    initiator.receive(responder.send())
    responder.receive(initiator.send())
    expectIgnored(initiator, offer, 'late')
    expectIgnored(responder, answer, 'late')
    // Even another one: there is nothing left to compare it with.
    expectIgnored(initiator, { epoch: 0, items: [anOffer(1, 'other')] }, 'late')
  })

  test('at a side that does not send any more, though messages still move it', () => {
    const { initiator, responder } = sides()
    const offer = responder.send()
    initiator.receive(offer, { takesParts: false })
    expect(initiator.state.phase).toBe('idle')
    initiator.receive(offer)
    responder.receive(initiator.send())
    initiator.receive(responder.send(), { takesParts: false })
    expect(initiator.state).toMatchObject({ phase: 'idle', epoch: { number: 1 } })
  })
})

describe('a divergence is reported and changes nothing', () => {
  test('another offer for the same epoch', () => {
    const { initiator, responder } = sides()
    initiator.receive(responder.send())
    expectIgnored(initiator, { epoch: 0, items: [anOffer(1, 'other')] }, 'diverged')
    // The first one stands.
    responder.receive(initiator.send())
    expect(responder.state.phase).toBe('switched')
  })

  test('another answer for the same epoch, and one to another key', () => {
    const { initiator, responder } = sides()
    const offer = there(responder.send().items[0])
    const stranger = anOffer(1, 'stranger')
    expectIgnored(responder, { epoch: 0, items: [anAnswerTo(stranger, 'x')] }, 'diverged')
    expect(responder.state.phase).toBe('offering')
    initiator.receive({ epoch: 0, items: [offer] })
    const answer = initiator.send()
    responder.receive(answer)
    expectIgnored(responder, answer, 'repeated')
    expectIgnored(responder, { epoch: 0, items: [anAnswerTo(offer, 'other')] }, 'diverged')
    expectIgnored(responder, { epoch: 0, items: [anAnswerTo(stranger, 'x')] }, 'diverged')
    initiator.receive(responder.send())
    responder.receive(initiator.send())
    expectAgreed(initiator, responder)
  })

  test('an answer where nothing was offered', () => {
    const { initiator, responder } = sides()
    const answer = { epoch: 0, items: [anAnswerTo(anOffer(1, 'x'), 'y')] }
    expectIgnored(responder, answer, 'diverged')
    // And at the side that never offers for this epoch, idle or answered.
    expectIgnored(initiator, answer, 'diverged')
    initiator.receive(responder.send())
    expectIgnored(initiator, answer, 'diverged')
  })

  test('an offer from the side whose turn it is not', () => {
    const { initiator, responder } = sides()
    const wrong = { epoch: 0, items: [anOffer(1, 'x')] }
    expectIgnored(responder, wrong, 'diverged')
    responder.send()
    expectIgnored(responder, wrong, 'diverged')
    initiator.receive(responder.send())
    responder.receive(initiator.send())
    expectIgnored(responder, wrong, 'diverged')
  })

  test('an offer and an answer in one message each count for themselves', () => {
    const { initiator, responder } = sides()
    const offer = there(responder.send().items[0])
    const received = initiator.receive({ epoch: 0, items: [anAnswerTo(offer, 'x'), offer] })
    expect(received).toMatchObject({ diverged: true, malformed: false })
    expect(initiator.state.phase).toBe('answered')
  })
})

test('a good part counts beside a bad one, which is reported all the same', () => {
  for (const [bad, report] of [
    [anOffer(7, 'x'), { malformed: true, diverged: false }],
    [anOffer(1, 'x'), { malformed: false, diverged: true }],
  ] as const) {
    const { initiator, responder } = sides()
    initiator.receive(responder.send())
    const [answer] = parts(initiator.send())
    const received = responder.receive({ epoch: 0, items: [bad, there(answer)] })
    expect(received).toMatchObject({ ...report, next: { phase: 'switched' } })
    expect(received.spent).not.toEqual([])
  }
})

test('what is kept of an answer is a copy', () => {
  const { initiator, responder } = sides()
  initiator.receive(responder.send())
  const answer = initiator.send()
  responder.receive(answer)
  const before = structuredClone('keyDigest' in responder.state && responder.state.keyDigest)
  for (const { value } of answer.items) value.fill(0)
  expect(responder.state).toMatchObject({ phase: 'switched', keyDigest: before })
})

test('a fault of ours is not taken for a bad part', () => {
  const { initiator, responder } = sides()
  const random = (): Uint8Array => {
    throw new TypeError('ours')
  }
  const offer = responder.send()
  const context = { answeredChain: undefined, takesParts: true, now: NOW, random, ...offer }
  expect(() => receiveKeyParts(initiator.state, { sessionId, sends: INITIATOR }, context)).toThrow(
    TypeError,
  )
})

test('a message of the next epoch moves first, then its parts are taken', () => {
  const { initiator, responder } = sides()
  initiator.receive(responder.send())
  responder.receive(initiator.send())
  // The initiator has moved and offers epoch 2 before the responder has heard of it.
  initiator.receive(responder.send())
  const offer = turn(initiator)
  expect(offer.epoch).toBe(1)
  responder.receive(offer)
  expect(responder.state).toMatchObject({ phase: 'answered', epoch: { number: 1 } })
  initiator.receive(responder.send())
  expect(initiator.state).toMatchObject({ phase: 'switched', next: { number: 2 } })
})

test('healing is stalled when answered chains never show the part', () => {
  const { responder } = sides()
  expect(isPartStalled(responder.state, NOW)).toBe(false)
  responder.send()
  for (let i = 0; i < 8; i += 1) {
    expect(isPartStalled(responder.state, NOW + 30 * EPOCH_TIME)).toBe(false)
    responder.receive({ epoch: 0, items: [] }, { answeredChain: 0 })
  }
  expect(isPartStalled(responder.state, NOW + 7 * EPOCH_TIME)).toBe(true)
})

function sides(): { readonly initiator: Side; readonly responder: Side } {
  return { initiator: new Side(INITIATOR), responder: new Side(RESPONDER) }
}

function inEpochOne(): ReturnType<typeof sides> {
  const both = sides()
  enterNext(both.responder, both.initiator)
  return both
}

/** The next message with an offer. */
function turn(side: Side): Message {
  for (let i = 0; i <= MESSAGES_PER_EPOCH; i += 1) {
    const message = side.send()
    if (message.items.length > 0) return message
  }
  throw new Error('no offer was made')
}

function enterNext(offerer: Side, other: Side): void {
  other.receive(turn(offerer))
  offerer.receive(other.send())
  other.receive(offerer.send())
  offerer.receive(other.send())
}

function anOffer(target: number, name: string): Item {
  const side = new Side(RESPONDER)
  const value = there(
    sendKeyPart(
      side.state,
      { sessionId, sends: RESPONDER },
      { now: NOW, random: seededRandom(name), hasRoom: true, chain: 0, number: 0 },
    ).item,
  ).value
  return retargeted({ kind: itemKinds.offer, value }, target)
}

function anAnswerTo(offer: Item, name: string): Item {
  const { target, publicKey } = decodeOffer(offer.value)
  const { ciphertext } = kemEncapsulate(publicKey, seededRandom(name))
  const keyDigest = kemKeyDigest(target, publicKey)
  return { kind: itemKinds.answer, value: encodeAnswer({ target, keyDigest, ciphertext }) }
}

function answerOf(state: PostQuantum): Item {
  if (state.phase !== 'answered') throw new Error('nothing was answered')
  expect(decodeAnswer(state.part).target).toBe(state.next.number)
  return { kind: itemKinds.answer, value: state.part }
}

function retargeted({ kind, value }: Item, target: number): Item {
  const changed = value.slice()
  new DataView(changed.buffer).setUint32(0, target)
  return { kind, value: changed }
}

function parts({ items }: Message): readonly Item[] {
  expect(items).toHaveLength(1)
  return items
}

type Verdict = 'late' | 'repeated' | 'malformed' | 'diverged'

/** Counters aside, the state stays as it was. */
function expectIgnored(side: Side, message: Message, verdict: Verdict): void {
  const before = side.state
  const received = side.receive(message)
  expect(received.malformed).toBe(verdict === 'malformed')
  expect(received.diverged).toBe(verdict === 'diverged')
  expect(received.spent).toEqual([])
  expect(withoutCounts(received.next)).toEqual(withoutCounts(before))
}

function withoutCounts(state: PostQuantum): object {
  return { ...state, riding: undefined, messages: undefined }
}

function expectLawful(before: PostQuantum, next: PostQuantum, spent: readonly Secret[]): void {
  const kept = secretsIn(next)
  expect(spent.filter((secret) => kept.has(secret))).toEqual([])
  const forgotten = [...secretsIn(before)].filter((s) => !kept.has(s) && !spent.includes(s))
  expect(forgotten).toEqual([])
}

/** What one side sends in, the other receives in, and both can prove it later. */
function expectAgreed(one: Side, other: Side): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const sends = sendingEpoch(from.state)
    const receives = [to.state.epoch, to.state.next].find((e) => e?.number === sends.number)
    expect(revealed(sends.sendingKey)).toEqual(revealed(receives?.receivingKey))
  }
  expect(revealed(one.state.epoch.continuityKey)).toEqual(revealed(other.state.epoch.continuityKey))
}

function revealed(secret: Secret | undefined): Uint8Array {
  return Secret.reveal(there(secret))
}
