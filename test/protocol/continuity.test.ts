import { beforeAll, describe, expect, test } from 'vitest'
import { concat, u32 } from '../../protocol/bytes.ts'
import { continuityItems, provenBy } from '../../protocol/continuity.ts'
import { keyedHash, ready } from '../../protocol/crypto.ts'
import { readEnvelope } from '../../protocol/envelope.ts'
import type { Item } from '../../protocol/padding.ts'
import { openMessage } from '../../protocol/open-message.ts'
import { encryptMessage, type Session } from '../../protocol/session.ts'
import { Talker, acquainted, there } from '../support/talkers.ts'

beforeAll(() => ready)

/** What a new session of `from` carries, and that session as the other side has it. */
function renewed(
  from: Talker,
  to: Talker,
): { readonly items: readonly Item[]; readonly session: Session } {
  const made = from.begin(to)
  const items = continuityItems(made, from.sessions)
  to.receive(from.send(made))
  const session = to.sessions.at(-1)
  if (session === undefined) throw new Error('no session')
  return { items, session }
}

describe('a new session', () => {
  test('proves the older one by its key, its name, its epoch and the new handshake', () => {
    const { ours, theirs } = acquainted()
    const [older] = ours.sessions
    const { items, session } = renewed(ours, theirs)
    if (older === undefined) throw new Error('no session')
    const { number, continuityKey } = older.postQuantum.epoch
    const message = concat(older.id, u32(number), session.associatedData)
    const proof = keyedHash(32, continuityKey, 'continuity', message)
    expect(items).toEqual([{ kind: 4, value: concat(u32(number), proof) }])
    expect(provenBy(session, items, theirs.sessions)?.id).toEqual(older.id)
  })

  test('is not proved by a damaged proof, another epoch, another session or nothing', () => {
    const { ours, theirs } = acquainted()
    const { items, session } = renewed(ours, theirs)
    const value = items[0]?.value ?? new Uint8Array(36)
    for (let at = 0; at < value.length; at += 1) {
      const damaged = value.with(at, (value[at] ?? 0) ^ 1)
      expect(provenBy(session, [{ kind: 4, value: damaged }], theirs.sessions)).toBeUndefined()
    }
    expect(provenBy(session, [], theirs.sessions)).toBeUndefined()
    expect(provenBy(session, items, [])).toBeUndefined()
    expect(provenBy(session, items, [session])).toBeUndefined()
    const another = { ...session, associatedData: session.associatedData.with(0, 0) }
    expect(provenBy(another, items, theirs.sessions)).toBeUndefined()
  })

  test('proves the last session in which the peer spoke, and its maker’s newest', () => {
    const { ours, theirs } = acquainted()
    ours.begin(theirs)
    const made = ours.begin(theirs)
    const items = continuityItems(made, ours.sessions)
    expect(items).toHaveLength(2)
    expect(provenBy(made, items.slice(0, 1), ours.sessions)?.phase).toBe('established')
    expect(provenBy(made, items.slice(1), ours.sessions)?.phase).toBe('initiating')
  })

  test('proves a session of its maker beside a newer one that the peer began', () => {
    const { session } = acquainted().ours
    const made = initiating(session)
    const named = (by: 'ours' | 'theirs', ordinal: number): Session => ({
      ...session,
      id: new Uint8Array(32).fill(ordinal + 1) as Session['id'],
      handshake: { ...session.handshake, by, ordinal },
    })
    const [mine, hers] = [named('ours', 1), named('theirs', 2)]
    const items = continuityItems(made, [mine, hers])
    expect(items.map((item) => provenBy(made, [item], [mine, hers]))).toEqual([hers, mine])
  })

  test('is proved by items of their kind only', () => {
    const { ours, theirs } = acquainted()
    const { items, session } = renewed(ours, theirs)
    const others = items.map((item) => ({ ...item, kind: 5 as const }))
    expect(provenBy(session, others, theirs.sessions)).toBeUndefined()
  })

  test('proves nothing when it is the first, and stops when it is answered', () => {
    const { ours } = acquainted()
    const [first] = ours.sessions
    if (first === undefined) throw new Error('no session')
    expect(continuityItems(first, [])).toEqual([])
    const other = new Talker('other')
    const made = other.begin(ours)
    expect(continuityItems(made, other.sessions)).toEqual([])
    expect(continuityItems(first, [first, made])).toEqual([])
  })
})

test('a proof holds in whichever of its newest two epochs the other side is', () => {
  const { ours, theirs } = acquainted()
  const epochs = new Set<string>()
  for (let turn = 0; turn < 8; turn += 1) {
    for (const [{ session: mine }, { session: hers }] of [
      [ours, theirs],
      [theirs, ours],
    ] as const) {
      epochs.add(`${mine.postQuantum.epoch.number} ${hers.postQuantum.epoch.number}`)
      const made = initiating(mine)
      const items = continuityItems(made, [mine])
      expect(provenBy(made, items, [hers])).toBe(hers)
    }
    const [from, to] = turn % 2 ? [ours, theirs] : [theirs, ours]
    to.receive(from.send())
  }
  expect([...epochs]).toEqual(expect.arrayContaining(['0 0', '0 1', '1 0', '1 1']))
})

test('the key of the epoch before proves nothing for another number', () => {
  const { ours, theirs } = acquainted()
  while (theirs.session.postQuantum.phase !== 'idle' || ours.session.postQuantum.epoch.number < 1) {
    ours.receive(theirs.send())
    theirs.receive(ours.send())
  }
  const { session } = ours
  const { postQuantum } = session
  if (postQuantum.phase !== 'idle') throw new Error(postQuantum.phase)
  const { epoch } = postQuantum
  const key = there(postQuantum.earlier)
  const made = initiating(session)
  for (let number = 0; number < epoch.number + 3; number += 1) {
    const message = concat(session.id, u32(number), session.associatedData)
    const value = concat(u32(number), keyedHash(32, key, 'continuity', message))
    const proven = provenBy(made, [{ kind: 4, value }], [session])
    expect(proven).toBe(number === epoch.number - 1 ? session : undefined)
  }
})

test('proofs travel in the body of a message', () => {
  const { ours, theirs } = acquainted()
  const { items } = renewed(ours, theirs)
  const message = {
    content: new Uint8Array(1),
    items: items.map(({ value }) => ({ kind: 4 as const, value })),
  }
  const [held] = theirs.sessions
  const [mine] = ours.sessions
  if (held === undefined || mine === undefined) throw new Error('no session')
  const { envelope } = encryptMessage(mine, message, ours)
  expect(openMessage(held, readEnvelope(envelope), theirs).items).toEqual(items)
})

/** A session that has just been begun beside this one. */
function initiating(session: Session): Session {
  return { ...session, phase: 'initiating', prefix: new Uint8Array(), id: NEW }
}

const NEW = new Uint8Array(32).fill(1) as Session['id']
