// What a mailbox gets to see of those who leave mail: names that are used for nothing else.
import { afterEach, expect, test } from 'vitest'
import { decodeMailboxFrame } from '../../net/mailbox-messages.ts'
import { MAILBOX_PROTOCOL } from '../../net/names.ts'
import { peerName } from '../../net/peer-name.ts'
import { decodeMailboxLink } from '../../protocol/link.ts'
import { ChatWorld, introduce, texts } from '../support/chat-world.ts'
import { until } from '../support/manual-clock.ts'
import type { PeerName } from '../../net/ports.ts'
import type { Person } from '../support/chat-world.ts'

const OWNERS_ONLY = [
  'login',
  'join',
  'putBundle',
  'putPrekeys',
  'fetch',
  'acknowledge',
  'getStatus',
]

const people: Person[] = []

afterEach(async () => {
  for (const person of people.splice(0)) await person.node.stop()
})

/** What each visitor of each mailbox asked for, by the name it came under. */
interface Log {
  /** Of the mailbox with this link. */
  at(link: string): Map<PeerName, Set<string>>
}

async function worldWithLog(): Promise<{ readonly world: ChatWorld; readonly log: Log }> {
  const world = await ChatWorld.create('hidden senders')
  const visits = new Map<PeerName, Map<PeerName, Set<string>>>()
  const of = (mailbox: PeerName): Map<PeerName, Set<string>> => {
    const known = visits.get(mailbox) ?? new Map<PeerName, Set<string>>()
    visits.set(mailbox, known)
    return known
  }
  world.network.filter = ({ from, to, protocol, frame }) => {
    if (protocol === MAILBOX_PROTOCOL) {
      const { id, body } = decodeMailboxFrame(frame)
      // Answers come the other way.
      if (id > 0 && isRequest(body.case)) {
        const asked = of(to)
        asked.set(from, (asked.get(from) ?? new Set()).add(body.case))
      }
    }
    return 'deliver'
  }
  return { world, log: { at: (link) => of(peerName(decodeMailboxLink(link).account)) } }
}

function isRequest(name: string): boolean {
  return [...OWNERS_ONLY, 'deposit', 'takePrekey', 'getBundle'].includes(name)
}

async function person(world: ChatWorld, name: string): Promise<Person> {
  const made = await world.person(name)
  people.push(made)
  return made
}

test('a mailbox never sees the account of who leaves mail', async () => {
  const { world, log } = await worldWithLog()
  const { link } = await world.mailbox()
  const [ada, bob] = [await person(world, 'ada'), await person(world, 'bob')]
  await bob.node.mailbox.use(link)
  await introduce(ada, bob)
  world.network.part(ada.peer, bob.peer)
  await ada.node.conversation('bob').send('hidden')
  await until(async () => (await texts(bob, ada)).includes('hidden'))
  const seen = log.at(link)
  expect([...seen.keys()]).toContain(bob.peer)
  expect([...seen.keys()]).not.toContain(ada.peer)
  const names = [...seen.keys()].filter((name) => world.network.behind(name) === ada.peer)
  expect(names.flatMap((name) => [...(seen.get(name) ?? [])])).toContain('deposit')
})

test('at a mailbox that both use, nobody asks under the own name for what strangers may ask, nor the other way round', async () => {
  const { world, log } = await worldWithLog()
  const { link } = await world.mailbox()
  const [ada, bob] = [await person(world, 'ada'), await person(world, 'bob')]
  await ada.node.mailbox.use(link)
  await bob.node.mailbox.use(link)
  await introduce(ada, bob)
  world.network.part(ada.peer, bob.peer)
  await ada.node.conversation('bob').send('one')
  await until(async () => (await texts(bob, ada)).includes('one'))
  await bob.node.conversation('ada').send('two')
  await until(async () => (await texts(ada, bob)).includes('two'))
  const seen = log.at(link)
  const all = [...seen.values()].flatMap((asked) => [...asked])
  expect(all).toEqual(expect.arrayContaining(['deposit', 'login', 'fetch', 'acknowledge']))
  for (const [name, asked] of seen) {
    const isOwn = name === ada.peer || name === bob.peer
    expect([...asked].filter((what) => OWNERS_ONLY.includes(what) !== isOwn)).toEqual([])
  }
})

test('two mailboxes never see the same name', async () => {
  const { world, log } = await worldWithLog()
  const mailboxes = [await world.mailbox(), await world.mailbox()]
  const ada = await person(world, 'ada')
  for (const [index, { link }] of mailboxes.entries()) {
    const friend = await person(world, `friend${index}`)
    await friend.node.mailbox.use(link)
    await introduce(ada, friend)
    world.network.part(ada.peer, friend.peer)
    await ada.node.conversation(friend.name).send('hello')
    await until(async () => (await texts(friend, ada)).includes('hello'))
  }
  const [first = [], second = []] = mailboxes.map(({ link }) =>
    [...log.at(link).keys()].filter((name) => world.network.behind(name) === ada.peer),
  )
  expect(first).not.toEqual([])
  expect(second).not.toEqual([])
  expect(first.filter((name) => second.includes(name))).toEqual([])
})
