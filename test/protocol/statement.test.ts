import { beforeAll, describe, expect, test } from 'vitest'
import { concat } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { DecodeError } from '../../protocol/errors.ts'
import type { Session } from '../../protocol/session.ts'
import {
  NO_HANDSHAKES,
  contradicts,
  handshakeMade,
  handshakeOpened,
  handshakeStated,
  sendingSession,
  winningHandshake,
} from '../../protocol/sessions.ts'
import {
  decodeStatement,
  encodeStatement,
  stateHandshake,
  statementAnswered,
  statementIn,
  type Stating,
} from '../../protocol/statement.ts'
import { refusal } from '../support/refusals.ts'
import { acquainted, type Talker } from '../support/talkers.ts'

beforeAll(() => ready)

const mark = (byte: number): Uint8Array => new Uint8Array(16).fill(byte)
const statement = { ordinal: 7, seen: 3, mark: mark(9) }

test('a statement is 32 bytes and reads as it was written', () => {
  const value = encodeStatement(statement)
  expect(value).toHaveLength(32)
  expect(decodeStatement(value)).toEqual(statement)
})

test('an ordinal of 0 and numbers above 2^53 - 1 are no statement', () => {
  const zero = encodeStatement({ ...statement, ordinal: 0 })
  const large = encodeStatement(statement).fill(0xff, 8, 16)
  for (const value of [zero, large]) expect(() => decodeStatement(value)).toThrow(DecodeError)
  const { session } = acquainted().ours
  for (const value of [zero, large]) {
    expect(statementIn(session, [{ kind: 3, value }])).toBeUndefined()
  }
})

test('a statement is exact, and what is read from it is a copy', () => {
  const value = encodeStatement(statement)
  const { mark: read } = decodeStatement(value)
  value.fill(0)
  expect(read).toEqual(statement.mark)
  const longer = concat(encodeStatement(statement), new Uint8Array(1))
  expect(refusal(() => decodeStatement(longer))).toBe('DecodeError ERR_TRAILING')
  const zero = encodeStatement({ ...statement, ordinal: 0 })
  expect(refusal(() => decodeStatement(zero))).toBe('DecodeError ERR_MALFORMED')
})

test('items of another kind are no statement, and a fault of ours is no bad statement', () => {
  const { session } = acquainted().ours
  const value = encodeStatement(statement)
  const other = { kind: 4, value: encodeStatement({ ...statement, ordinal: 8 }) } as const
  expect(statementIn(session, [other])).toBeUndefined()
  expect(statementIn(session, [other, { kind: 3, value }])).toEqual(statement)
  const broken = new Proxy(value, {
    get: () => {
      throw new TypeError('ours')
    },
  })
  expect(() => statementIn(session, [{ kind: 3, value: broken }])).toThrow(TypeError)
})

describe('a side that sends in a session of the peer', () => {
  /** `theirs` holds a session of `ours` that wins, and has made a handshake whose first message was lost. */
  function withLostHandshake(): {
    readonly ours: Talker
    readonly theirs: Talker
    readonly session: Session
  } {
    const { ours, theirs } = acquainted()
    const { session } = theirs
    theirs.begin(ours)
    return { ours, theirs, session }
  }

  test('states its newest handshake until a chain that carried nothing else is answered', () => {
    const { theirs, session } = withLostHandshake()
    const made = theirs.handshakes.ours
    const first = stateHandshake(session, made, undefined)
    expect(first.items).toEqual([{ kind: 3, value: encodeStatement(made ?? statement) }])
    // the chain had begun without it
    expect(first.next).toMatchObject({
      fromChain: session.ratchet.sending.ordinal + 1,
      known: false,
    })
  })

  test('is heard, believed, and falls silent', () => {
    const { ours, theirs, session } = withLostHandshake()
    const held = (): Session => {
      const found = theirs.sessions.find(({ id }) => id === session.id)
      if (found === undefined) throw new Error('the session is gone')
      return found
    }
    const stating = (): Stating | undefined => theirs.handshakes.stating
    ours.receive(theirs.send(held()))
    expect(ours.handshakes.theirs).toEqual(theirs.handshakes.ours)
    expect(ours.handshakes.seen).toBe(0)
    theirs.receive(ours.send(ours.sessions[0]))
    expect(stating()?.known).toBe(false)
    ours.receive(theirs.send(held()))
    theirs.receive(ours.send(ours.sessions[0]))
    expect(stating()?.known).toBe(true)
    expect(stateHandshake(held(), theirs.handshakes.ours, stating()).items).toEqual([])
  })

  test('states again what is newer, and in another session', () => {
    const { session } = withLostHandshake()
    const known = { sessionId: session.id, ordinal: 7, fromChain: 0, known: true }
    expect(stateHandshake(session, statement, known).items).toEqual([])
    expect(stateHandshake(session, { ...statement, ordinal: 8 }, known).items).toHaveLength(1)
    const elsewhere = { ...known, sessionId: session.id.map((byte) => byte ^ 1) as Session['id'] }
    expect(stateHandshake(session, statement, elsewhere).items).toHaveLength(1)
  })

  test('counts a chain from its first message, if that is the one that states', () => {
    const { session } = acquainted().theirs
    const { sending } = session.ratchet
    for (const [nextToSend, later] of [
      [0, 0],
      [1, 1],
    ] as const) {
      const ratchet = { ...session.ratchet, sending: { ...sending, nextToSend } }
      const { next } = stateHandshake({ ...session, ratchet }, statement, undefined)
      expect(next?.fromChain).toBe(sending.ordinal + later)
    }
  })

  test('is answered by a turn of the ratchet, not by another message of the same chain', () => {
    const { session } = acquainted().theirs
    const { sending } = session.ratchet
    const stating = { sessionId: session.id, ordinal: 7, fromChain: sending.ordinal, known: false }
    const turned = {
      ...session,
      ratchet: { ...session.ratchet, sending: { ...sending, ordinal: sending.ordinal + 1 } },
    }
    expect(statementAnswered(stating, session, session)).toBe(stating)
    expect(statementAnswered(stating, session, turned)).toEqual({ ...stating, known: true })
    const later = { ...stating, fromChain: sending.ordinal + 1 }
    expect(statementAnswered(later, session, turned)).toBe(later)
  })

  test('states nothing where it has made no handshake', () => {
    const { session } = acquainted().theirs
    expect(stateHandshake(session, undefined, undefined)).toEqual({ items: [], next: undefined })
  })
})

test('nothing is stated in a session of one’s own, and nothing said there by its maker counts', () => {
  const { ours, theirs } = acquainted()
  expect(stateHandshake(ours.session, statement, undefined).items).toEqual([])
  expect(
    statementIn(theirs.session, [{ kind: 3, value: encodeStatement(statement) }]),
  ).toBeUndefined()
})

test('what is known of the other side rises and never falls', () => {
  const opened = handshakeOpened(NO_HANDSHAKES, { by: 'theirs', ...statement })
  expect(opened).toMatchObject({ theirs: statement, seen: 7, seenByThem: 3 })
  const older = { ordinal: 6, seen: 4, mark: mark(1) }
  expect(handshakeStated(opened, older)).toMatchObject({
    theirs: statement,
    seen: 7,
    seenByThem: 4,
  })
  const newer = { ordinal: 8, seen: 1, mark: mark(1) }
  expect(handshakeStated(opened, newer)).toMatchObject({ theirs: newer, seen: 7, seenByThem: 3 })
})

test('one ordinal stands for one handshake', () => {
  const known = handshakeStated(NO_HANDSHAKES, statement)
  expect(contradicts(known, { by: 'theirs', ...statement })).toBe(false)
  expect(contradicts(known, { by: 'theirs', ...statement, mark: mark(8) })).toBe(true)
  expect(contradicts(known, { by: 'theirs', ...statement, ordinal: 6, mark: mark(8) })).toBe(false)
})

test('the handshake that wins is told with its side, and none where there is none', () => {
  const newer = { ordinal: 20, seen: 10, mark: mark(7) }
  expect(winningHandshake({ ours: statement, theirs: newer })).toEqual({ by: 'theirs', ...newer })
  expect(winningHandshake({ ours: newer, theirs: statement })).toEqual({ by: 'ours', ...newer })
  expect(winningHandshake({ ours: undefined, theirs: newer })).toEqual({ by: 'theirs', ...newer })
  expect(winningHandshake({ ours: newer, theirs: undefined })).toEqual({ by: 'ours', ...newer })
  expect(winningHandshake({ ours: undefined, theirs: undefined })).toBeUndefined()
})

describe('while the winner is not held', () => {
  const { by, ...base } = { by: 'ours' as const, ordinal: 10, seen: 0, mark: mark(5) }

  test('the newest session that they began sends, else ours', () => {
    const { session } = acquainted().ours
    const mine = { ...session, handshake: { by, ...base } }
    const hers = { ...session, handshake: { by: 'theirs' as const, ...base, mark: mark(6) } }
    const winner = { ordinal: 20, seen: 10, mark: mark(7) }
    const known = handshakeStated(handshakeMade(NO_HANDSHAKES, mine.handshake), winner)
    expect(sendingSession([mine, hers])).toBe(mine)
    expect(sendingSession([mine, hers], known)).toBe(hers)
    expect(sendingSession([mine], known)).toBe(mine)
    expect(sendingSession([mine, { ...hers, phase: 'receive-only' }], known)).toBe(mine)
  })

  test('a lost one of ours gives way to theirs', () => {
    const { session } = acquainted().ours
    const hers = { ...session, handshake: { by: 'theirs' as const, ...base, mark: mark(6) } }
    const known = handshakeMade(NO_HANDSHAKES, { by, ...base, seen: 10 })
    expect(sendingSession([hers], known)).toBe(hers)
    expect(sendingSession([], known)).toBeUndefined()
    const older = { ...session, handshake: { by, ...base, ordinal: 5 } }
    expect(sendingSession([older, hers], known)).toBe(hers)
  })
})
