// What a node with other people and mailboxes around it does about a clock that jumps.
import { expect, test } from 'vitest'
import { MailboxClient } from '../../net/mailbox-client.ts'
import { peerName } from '../../net/peer-name.ts'
import type { NodeEvent } from '../../node/api.ts'
import { keys } from '../../node/keys.ts'
import { DAY, HOUR } from '../../node/lifetimes.ts'
import { decodeMailboxLink } from '../../protocol/link.ts'
import { ChatWorld, envelopes, introduce, texts, type Person } from '../support/chat-world.ts'
import { ManualClock, until } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'

const MINUTE = 60_000
const { signal } = new AbortController()

let clock: ManualClock
let world: ChatWorld

async function begin(seed: string): Promise<void> {
  clock = new ManualClock()
  world = await ChatWorld.create(seed, clock)
}

async function stop(...people: readonly Person[]): Promise<void> {
  for (const { node } of people) {
    const stopped = node.stop()
    await clock.advance(MINUTE)
    await stopped
  }
}

async function says(from: Person, to: Person, text: string): Promise<void> {
  await from.node.conversation(to.peer).send(text)
  await until(() => from.core.book.byAccount(to.account.key)?.outbox.size === 0)
}

function clockEvents({ node }: Person): readonly string[] {
  const heard: string[] = []
  node.on('clock.skew', ({ state }) => heard.push(state))
  return heard
}

test('two contacts who write directly settle what time it is, one does not, and no stranger', async () => {
  await begin('clocks and contacts')
  const bob = await world.person('bob')
  const [ada, eve] = [await world.person('ada'), await world.person('eve')]
  const strangers = [await world.person('mal'), await world.person('mim')]
  await introduce(ada, bob)
  await introduce(eve, bob)
  for (const person of [ada, eve, ...strangers]) {
    if (strangers.includes(person)) await person.node.contacts.add(bob.peer, { name: 'bob' })
    await says(person, bob, 'hello')
  }
  const heard = clockEvents(bob)
  // The computer slept: everybody else's clock went on.
  bob.process.skew = -30 * DAY
  await clock.advance(HOUR)
  expect(bob.node.status.clock).toBe('back')
  bob.process.skew = 0
  await clock.advance(HOUR)
  expect(bob.node.status.clock).toBe('agreed')

  for (const person of [bob, ada, eve, ...strangers]) person.process.skew = 3 * HOUR
  await clock.advance(10 * MINUTE)
  expect(bob.node.status.clock).toBe('ahead')
  await says(ada, bob, 'one')
  await says(ada, bob, 'again')
  for (const stranger of strangers) await says(stranger, bob, 'psst')
  expect(bob.node.status.clock).toBe('ahead')
  await says(eve, bob, 'two')
  expect(bob.node.status.clock).toBe('agreed')
  expect(heard).toEqual(['back', 'agreed', 'ahead', 'agreed'])
  await stop(bob, ada, eve, ...strangers)
})

test('what waited in a mailbox tells nothing of the time', async () => {
  await begin('clocks and old mail')
  const { link } = await world.mailbox()
  const mailbox = peerName(decodeMailboxLink(link).account)
  const bob = await world.person('bob')
  const friends = [await world.person('ada'), await world.person('eve')]
  await bob.node.mailbox.use(link)
  for (const friend of friends) {
    await introduce(friend, bob)
    await says(friend, bob, 'hello')
  }
  await clock.advance(11 * MINUTE)
  for (const peer of [mailbox, ...friends.map((friend) => friend.peer)]) {
    world.network.part(peer, bob.peer)
  }
  for (const friend of friends) {
    const sent = await friend.node.conversation(bob.peer).send('from hours ago')
    const stored = sent.until('stored')
    await clock.advance(MINUTE)
    await stored
  }
  await clock.advance(5 * HOUR)
  bob.process.skew = -5 * HOUR // as late as these messages say
  await clock.advance(10 * MINUTE)
  const heard: string[] = []
  bob.node.on('message.received', () => heard.push(bob.node.status.clock))
  world.network.join(mailbox, bob.peer)
  await clock.advance(10 * MINUTE)
  expect(heard).toEqual(['back', 'back'])
  await stop(bob, ...friends)
})

test('a mailbox of ours settles it', async () => {
  await begin('clocks and mailbox')
  const { link } = await world.mailbox()
  const bob = await world.person('bob')
  await bob.node.mailbox.use(link)
  const heard = clockEvents(bob)
  bob.process.skew = 100 * DAY
  await clock.advance(HOUR)
  expect(bob.node.status.clock).toBe('ahead') // that is not what the mailbox says
  clock.jump(clock.now() + 100 * DAY)
  bob.process.skew = 0
  await clock.advance(10 * MINUTE)
  expect(bob.node.status.clock).toBe('agreed')
  expect(heard).toEqual(['ahead', 'agreed'])
  await stop(bob)
})

test('the user settles it', async () => {
  await begin('clocks and user')
  const bob = await world.person('bob')
  bob.process.skew = -100 * DAY
  await clock.advance(HOUR)
  expect(bob.node.status.clock).toBe('back')
  await bob.node.confirmClock()
  expect(bob.node.status.clock).toBe('agreed')
  await world.restart(bob)
  expect(bob.node.status.clock).toBe('agreed')
  await stop(bob)
})

test('skipped keys and queued messages live their time, however the clock was when they came about', async () => {
  await begin('clocks and skipped keys')
  const [ada, bob] = [await world.person('ada'), await world.person('bob')]
  await introduce(ada, bob)
  await says(ada, bob, 'hello')
  await says(bob, ada, 'hello you')
  world.network.part(ada.peer, bob.peer)
  const send = async (...all: readonly string[]): Promise<readonly Uint8Array[]> => {
    const before = envelopes(ada, bob)
    for (const text of all) await ada.node.conversation(bob.peer).send(text)
    return envelopes(ada, bob).slice(before.length)
  }
  const open = (...all: readonly (Uint8Array | undefined)[]): Promise<readonly string[]> =>
    bob.core.inbox.fromPeer(
      ada.account.key,
      all.flatMap((one) => one ?? []),
    )
  /** Time passes, with an upkeep at the end of it. */
  const live = async (ms: number): Promise<void> => {
    clock.jump(clock.now() + ms)
    await bob.node.confirmClock()
    await clock.advance(HOUR)
  }

  /** Marks of envelopes that are dated after tomorrow. */
  const seenAhead = async (): Promise<number> => {
    const from = keys.seenFrom(Math.floor(clock.now() / DAY) + 2)
    let count = 0
    for await (const { key } of bob.core.records.range(keys.seenMarks, { from }))
      if (key !== '') count++
    return count
  }

  // Skipped while the clock was a hundred days behind: no older than it is when the clock is right again.
  bob.process.skew = -100 * DAY
  const [first, second] = await send('first', 'second')
  expect(await open(second)).toEqual(['opened'])
  await bob.node.conversation(ada.peer).send('queued behind')
  bob.process.skew = 0
  await live(2 * DAY)
  expect(bob.node.status.clock).toBe('agreed')
  expect(await open(first)).toEqual(['opened'])
  expect(bob.core.book.byAccount(ada.account.key)?.waiting().length).toBe(1)

  // Skipped while it was years ahead: kept for thirty days, not for years.
  bob.process.skew = 900 * DAY
  const [third, fourth, fifth] = await send('third', 'fourth', 'fifth')
  expect(await open(fifth)).toEqual(['opened'])
  await bob.node.conversation(ada.peer).send('queued ahead')
  bob.process.skew = 0
  expect(await seenAhead()).toBe(1)
  await live(0)
  expect(await seenAhead()).toBe(0)
  await live(28 * DAY)
  expect(await open(third)).toEqual(['opened'])
  await live(3 * DAY)
  expect(await open(fourth)).not.toEqual(['opened'])
  expect(bob.core.book.byAccount(ada.account.key)?.waiting().length).toBe(0)
  expect(await texts(bob, ada)).toContain('third')
  await stop(ada, bob)
})

test('another copy of the account at a mailbox is told, once, and shown until it is gone', async () => {
  await begin('clocks and copies')
  const { link } = await world.mailbox()
  const bob = await world.person('bob')
  const heard: NodeEvent[] = []
  bob.node.on('mailbox.copies', (event) => heard.push(event))
  await bob.node.mailbox.use(link)
  expect(bob.node.mailbox.list()).toMatchObject([{ otherCopies: 0 }])
  const mailbox = peerName(decodeMailboxLink(link).account)
  const random = seededRandom('copy')
  const copy = new MailboxClient({
    ...{ wire: bob.core.wire, mailbox, addresses: [], clock, random },
    ...{ owner: bob.account, instanceId: random(16) },
  })
  await copy.fetch({ signal })
  await clock.advance(11 * MINUTE)
  expect(bob.node.mailbox.list()).toMatchObject([{ otherCopies: 1 }])
  expect(bob.node.status.mailboxes).toMatchObject([{ otherCopies: 1 }])
  expect(heard).toMatchObject([{ type: 'mailbox.copies', mailbox, others: 1 }])
  await copy.close()
  await clock.advance(11 * MINUTE)
  expect(bob.node.mailbox.list()).toMatchObject([{ otherCopies: 0 }])
  expect(heard).toMatchObject([{ others: 1 }, { others: 0 }])
  await stop(bob)
})
