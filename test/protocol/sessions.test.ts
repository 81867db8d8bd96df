import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import type { Session } from '../../protocol/session.ts'
import { receiveOnly } from '../../protocol/session.ts'
import { nextOrdinal, sendingSession } from '../../protocol/sessions.ts'
import { Talker, acquainted } from '../support/talkers.ts'

beforeAll(() => ready)

describe('the sending session', () => {
  test('is none of none, and never one that is receive-only', () => {
    const { ours } = acquainted()
    expect(sendingSession([])).toBeUndefined()
    expect(sendingSession([receiveOnly(ours.session)])).toBeUndefined()
  })

  test('is the newest of one side', () => {
    const [older, newer] = [handshake('ours', 1, 0, 1), handshake('ours', 2, 0, 9)]
    expect(sendingSession([newer, older])).toBe(newer)
    expect(sendingSession([older, newer])).toBe(newer)
  })

  test('is the one that had seen the other', () => {
    const first = handshake('theirs', 100, 0, 1)
    const answer = handshake('ours', 50, 100, 9)
    expect(sendingSession([first, answer])).toBe(answer)
    expect(sendingSession([handshake('ours', 50, 101, 9), first])?.handshake.seen).toBe(101)
  })

  test('is the one with the smaller mark where neither or both had', () => {
    for (const [seenByUs, seenByThem] of [
      [0, 0],
      [20, 10],
    ] as const) {
      const ours = handshake('ours', 10, seenByUs, 3)
      expect(sendingSession([ours, handshake('theirs', 20, seenByThem, 2)])).not.toBe(ours)
      expect(sendingSession([ours, handshake('theirs', 20, seenByThem, 4)])).toBe(ours)
    }
  })

  test('is the same at both sides, whatever the handshakes are', () => {
    const side = fc.record({ ordinal: fc.nat(9), seen: fc.nat(9), mark: fc.nat(255) })
    fc.assert(
      fc.property(fc.uniqueArray(side, { minLength: 1, maxLength: 6, selector: markOf }), (all) => {
        const here = all.map((h, i) =>
          handshake(i % 2 ? 'ours' : 'theirs', h.ordinal, h.seen, h.mark),
        )
        const there = all.map((h, i) =>
          handshake(i % 2 ? 'theirs' : 'ours', h.ordinal, h.seen, h.mark),
        )
        const [chosen, opposite] = [sendingSession(here), sendingSession(there)]
        expect(chosen?.handshake.mark).toEqual(opposite?.handshake.mark)
      }),
    )
  })
})

describe('crossed first messages', () => {
  test('end in one session, in which both go on, and nothing is lost', () => {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
    ours.begin(theirs)
    theirs.begin(ours)
    const crossing = [ours.send(), theirs.send(), ours.send(), theirs.send()]
    expect(crossing.map((envelope, i) => (i % 2 ? ours : theirs).receive(envelope))).toEqual(
      Array(4).fill('opened'),
    )
    expect(toHex(ours.session.id)).toBe(toHex(theirs.session.id))
    for (let i = 0; i < 3; i += 1) {
      expect(theirs.receive(ours.send())).toBe('opened')
      expect(ours.receive(theirs.send())).toBe('opened')
    }
    expect(ours.inbox).toHaveLength(5)
    expect(theirs.inbox).toHaveLength(5)
  })

  test('a handshake made after the other side’s was opened replaces it on both sides', () => {
    const { ours, theirs } = acquainted()
    const renewed = theirs.begin(ours)
    expect(theirs.session).toBe(renewed)
    expect(ours.receive(theirs.send())).toBe('opened')
    expect(toHex(ours.session.id)).toBe(toHex(renewed.id))
    expect(theirs.receive(ours.send())).toBe('opened')
  })

  test('a first message older than one that opened delivers in a session that never sends', () => {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
    ours.begin(theirs)
    const old = ours.send()
    ours.now += 1000
    ours.begin(theirs)
    expect(theirs.receive(ours.send())).toBe('opened')
    const { session } = theirs
    expect(theirs.receive(old)).toBe('opened')
    expect(theirs.session).toBe(session)
    expect(theirs.sessions.map(({ phase }) => phase)).toEqual(['established', 'receive-only'])
  })
})

test('a first message that never comes does not leave each side sending in another session', () => {
  for (let pair = 0; pair < 12; pair += 1) {
    const [ours, theirs] = [new Talker(`ours ${pair}`), new Talker(`theirs ${pair}`)]
    ours.begin(theirs)
    const first = ours.send()
    ours.begin(theirs)
    ours.send() // lost
    theirs.begin(ours)
    ours.receive(theirs.send())
    theirs.receive(first)
    for (let i = 0; i < 2; i += 1) {
      expect(theirs.receive(ours.send())).toBe('opened')
      expect(ours.receive(theirs.send())).toBe('opened')
    }
    expect(toHex(ours.session.id)).toBe(toHex(theirs.session.id))
  }
})

test('an ordinal is above the last one, the clock, and what the peer has seen', () => {
  expect(nextOrdinal({ previous: 0, seenByThem: 0, now: 7 })).toBe(7)
  expect(nextOrdinal({ previous: 7, seenByThem: 0, now: 7 })).toBe(8)
  expect(nextOrdinal({ previous: 7, seenByThem: 90, now: 7 })).toBe(91)
})

let template: Session | undefined

function handshake(by: 'ours' | 'theirs', ordinal: number, seen: number, mark: number): Session {
  template ??= acquainted().ours.session
  return { ...template, handshake: { by, ordinal, seen, mark: new Uint8Array(16).fill(mark) } }
}

function markOf({ mark }: { readonly mark: number }): number {
  return mark
}
