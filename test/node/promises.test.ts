// A mailbox that has signed for a message and hands over what came later: noticed, made up for, and shown.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import type { Contact, EventOf } from '../../node/api.ts'
import type { OutboxEntry } from '../../node/outbox.ts'
import { texts } from '../support/chat-world.ts'
import { HOUR, MailboxPeople, MINUTE, SECOND } from '../support/mailbox-people.ts'

let people: MailboxPeople
let told: EventOf<'mailbox.doubted'>[]

beforeEach(() => {
  told = []
})

afterEach(async () => {
  await people.stop()
})

/** They meet, and from then on all goes by way of mailboxes: Ada has one too, for the answers. */
async function meet(seed: string, count: number, copies = 2): Promise<void> {
  people = await MailboxPeople.meet(seed, count, { copies })
  const { world, ada, bob, clock } = people
  const { link } = await world.mailbox()
  const used = ada.node.mailbox.use(link)
  await clock.advance(5 * SECOND)
  await used
  ada.node.on('mailbox.doubted', (event) => told.push(event))
  world.network.part(ada.peer, bob.peer)
}

function bob(): Contact {
  return people.ada.node.contacts.get('bob')
}

function outbox(): readonly OutboxEntry[] {
  return [...(people.ada.core.book.byAccount(people.bob.account.key)?.outbox.values() ?? [])]
}

/** Texts that Bob has of Ada. */
async function arrived(): Promise<readonly string[]> {
  return (await texts(people.bob, people.ada)).filter((text) => text.startsWith('text'))
}

/** Ada writes, and the message reaches the mailboxes. */
async function write(text: string): Promise<string> {
  const id = await people.send(text)
  await people.clock.advance(5 * SECOND)
  expect(await people.state(id)).toBe('stored')
  return id
}

test('a mailbox that drops one message and hands over the next is doubted, and the message comes', async () => {
  await meet('drops one', 1)
  people.away()
  const lost = await write('text 1')
  await people.drop(0)
  await write('text 2')
  await people.back()
  await people.clock.advance(5 * MINUTE)
  expect(await people.state(lost)).toBe('stored')
  expect(told).toEqual([])
  await people.clock.advance(30 * MINUTE)
  const [mailbox] = people.hosts
  expect(told).toMatchObject([{ contact: { name: 'bob' }, mailbox: mailbox?.peer, messages: 1 }])
  expect(bob().doubted).toMatchObject([{ mailbox: mailbox?.peer, messages: 1 }])
  await people.clock.advance(2 * HOUR)
  expect(await people.state(lost)).toBe('delivered')
  expect(await arrived()).toEqual(['text 1', 'text 2'])
})

test('another mailbox gets the same bytes', async () => {
  await meet('elsewhere', 2, 1)
  people.away()
  const lost = await write('text 1')
  const [entry] = outbox()
  const holder = people.hosts.findIndex(
    ({ account }) => toHex(account.key) === toHex(entry?.held[0]?.mailbox ?? new Uint8Array(0)),
  )
  await people.drop(holder)
  await write('text 2')
  await people.back()
  await people.clock.advance(12 * MINUTE)
  expect(told).toHaveLength(1)
  await people.clock.advance(5 * MINUTE)
  expect(await people.state(lost)).toBe('delivered')
  expect(await arrived()).toEqual(['text 1', 'text 2'])
  const left = people.asked.filter(({ what }) => what === 'deposit').map(({ mailbox }) => mailbox)
  expect(left).toContain(people.at(1 - holder).peer)
  // From now on the other one comes first.
  people.away()
  await write('text 3')
  expect((await people.waiting())[1 - holder]).toBe(1)
  expect((await people.waiting())[holder]).toBe(0)
})

test('what another mailbox has brought is no reason for doubt', async () => {
  await meet('one of two', 2)
  people.away()
  await write('text 1')
  await people.drop(0)
  await write('text 2')
  await people.back()
  await people.clock.advance(2 * HOUR)
  expect(await arrived()).toEqual(['text 1', 'text 2'])
  expect(told).toEqual([])
  expect(bob().doubted).toEqual([])
})

test('a mailbox that was not reached yet is not doubted', async () => {
  await meet('not reached', 2)
  people.away()
  people.cut(1, true)
  const first = await write('text 1')
  await people.drop(0)
  people.cut(1, false)
  people.cut(0, true)
  // Only the second mailbox has this, and the first has handed over nothing that is newer.
  await write('text 2')
  await people.drop(1)
  await write('text 3')
  await people.back()
  await people.clock.advance(20 * MINUTE)
  expect(told.map(({ mailbox }) => mailbox)).toEqual(told.map(() => people.at(1).peer))
  people.cut(0, false)
  await people.clock.advance(4 * HOUR)
  expect(await people.state(first)).toBe('delivered')
  expect(await arrived()).toEqual(['text 1', 'text 2', 'text 3'])
})

test('a mailbox that holds a message back and hands it over later loses nothing', async () => {
  await meet('holds', 1)
  people.away()
  const held = await write('text 1')
  await write('text 2')
  const { box } = people.at(0)
  const read = box.read.bind(box)
  let from = 1
  box.read = async (owner, after, room) => {
    const run = await read(owner, after, room)
    return { ...run, items: run.items.slice(after === 0 ? from : 0) }
  }
  await people.back()
  await people.clock.advance(30 * MINUTE)
  expect(told).toHaveLength(1)
  from = 0
  await people.clock.advance(4 * HOUR)
  expect(await people.state(held)).toBe('delivered')
  expect(await arrived()).toEqual(['text 1', 'text 2'])
})

test('a report that names a message which was never written, or another mailbox, counts for nothing', async () => {
  await meet('lies', 1)
  people.away()
  await write('text 1')
  await people.drop(0)
  await write('text 2')
  await people.back()
  const { bob: liar, ada } = people
  const fetched = [
    { mailbox: people.at(0).account.key, counter: 1_000_000 },
    { mailbox: liar.account.key, counter: 3 },
  ]
  const conversation = liar.core.book.byAccount(ada.account.key)
  await conversation?.step((draft) => draft.patch({ fetched }))
  await people.clock.advance(2 * HOUR)
  expect(await arrived()).toEqual(['text 1', 'text 2'])
  expect(told).toEqual([])
})

test('doubts outlive a restart, and end after a month', async () => {
  await meet('restart', 1)
  people.away()
  await write('text 1')
  await people.drop(0)
  await write('text 2')
  await people.back()
  await people.clock.advance(40 * MINUTE)
  expect(bob().doubted).toHaveLength(1)
  await people.world.restart(people.ada)
  expect(bob().doubted).toMatchObject([{ mailbox: people.at(0).peer, messages: 1 }])
  people.clock.jump(people.clock.now() + 31 * 24 * HOUR)
  expect(bob().doubted).toEqual([])
})
