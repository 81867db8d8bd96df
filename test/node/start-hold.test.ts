// After a start nothing is sent in the sessions that the store had until a mailbox has told how far the store was.
import { afterEach, expect, test } from 'vitest'
import { introduce, texts } from '../support/chat-world.ts'
import { MailboxPeople, MINUTE, SECOND } from '../support/mailbox-people.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { StartHold } from '../../node/start-hold.ts'

let people: MailboxPeople | undefined

afterEach(async () => {
  await people?.stop()
  people = undefined
})

/** What bob has for ada that has no envelope yet. */
function unsealed(people: MailboxPeople): number {
  const outbox = people.bob.core.book.byAccount(people.ada.account.key)?.outbox.values() ?? []
  return [...outbox].filter(({ envelope }) => envelope === undefined).length
}

test('a mailbox that answers lets it go at once', async () => {
  people = await MailboxPeople.meet('answers', 1)
  people.away()
  await people.world.restart(people.bob)
  await people.bob.node.conversation('ada').send('back again')
  expect(unsealed(people)).toBe(1)
  await people.clock.advance(2 * SECOND)
  expect(unsealed(people)).toBe(0)
  expect(await texts(people.ada, people.bob)).toContain('back again')
})

test('a mailbox that cannot be reached is waited for ten seconds', async () => {
  people = await MailboxPeople.meet('silent', 1)
  people.away()
  people.cut(0, true)
  await people.world.restart(people.bob)
  await people.bob.node.conversation('ada').send('held')
  await people.clock.advance(9 * SECOND)
  expect(unsealed(people)).toBe(1)
  expect(await texts(people.ada, people.bob)).not.toContain('held')
  await people.clock.advance(3 * SECOND)
  expect(unsealed(people)).toBe(0)
  expect(await texts(people.ada, people.bob)).toContain('held')
})

test('where one of two mailboxes answers, the other is waited for two seconds', async () => {
  people = await MailboxPeople.meet('one of two', 2)
  people.away()
  people.cut(0, true)
  await people.world.restart(people.bob)
  await people.bob.node.conversation('ada').send('one is enough')
  await people.clock.advance(1.5 * SECOND)
  expect(unsealed(people)).toBe(1)
  await people.clock.advance(2 * SECOND)
  expect(await texts(people.ada, people.bob)).toContain('one is enough')
})

test('when both have answered nothing is waited for', async () => {
  people = await MailboxPeople.meet('both', 2)
  people.away()
  await people.world.restart(people.bob)
  await people.bob.node.conversation('ada').send('at once')
  await people.clock.advance(SECOND)
  expect(unsealed(people)).toBe(0)
})

test('what the disk refuses when the wait is over is done when it is well again', async () => {
  people = await MailboxPeople.meet('full', 1)
  people.away()
  await people.world.restart(people.bob)
  await people.bob.node.conversation('ada').send('late')
  people.bob.disk.fault = 'full'
  await people.clock.advance(2 * SECOND)
  expect(unsealed(people)).toBe(1)
  people.bob.disk.fault = 'none'
  await people.clock.advance(10 * SECOND)
  expect(unsealed(people)).toBe(0)
  expect(await texts(people.ada, people.bob)).toContain('late')
})

test('what waits still waits where the disk is well again before the start is over', async () => {
  people = await MailboxPeople.meet('slow', 1)
  const { bob, world, clock } = people
  people.away()
  people.cut(0, true)
  await world.restart(bob)
  await bob.node.conversation('ada').send('held')
  const written = Promise.withResolvers<void>()
  const witness = { read: () => Promise.resolve(undefined), write: () => written.promise }
  const starting = world.startOn(bob, bob.disk.store, { witnesses: [witness] })
  await settle()
  bob.disk.fault = 'full'
  await clock.advance(SECOND)
  expect(bob.core.records.trouble).toBeDefined()
  bob.disk.fault = 'none'
  await clock.advance(10 * SECOND)
  expect(bob.core.records.trouble).toBeUndefined()
  expect(unsealed(people)).toBe(1)
  written.resolve()
  await starting
  await clock.advance(9 * SECOND)
  expect(unsealed(people)).toBe(1)
})

test('without a mailbox there is nothing to wait for', async () => {
  people = await MailboxPeople.meet('none', 0)
  people.away()
  await people.world.restart(people.bob)
  await people.bob.node.conversation('ada').send('at once')
  expect(unsealed(people)).toBe(0)
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
  expect(unsealed(people)).toBe(1)
  await carol.node.stop()
})

/**
 * Bob's store is put back, and he writes to ada, who is not there. His first mailbox tells him how far it was, and is gone; then a
 * second one answers that has nothing to tell. His disk is full by then.
 */
async function putBack(people: MailboxPeople): Promise<void> {
  const { bob, ada, world, clock, hosts } = people
  const backup = await world.backup(bob)
  await bob.node.conversation('ada').send('after the copy')
  await clock.advance(5 * MINUTE) // a mark at each mailbox
  world.network.part(ada.peer, bob.peer)
  await hosts[1]?.box.setMark(bob.account.key, new Uint8Array(0))
  hosts.forEach((_, index) => people.cut(index, index > 0))
  await world.restore(bob, backup)
  await bob.node.conversation('ada').send('held')
  bob.disk.fault = 'full'
  await clock.advance(SECOND)
  hosts.forEach((_, index) => people.cut(index, index === 0))
  await clock.advance(MINUTE)
}

test.each([1, 2])(
  'what one of %i mailboxes has told is dealt with when the disk is well, and ends the wait',
  async (count) => {
    people = await MailboxPeople.meet('put back', count)
    const { bob, ada, clock } = people
    await putBack(people)
    const conversation = bob.core.book.byAccount(ada.account.key)
    const old = conversation?.sessions ?? []
    expect(old.map((session) => conversation?.holds(session))).toEqual([true])
    expect(unsealed(people)).toBe(1)
    bob.disk.fault = 'none'
    await clock.advance(MINUTE)
    expect(bob.node.status.recovery).toMatchObject({ reason: 'older' })
    expect(unsealed(people)).toBe(0)
    for (const { sessionId } of conversation?.outbox.values() ?? []) {
      expect(sessionId).not.toEqual(old[0]?.id)
    }
  },
)

test('where a mailbox tells of it after the wait, the old sessions are held again until the disk lets them be left', async () => {
  people = await MailboxPeople.meet('late', 1)
  const { bob, ada, world, clock } = people
  const backup = await world.backup(bob)
  await bob.node.conversation('ada').send('after the copy')
  await clock.advance(5 * MINUTE) // a mark at the mailbox
  world.network.part(ada.peer, bob.peer)
  people.cut(0, true)
  await world.restore(bob, backup)
  await clock.advance(MINUTE)
  const conversation = bob.core.book.byAccount(ada.account.key)
  const old = conversation?.sessions ?? []
  expect(old.map((session) => conversation?.holds(session))).toEqual([false])
  bob.disk.fault = 'full'
  people.cut(0, false)
  await clock.advance(6 * MINUTE)
  expect(old.map((session) => conversation?.holds(session))).toEqual([true])
  bob.disk.fault = 'none'
  await bob.node.conversation('ada').send('not in that one')
  await clock.advance(MINUTE)
  expect(bob.node.status.recovery).toMatchObject({ reason: 'other' })
  const sealedIn = [...(conversation?.outbox.values() ?? [])].map(({ sessionId }) => sessionId)
  expect(sealedIn).not.toContainEqual(old[0]?.id)
  expect(unsealed(people)).toBe(0)
})

/** A hold that has begun, and how often it has ended. */
function begun() {
  const clock = new ManualClock()
  const ended = { times: 0 }
  const hold = new StartHold({ clock, onEnd: () => (ended.times += 1) })
  hold.begin([])
  return { clock, hold, ended }
}

test('whoever answers late or one after another makes nobody wait longer than ten seconds', async () => {
  const { clock, hold, ended } = begun()
  await clock.advance(9 * SECOND)
  hold.endSoon()
  await clock.advance(SECOND - 1)
  expect(ended.times).toBe(0)
  await clock.advance(1)
  expect(ended.times).toBe(1)
})

test('the grace is that of the first who answers', async () => {
  const { clock, hold, ended } = begun()
  hold.endSoon()
  await clock.advance(1.5 * SECOND)
  hold.endSoon()
  await clock.advance(0.5 * SECOND)
  expect(ended.times).toBe(1)
})

test('while a store that went back is not recovered, time does not end it; the next answer does', async () => {
  const { clock, hold, ended } = begun()
  hold.endSoon()
  hold.keep([])
  await clock.advance(60 * SECOND)
  expect(ended.times).toBe(0)
  hold.endSoon()
  await clock.advance(2 * SECOND)
  expect(ended.times).toBe(1)
})

test('a clock that is set meanwhile makes the grace no shorter', async () => {
  const { clock, hold, ended } = begun()
  clock.jump(clock.now() + MINUTE)
  hold.endSoon()
  await clock.advance(2 * SECOND - 1)
  expect(ended.times).toBe(0)
  await clock.advance(1)
  expect(ended.times).toBe(1)
})

test('nothing ends it when the node has stopped', async () => {
  const { clock, hold, ended } = begun()
  hold.stop()
  hold.endSoon()
  hold.end()
  await clock.advance(60 * SECOND)
  expect(ended.times).toBe(0)
})
