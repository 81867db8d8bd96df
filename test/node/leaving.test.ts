// Another mailbox in the place of one, and none in its place: what is left behind is fetched first, whatever crashes.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import type { MailboxInfo } from '../../node/api.ts'
import { texts } from '../support/chat-world.ts'
import { DAY, HOUR, MailboxPeople, MINUTE, SECOND, type Hosted } from '../support/mailbox-people.ts'

let people: MailboxPeople
let fresh: Hosted

beforeEach(async () => {
  people = await MailboxPeople.meet('leaving', 1)
  fresh = await people.host()
})

afterEach(async () => {
  await people.stop()
})

function list(): readonly MailboxInfo[] {
  return people.bob.node.mailbox.list()
}

/** Mailboxes that Bob's bundle names. */
function named(): readonly string[] {
  return people.bob.core.ownKeys.bundle.mailboxes.map(({ account }) => toHex(account))
}

function keysOf(...hosts: readonly Hosted[]): readonly string[] {
  return hosts.map(({ account }) => toHex(account.key))
}

async function move(to: Hosted = fresh): Promise<MailboxInfo> {
  const moved = people.bob.node.mailbox.move(to.link)
  moved.catch(() => undefined)
  await people.clock.advance(5 * SECOND)
  return moved
}

/** Lets days pass on computers that are up: a little before each hour the clock is where it would be. */
async function days(count: number): Promise<void> {
  for (let hour = 0; hour < count * 24; hour++) {
    people.clock.jump(people.clock.now() + 50 * MINUTE)
    await people.clock.advance(10 * MINUTE)
  }
}

async function members(host: Hosted): Promise<number> {
  return (await host.service.status()).members
}

test('the new one is named in the place of the old one, which is fetched from for a week', async () => {
  const [old] = people.hosts
  if (old === undefined) throw new Error('no mailbox')
  const left: string[] = []
  people.bob.node.on('mailbox.left', ({ mailbox }) => left.push(mailbox))
  expect(await move()).toMatchObject({ peer: fresh.peer, connected: true, leavingAt: null })
  expect(named()).toEqual(keysOf(fresh))
  expect(list()).toMatchObject([{ peer: old.peer, connected: true }, { peer: fresh.peer }])
  expect(list()[0]?.leavingAt).toBeGreaterThan(people.clock.now() + 6.9 * DAY)
  // Ada does not know yet.
  people.away()
  const id = await people.send('by the old way')
  await people.clock.advance(SECOND)
  expect(await people.waiting()).toEqual([1, 0])
  await people.back()
  await people.clock.advance(MINUTE)
  expect(await texts(people.bob, people.ada)).toContain('by the old way')
  expect(await people.state(id)).toBe('delivered')
  await days(6)
  expect(await members(old)).toBe(1)
  await days(2)
  expect(await members(old)).toBe(0)
  expect(list()).toMatchObject([{ peer: fresh.peer, leavingAt: null }])
})

test('a crash at any moment of a move is no harm', async () => {
  const old = people.at(0)
  // Before the commit: only the new mailbox knows of it.
  people.atMailbox = ({ to }, { body }) => {
    if (to === fresh.peer && body.case === 'join') queueMicrotask(() => people.away())
    return 'deliver'
  }
  void move().catch(() => undefined)
  await people.clock.advance(5 * SECOND)
  people.atMailbox = () => 'deliver'
  await people.back()
  const joined = named().length === 1 && named()[0] === keysOf(old)[0]
  expect(joined).toBe(true)
  // After it, before anything was uploaded.
  people.cut(1, true)
  people.cut(1, false)
  await move()
  people.away()
  await people.back()
  expect(named()).toEqual(keysOf(fresh))
  expect(list().find(({ peer }) => peer === old.peer)?.leavingAt).not.toBeNull()
  // After the mailbox has done it, before we have heard of it.
  people.atMailbox = ({ from }, { body }) => {
    const gone = from === old.peer && body.case === 'done' && asksToLeave()
    return gone ? 'cut' : 'deliver'
  }
  await days(8)
  expect(await members(old)).toBe(0)
  people.atMailbox = () => 'deliver'
  people.away()
  await people.back()
  await people.clock.advance(10 * MINUTE)
  expect(list().map(({ peer }) => peer)).toEqual([fresh.peer])
  people.away()
  await people.back()
  expect(list().map(({ peer }) => peer)).toEqual([fresh.peer])
})

function asksToLeave(): boolean {
  return people.asked.some(({ what }) => what === 'leave')
}

test('a mailbox that cannot be joined changes nothing', async () => {
  const before = list()
  people.cut(1, true)
  await expect(move()).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
  expect(list()).toEqual(before)
  expect(named()).toEqual(keysOf(people.at(0)))
  await expect(move(people.at(0))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('a mailbox is left without another one, and now, but not before it is empty', async () => {
  const old = people.at(0)
  people.away()
  await people.send('still there')
  await people.clock.advance(5 * SECOND)
  let lost = true
  people.atMailbox = ({ from }, { body }) =>
    lost && from === old.peer && body.case === 'items' ? 'swallow' : 'deliver'
  await people.back()
  await people.bob.node.mailbox.leave(old.peer.slice(-6), { now: true })
  await people.clock.advance(MINUTE)
  expect(named()).toEqual([])
  expect(await members(old)).toBe(1)
  lost = false
  await people.clock.advance(10 * MINUTE)
  expect(await texts(people.bob, people.ada)).toContain('still there')
  expect(await members(old)).toBe(0)
  expect(await people.waiting()).toEqual([0, 0])
  expect(list()).toEqual([])
})

test('a mailbox that is used again is not left', async () => {
  const old = people.at(0)
  await people.bob.node.mailbox.leave(old.link)
  expect(list()[0]?.leavingAt).not.toBeNull()
  await people.use(people.bob, old)
  expect(list()).toMatchObject([{ peer: old.peer, leavingAt: null }])
  await days(8)
  expect(await members(old)).toBe(1)
  expect(named()).toEqual(keysOf(old))
})

test('a mailbox that is never reached again is forgotten when nothing can wait there any more', async () => {
  await move()
  people.cut(0, true)
  await days(20)
  expect(list()).toHaveLength(2)
  await days(9)
  await people.clock.advance(HOUR)
  expect(list().map(({ peer }) => peer)).toEqual([fresh.peer])
})

test('who is meant has to be said where there are several, and must be there', async () => {
  await people.use(people.bob, fresh)
  const another = await people.host()
  const { mailbox } = people.bob.node
  await expect(mailbox.move(another.link)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  await expect(mailbox.leave(another.peer)).rejects.toMatchObject({ code: 'MAILBOX_NOT_FOUND' })
  await expect(mailbox.leave('x')).rejects.toMatchObject({ code: 'MAILBOX_NOT_FOUND' })
  const moved = mailbox.move(another.link, { from: fresh.peer })
  await people.clock.advance(5 * SECOND)
  await moved
  expect(named()).toEqual(keysOf(people.at(0), another))
})

test('a test says what a member and a stranger get of each mailbox', async () => {
  await people.use(people.bob, fresh)
  people.cut(1, true)
  const tested = people.bob.node.mailbox.test()
  await people.clock.advance(30 * SECOND)
  expect(await tested).toEqual([
    { mailbox: people.at(0).peer, roundTrip: expect.any(Number), serves: 'current' },
    { mailbox: fresh.peer, roundTrip: null, serves: 'unreachable' },
  ])
})
