// Mailboxes that are gone for long, and those that say that they will end.
import { afterEach, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { decodeMailboxLink } from '../../protocol/link.ts'
import type { MailboxInfo } from '../../node/api.ts'
import { HOUR, MailboxPeople, MINUTE, SECOND } from '../support/mailbox-people.ts'

let people: MailboxPeople

afterEach(async () => {
  await people.stop()
})

function list(): readonly MailboxInfo[] {
  return people.bob.node.mailbox.list()
}

/** Whether each of Bob's mailboxes is lost. */
function lost(): readonly boolean[] {
  return people.hosts.map((host) => list().find(({ peer }) => peer === host.peer)?.lost === true)
}

/** Bob is told of mailboxes that are lost or retire, as `lost N` and `retiring N`. */
function listen(): string[] {
  const told: string[] = []
  const index = (peer: string): number => people.hosts.findIndex((host) => host.peer === peer)
  const { node } = people.bob
  node.on('mailbox.lost', ({ mailbox }) => told.push(`lost ${index(mailbox)}`))
  node.on('mailbox.retiring', ({ mailbox }) => told.push(`retiring ${index(mailbox)}`))
  return told
}

async function hours(count: number): Promise<void> {
  for (let hour = 0; hour < count; hour++) {
    people.clock.jump(people.clock.now() + 50 * MINUTE)
    await people.clock.advance(10 * MINUTE)
  }
}

test('a mailbox is lost after a day in which another one answers, and found when it is back', async () => {
  people = await MailboxPeople.meet('lost', 2)
  const told = listen()
  people.cut(0, true)
  await people.clock.advance(20 * HOUR)
  expect(told).toEqual([])
  expect(lost()).toEqual([false, false])
  await people.clock.advance(6 * HOUR)
  expect(told).toEqual(['lost 0'])
  expect(lost()).toEqual([true, false])
  // A restart does not tell it again, and forgets nothing.
  people.away()
  await people.back()
  expect(lost()).toEqual([true, false])
  people.cut(0, false)
  await people.clock.advance(2 * HOUR)
  expect(lost()).toEqual([false, false])
  people.away()
  await people.back()
  expect(lost()).toEqual([false, false])
})

test('a node that reaches nobody at all calls no mailbox lost', async () => {
  people = await MailboxPeople.meet('alone', 2)
  const told = listen()
  for (const index of [0, 1]) people.cut(index, true)
  people.world.network.part(people.ada.peer, people.bob.peer)
  people.world.directory.put = () => Promise.resolve([])
  await people.clock.advance(50 * HOUR)
  expect(told).toEqual([])
  expect(lost()).toEqual([false, false])
})

test('hours in which the node does not run count for nothing', async () => {
  people = await MailboxPeople.meet('off', 2)
  people.cut(0, true)
  await people.clock.advance(10 * HOUR)
  people.away()
  await people.clock.advance(72 * HOUR)
  await people.back()
  await people.clock.advance(3 * HOUR)
  expect(lost()).toEqual([false, false])
  await people.clock.advance(14 * HOUR)
  expect(lost()).toEqual([true, false])
})

test('a mailbox that will end says so, is believed, and is not left before the user says so', async () => {
  people = await MailboxPeople.meet('retiring', 1)
  const told = listen()
  const [old, next] = [people.at(0), await people.host()]
  const { account, addresses } = decodeMailboxLink(next.link)
  await old.service.retirement.begin({ successor: account, addresses })
  await people.clock.advance(6 * MINUTE)
  expect(told).toEqual(['retiring 0'])
  const [info] = list()
  const successor = decodeMailboxLink(info?.retiring?.successor ?? '')
  expect(toHex(successor.account)).toBe(toHex(next.account.key))
  expect(successor.joinSecret).toBeUndefined()
  await hours(30)
  expect(told).toEqual(['retiring 0'])
  expect(list()).toMatchObject([{ peer: old.peer, leavingAt: null }])
  const moved = people.bob.node.mailbox.move(next.link)
  await people.clock.advance(5 * SECOND)
  await moved
  expect(list()).toMatchObject([{ peer: old.peer }, { peer: next.peer, retiring: null }])
})

test('the notice is kept when the mailbox is gone, and forgotten when it is taken back', async () => {
  people = await MailboxPeople.meet('kept notice', 1)
  const { retirement } = people.at(0).service
  await retirement.begin({ successor: undefined, addresses: [] })
  await people.clock.advance(6 * MINUTE)
  people.cut(0, true)
  people.away()
  await people.back()
  expect(list()[0]?.retiring).toMatchObject({ successor: null })
  people.cut(0, false)
  await retirement.end()
  await people.clock.advance(12 * MINUTE)
  expect(list()[0]?.retiring).toBeNull()
})

test('mail goes to the other mailbox of a contact when one of them retires', async () => {
  people = await MailboxPeople.meet('goes on', 2)
  await people.at(0).service.retirement.begin({ successor: undefined, addresses: [] })
  people.away()
  const id = await people.send('to the other')
  await people.clock.advance(10 * SECOND)
  expect(await people.state(id)).toBe('stored')
  expect(await people.waiting()).toEqual([0, 1])
})
