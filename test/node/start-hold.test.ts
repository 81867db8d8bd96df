// After a start nothing is sent in the sessions that the store had until a mailbox has told how far the store was.
import { afterEach, expect, test } from 'vitest'
import { introduce, texts } from '../support/chat-world.ts'
import { MailboxPeople, SECOND } from '../support/mailbox-people.ts'

let people: MailboxPeople

afterEach(async () => {
  await people.stop()
})

/** What bob has for ada that has no envelope yet. */
function unsealed(): number {
  const outbox = people.bob.core.book.byAccount(people.ada.account.key)?.outbox.values() ?? []
  return [...outbox].filter(({ envelope }) => envelope === undefined).length
}

test('a mailbox that answers lets it go at once', async () => {
  people = await MailboxPeople.meet('answers', 1)
  people.away()
  await people.world.restart(people.bob)
  await people.bob.node.conversation('ada').send('back again')
  expect(unsealed()).toBe(1)
  await people.clock.advance(2 * SECOND)
  expect(unsealed()).toBe(0)
  expect(await texts(people.ada, people.bob)).toContain('back again')
})

test('a mailbox that cannot be reached is waited for ten seconds', async () => {
  people = await MailboxPeople.meet('silent', 1)
  people.away()
  people.cut(0, true)
  await people.world.restart(people.bob)
  await people.bob.node.conversation('ada').send('held')
  await people.clock.advance(9 * SECOND)
  expect(unsealed()).toBe(1)
  expect(await texts(people.ada, people.bob)).not.toContain('held')
  await people.clock.advance(3 * SECOND)
  expect(unsealed()).toBe(0)
  expect(await texts(people.ada, people.bob)).toContain('held')
})

test('where one of two mailboxes answers, the other is waited for two seconds', async () => {
  people = await MailboxPeople.meet('one of two', 2)
  people.away()
  people.cut(0, true)
  await people.world.restart(people.bob)
  await people.bob.node.conversation('ada').send('one is enough')
  await people.clock.advance(1.5 * SECOND)
  expect(unsealed()).toBe(1)
  await people.clock.advance(2 * SECOND)
  expect(await texts(people.ada, people.bob)).toContain('one is enough')
})

test('when both have answered nothing is waited for', async () => {
  people = await MailboxPeople.meet('both', 2)
  people.away()
  await people.world.restart(people.bob)
  await people.bob.node.conversation('ada').send('at once')
  await people.clock.advance(SECOND)
  expect(unsealed()).toBe(0)
})

test('without a mailbox there is nothing to wait for', async () => {
  people = await MailboxPeople.meet('none', 0)
  people.away()
  await people.world.restart(people.bob)
  await people.bob.node.conversation('ada').send('at once')
  expect(unsealed()).toBe(0)
})

test('a session that begins meanwhile does not wait', async () => {
  people = await MailboxPeople.meet('new', 1)
  const carol = await people.world.person('carol')
  people.away()
  people.cut(0, true)
  await people.world.restart(people.bob)
  await people.bob.node.conversation('ada').send('held')
  await introduce(people.bob, carol)
  await people.bob.node.conversation('carol').send('new here')
  await people.clock.advance(5 * SECOND)
  expect(await texts(carol, people.bob)).toContain('new here')
  expect(unsealed()).toBe(1)
  await carol.node.stop()
})
