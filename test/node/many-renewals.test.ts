import { expect, test } from 'vitest'
import { ChatWorld, introduce } from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const MINUTE = 60_000
const CONTACTS = 14

test('who has lost a key begins anew with contact after contact: not in one moment, and with few in an hour', async () => {
  const clock = new ManualClock()
  const world = await ChatWorld.create('many renewals', clock)
  const bob = await world.person('bob')
  for (let n = 0; n < CONTACTS; n++) {
    const other = await world.person(`contact ${n}`)
    await introduce(bob, other)
    await bob.node.conversation(other.peer).send('hello')
    await settle()
  }
  await clock.advance(MINUTE)
  const all = bob.core.book.all()
  const left = (): number =>
    all.filter(({ contact }) => contact.renewal.wanted?.reason === 'damaged').length
  for (const conversation of all) await conversation.leaveSession()
  await settle()
  expect(left()).toBe(CONTACTS)
  await clock.advance(MINUTE)
  expect(left()).toBe(CONTACTS - 10)
  await clock.advance(20 * MINUTE)
  expect(left()).toBe(0)
}, 120_000)
