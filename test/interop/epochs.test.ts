import { describe, expect, test } from 'vitest'
import { ready } from '../../protocol/crypto.ts'
import { DAY } from '../support/people.ts'
import { seededRandom } from '../support/random.ts'
import { isHealingStalled } from '../../protocol/session.ts'
import { type Reachable, Talker } from '../support/talkers.ts'
import { ascii, join, repeated, u32 } from './stranger/bytes.ts'
import { kemPair } from './stranger/primitives.ts'
import { isStalled } from './stranger/post-quantum.ts'
import { sealPadded } from './stranger/ratchet.ts'
import { type Item, writeBody } from './stranger/envelope.ts'
import type { Session } from './stranger/session.ts'
import { Stranger, acquainted } from './support.ts'

await ready

const HOUR = 3_600_000

describe.each(['ours', 'theirs'] as const)('epochs of a session begun by %s', (by) => {
  test('go on as both speak, at the same messages as where roles are exchanged', () => {
    const { ours, theirs } = acquainted(by)
    const sizes: number[] = []
    const phases = new Set<string>()
    for (let i = 0; i < 240; i += 1) {
      const fromOurs = i % 7 < 3 || i % 31 < 9
      const envelope = fromOurs ? ours.send(undefined, 'x') : theirs.send(ours, 'x')
      expect(fromOurs ? theirs.receive(envelope) : ours.receive(envelope)).toBe('opened')
      phases.add(`ours ${ours.session.postQuantum.phase}`)
      phases.add(`theirs ${sessionOf(theirs).pq.state}`)
      sizes.push(envelope.length)
      ours.restart()
    }
    expect(phases.size).toBe(8)
    expectSameEpoch(ours, theirs, 4)
    expect([...ours.reports, ...theirs.reports]).toEqual([])
    expect(new Set(sizes)).toEqual(new Set([358, 1318]))
  })

  test('go on with one exchange a day', () => {
    const { ours, theirs } = acquainted(by)
    for (let day = 0; day < 12; day += 1) {
      for (const side of [ours, theirs]) side.now += DAY
      expect(theirs.receive(ours.send())).toBe('opened')
      expect(ours.receive(theirs.send(ours))).toBe('opened')
    }
    expectSameEpoch(ours, theirs, 5)
  })

  test('go on through losses and in any order, and old ones stay known', () => {
    const { ours, theirs } = acquainted(by)
    const random = seededRandom(`epochs ${by}`)
    const dice = (): number => random(1)[0] ?? 0
    const late: { readonly fromOurs: boolean; readonly envelope: Uint8Array }[] = []
    const opened: typeof late = []
    const deliver = (one: (typeof late)[number]): string =>
      one.fromOurs ? theirs.receive(one.envelope) : ours.receive(one.envelope)
    let fromOurs = true
    for (let i = 0; i < 500; i += 1) {
      if (dice() < 20) fromOurs = !fromOurs // long turns: chains older than 40 are forgotten
      const message = { fromOurs, envelope: fromOurs ? ours.send() : theirs.send(ours) }
      if (dice() < 40) late.push(message)
      else {
        expect(deliver(message)).toBe('opened')
        opened.push(message)
      }
    }
    expectSameEpoch(ours, theirs, 3)
    expect(new Set(late.map(deliver))).toEqual(new Set(['opened']))
    const again = [...late, ...opened]
    expect(new Set(again.map(deliver))).toEqual(new Set(['ERR_DUPLICATE']))
    expect([...ours.reports, ...theirs.reports]).toEqual([])
  })
})

test('parts ride in the same messages, whoever is who', () => {
  const script = Array.from({ length: 300 }, (_, i) => i % 11 < 4 || i % 37 < 12)
  const sizes = (by: 'ours' | 'theirs'): readonly number[] => {
    const { ours, theirs } = acquainted(by)
    return script.map((fromInitiator, i) => {
      for (const side of [ours, theirs]) side.now += i % 17 === 0 ? HOUR : 60_000
      const fromOurs = fromInitiator === (by === 'ours')
      const envelope = fromOurs ? ours.send(undefined, 'x') : theirs.send(ours, 'x')
      // Every third message of a kind is lost, so that parts are repeated.
      if (i % 3 !== 1) {
        expect(fromOurs ? theirs.receive(envelope) : ours.receive(envelope)).toBe('opened')
      }
      return envelope.length
    })
  }
  const [one, other] = [sizes('ours'), sizes('theirs')]
  expect(one).toEqual(other)
  expect(one.filter((size) => size > 1000).length).toBeGreaterThan(20)
})

/** A session begun by ours in which the stranger says whatever parts it likes. */
function hostileParts(by: 'ours' | 'theirs') {
  const { ours, theirs } = by === 'ours' ? firstOffer() : answering()
  const session = sessionOf(theirs)
  const say = (...items: readonly Item[]): string => {
    const padded = writeBody(ascii('words'), items)
    const result = ours.receive(sealPadded(session, padded, theirs.self.random))
    expect(ours.inbox.at(-1)).toBe('words')
    return (
      result +
      ours.reports
        .splice(0)
        .toSorted()
        .map((one) => ` ${one}`)
        .join('')
    )
  }
  return { ours, theirs, session, say }
}

/** The stranger is the responder, whose turn it is, and has said nothing. */
function firstOffer() {
  const [ours, theirs] = [new Talker('ours'), new Stranger('theirs')]
  ours.begin(theirs.reachable)
  expect(theirs.receive(ours.send())).toBe('opened')
  return { ours, theirs }
}

/** Ours is the responder and has offered; the stranger has not opened it. */
function answering() {
  const { ours, theirs } = answered()
  ours.send()
  return { ours, theirs }
}

function offer(epoch: number, seed = 1): Item {
  return { kind: 1, value: join(u32(epoch), kemPair(repeated(seed, 64)).public) }
}

function answer(epoch: number, keyHash: Uint8Array, fill = 0): Item {
  return { kind: 2, value: join(u32(epoch), keyHash, repeated(5, 1088), repeated(fill, 64)) }
}

describe('of parts that break the rules', () => {
  test('the first offer stands, a second one diverges, and none of it hurts the content', () => {
    const { ours, say } = hostileParts('ours')
    expect(say(offer(2))).toBe('opened malformed')
    expect(say(offer(0))).toBe('opened malformed')
    expect(say({ kind: 1, value: join(u32(1), repeated(0xff, 1184)) })).toBe('opened malformed')
    expect(say({ kind: 1, value: repeated(0, 1187) })).toBe('opened malformed')
    expect(say(answer(1, repeated(3, 32)))).toBe('opened diverged')
    expect(ours.session.postQuantum.phase).toBe('idle')
    expect(say(offer(1))).toBe('opened')
    expect(ours.session.postQuantum.phase).toBe('answered')
    expect(say(offer(1))).toBe('opened')
    expect(say(offer(1, 2))).toBe('opened diverged')
    expect(say(answer(1, repeated(3, 32)))).toBe('opened diverged')
    expect(say(offer(1), offer(1))).toBe('opened malformed')
    expect(ours.session.postQuantum.phase).toBe('answered')
  })

  test('an answer to another key diverges, and offers of ours go on', () => {
    const { ours, theirs, say } = hostileParts('theirs')
    expect(ours.session.postQuantum.phase).toBe('offering')
    expect(say(answer(1, repeated(3, 32)))).toBe('opened diverged')
    expect(say(answer(1, repeated(3, 32), 1))).toBe('opened malformed')
    expect(say(answer(2, repeated(3, 32)))).toBe('opened malformed')
    expect(say(offer(1))).toBe('opened diverged')
    expect(say(offer(1), answer(2, repeated(3, 32)))).toBe('opened diverged malformed')
    expect(ours.session.postQuantum.phase).toBe('offering')
    expect(theirs.receive(ours.send())).toBe('opened')
    expect(ours.receive(theirs.send(ours))).toBe('opened')
    expect(ours.session.postQuantum.phase).toBe('switched')
  })
})

test.each(['ours', 'theirs'] as const)('a part of %s waits for a message that has room', (by) => {
  const { ours, theirs } = by === 'theirs' ? firstOffer() : answered()
  const large = 'x'.repeat(128 * 1024 - 2052)
  const big = by === 'theirs' ? theirs.send(ours, large) : ours.send(undefined, large)
  const phases = (): readonly string[] => [
    ours.session.postQuantum.phase,
    sessionOf(theirs).pq.state,
  ]
  expect(phases()).toEqual(['idle', 'idle'])
  expect(by === 'theirs' ? ours.receive(big) : theirs.receive(big)).toBe('opened')
  const next = by === 'theirs' ? theirs.send(ours) : ours.send()
  expect(by === 'theirs' ? ours.receive(next) : theirs.receive(next)).toBe('opened')
  expect(phases().toSorted()).toEqual(['answered', 'offering'])
})

/** Ours is the responder and has said nothing. */
function answered() {
  const [ours, theirs] = [new Talker('ours'), new Stranger('theirs')]
  theirs.begin(ours)
  expect(ours.receive(theirs.send(ours))).toBe('opened')
  return { ours, theirs }
}

describe('healing is stalled after as many messages, or days, at both', () => {
  test.each([0, DAY])('with a step of %i ms', (pause) => {
    const { ours, theirs } = answered()
    const [offering, deaf] = [new Stranger('offering'), new Stranger('deaf')]
    const [toDeaf, toOffering] = [deaf.reachable, offering.reachable]
    deaf.begin(toOffering)
    expect(offering.receive(deaf.send(toOffering))).toBe('opened')
    const stalled = Array.from({ length: pause === 0 ? 110 : 12 }, () => {
      for (const side of [ours, theirs, offering, deaf]) side.now += pause
      exchange(
        theirs,
        () => ours.send(),
        (bytes) => ours.receive(bytes),
        ours,
      )
      const send = (): Uint8Array => offering.send(toDeaf)
      exchange(deaf, send, (bytes) => offering.receive(bytes), toOffering)
      const { pq } = sessionOf(offering)
      return [isHealingStalled(ours.session, ours.now), isStalled(pq, offering.now)]
    })
    expect(stalled.map(([first]) => first)).toEqual(stalled.map(([, second]) => second))
    expect(stalled.findIndex(([first]) => first)).toBe(pause === 0 ? 100 : 7)
  })
})

/** A message to somebody who handles no parts, and the answer. */
function exchange(
  deaf: Stranger,
  send: () => Uint8Array,
  receive: (envelope: Uint8Array) => string,
  to: Reachable,
): void {
  const session = sessionOf(deaf)
  const { pq } = session
  expect(deaf.receive(send())).toBe('opened')
  session.pq = pq
  expect(receive(deaf.send(to))).toBe('opened')
}

test('the stranger says the same of such parts', () => {
  const [hostile, victim] = [new Stranger('hostile'), new Stranger('victim')]
  hostile.begin(victim.reachable)
  expect(victim.receive(hostile.send(victim.reachable))).toBe('opened')
  victim.send(hostile.reachable)
  const say = (...items: readonly Item[]): readonly string[] => {
    const padded = writeBody(ascii('words'), items)
    const envelope = sealPadded(sessionOf(hostile), padded, hostile.self.random)
    expect(victim.receive(envelope)).toBe('opened')
    return victim.reports.splice(0)
  }
  expect(say(answer(1, repeated(3, 32)))).toEqual(['diverged'])
  expect(say(answer(1, repeated(3, 32), 1))).toEqual(['malformed'])
  expect(say(offer(1), answer(2, repeated(3, 32)))).toEqual(['diverged', 'malformed'])
  expect(sessionOf(victim).pq.state).toBe('offering')
})

test('a message of an epoch that was left is refused at a new position', () => {
  const { ours, theirs } = acquainted('ours')
  const session = sessionOf(theirs)
  const old = structuredClone(session.pq)
  for (let i = 0; i < 4; i += 1) {
    expect(theirs.receive(ours.send())).toBe('opened')
    expect(ours.receive(theirs.send(ours))).toBe('opened')
  }
  expect(ours.session.postQuantum.epoch.number).toBe(1)
  const copy: Session = { ...structuredClone(session), pq: { ...old, state: 'idle' } }
  const forged = sealPadded(copy, writeBody(ascii('forged'), []), theirs.self.random)
  expect(ours.receive(forged)).toBe('ERR_NOT_AUTHENTIC')
  expect(ours.receive(theirs.send(ours))).toBe('opened')
})

function sessionOf(theirs: Stranger): Session {
  const [session] = theirs.self.sessions.values()
  if (session === undefined) throw new Error('no session')
  return session
}

function expectSameEpoch(ours: Talker, theirs: Stranger, least: number): void {
  const { pq } = sessionOf(theirs)
  const { number } = ours.session.postQuantum.epoch
  expect(Math.abs(number - pq.epoch)).toBeLessThanOrEqual(1)
  expect(Math.min(number, pq.epoch)).toBeGreaterThanOrEqual(least)
}
