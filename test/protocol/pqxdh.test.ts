import { beforeAll, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { hash, ready } from '../../protocol/crypto.ts'
import type { Session } from '../../protocol/session.ts'
import { Talker } from '../support/talkers.ts'

beforeAll(() => ready)

// Transcript and name of a session depend on every byte, label and flag of the handshake before it. That they are what
// docs/protocol.md says is shown by test/interop; here they are frozen, with the people that the tests have.

test('a handshake of the same random bytes stays the same, with and without a one-time pair', () => {
  expect(seen(handshake(true))).toEqual([
    '282af8aeae2c6862debdd54d4a29ca68f8f1ecf04efb49a0d04e04bf5c5eceb9',
    '8e2a677d95ef18a2f4d0c5dddd034c0f0e1239a4daa70270e13eb57a9d7d00e4',
  ])
  expect(seen(handshake(false))).toEqual([
    '8bc8251ef22deeaa59a4d766cf0173fd57dff44b19d3e70a12fcb5327f653731',
    '1fbe42e1adcb9fe65d04f823df8c693b8c2920a2af0a76278b741002683fba3f',
  ])
})

test('both sides come to the same transcript and name', () => {
  for (const oneTime of [true, false]) {
    const [ours, theirs] = [new Talker('ours'), new Talker('theirs')]
    ours.begin(theirs, { oneTime })
    theirs.receive(ours.send())
    expect(seen(theirs.session)).toEqual(seen(ours.session))
  }
})

function handshake(oneTime: boolean): Session {
  return new Talker('ours').begin(new Talker('theirs'), { oneTime })
}

/** T, shortened, and SID. */
function seen({ associatedData, id }: Session): readonly string[] {
  return [toHex(hash(32, 'safety', associatedData)), toHex(id)]
}
