import { describe, expect, test } from 'vitest'
import { ready } from '../../protocol/crypto.ts'
import { Talker } from '../support/talkers.ts'
import { sendingSession } from './stranger/person.ts'
import { Stranger, acquainted, codeOf, flipped } from './support.ts'

await ready

function pair() {
  return { ours: new Talker('ours'), theirs: new Stranger('theirs') }
}

describe.each([{ oneTime: false }, { oneTime: true }])('a first message, %o', (kind) => {
  test('of ours opens at theirs, and the answer at ours', () => {
    const { ours, theirs } = pair()
    const session = ours.begin(theirs.reachable, kind)
    expect(session.class.oneTime).toBe(kind.oneTime)
    expect(theirs.receive(ours.send())).toBe('opened')
    expect(ours.receive(theirs.send(ours))).toBe('opened')
    expect(ours.session.phase).toBe('established')
    expect(theirs.receive(ours.send())).toBe('opened')
    expect(theirs.self.oneTime.size).toBe(kind.oneTime ? 0 : 1)
  })

  test('of theirs opens at ours, and the answer at theirs', () => {
    const { ours, theirs } = pair()
    const session = theirs.begin(ours, kind)
    expect(ours.receive(theirs.send(ours))).toBe('opened')
    expect(ours.session.id).toEqual(session.id)
    expect(ours.session.associatedData).toEqual(session.transcript)
    expect(ours.session.class.oneTime).toBe(kind.oneTime)
    expect(theirs.receive(ours.send())).toBe('opened')
    expect(session.prefix).toBeUndefined()
    expect(ours.receive(theirs.send(ours))).toBe('opened')
  })

  test('that is not the first to come leaves the others to be opened', () => {
    const { ours, theirs } = pair()
    ours.begin(theirs.reachable, kind)
    const sent = [ours.send(), ours.send(), ours.send()]
    expect(sent.toReversed().map((one) => theirs.receive(one))).toEqual(Array(3).fill('opened'))
    expect(sent.map((one) => theirs.receive(one))).toEqual(Array(3).fill('ERR_DUPLICATE'))

    const other = pair()
    other.theirs.begin(other.ours, kind)
    const back = [1, 2, 3].map(() => other.theirs.send(other.ours))
    expect(back.toReversed().map((one) => other.ours.receive(one))).toEqual(Array(3).fill('opened'))
    expect(back.map((one) => other.ours.receive(one))).toEqual(Array(3).fill('ERR_DUPLICATE'))
  })
})

test('one changed bit is refused by both, with one code', () => {
  const { ours, theirs } = pair()
  ours.begin(theirs.reachable, { oneTime: true })
  theirs.begin(ours, { oneTime: true })
  const [fromOurs, fromTheirs] = [ours.send(), theirs.send(ours)]
  expect(fromOurs.length).toBe(fromTheirs.length)
  const strict = [new Stranger('theirs'), new Talker('ours')] as const
  const first = Array.from({ length: 15 * 8 }, (_, i) => i) // all of version, kind and ids
  const rest = Array.from({ length: 250 }, (_, i) => 120 + i * 59)
  const bits = [...first, ...rest].filter((bit) => bit < fromOurs.length * 8)
  for (const bit of bits) {
    const codes = [
      strict[0].receive(flipped(fromOurs, bit)),
      codeOf(() => strict[1].receive(flipped(fromTheirs, bit))),
    ]
    expect(codes[0], `bit ${bit}`).toMatch(/^ERR_|^bytes$/)
    expect(codes[1], `bit ${bit}`).toBe(codes[0])
  }
})

test('handshakes that cross end in one session at both', () => {
  const { ours, theirs } = pair()
  ours.begin(theirs.reachable)
  theirs.begin(ours)
  const crossing = [ours.send(), theirs.send(ours), ours.send(), theirs.send(ours)]
  const codes = crossing.map((one, i) => (i % 2 === 0 ? theirs : ours).receive(one))
  expect(codes).toEqual(Array(4).fill('opened'))
  for (let i = 0; i < 4; i += 1) {
    expect(theirs.receive(ours.send())).toBe('opened')
    expect(ours.receive(theirs.send(ours))).toBe('opened')
  }
  const chosen = sendingSession(theirs.self, ours.person.account.key)
  expect(ours.session.id).toEqual(chosen?.id)
})

test.each(['ours', 'theirs'] as const)('a session begun by %s turns many times', (by) => {
  const { ours, theirs } = acquainted(by)
  for (let i = 0; i < 10; i += 1) {
    expect(theirs.receive(ours.send())).toBe('opened')
    if (i % 3 === 0) expect(theirs.receive(ours.send())).toBe('opened')
    expect(ours.receive(theirs.send(ours))).toBe('opened')
  }
})
