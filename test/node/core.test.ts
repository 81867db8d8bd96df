import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Message } from '../../node/api.ts'
import { ChatWorld, introduce, type Person } from '../support/chat-world.ts'

async function texts(person: Person, other: Person): Promise<readonly string[]> {
  const entries = await person.node.messages.list(other.name)
  return entries.map((entry) => (entry.kind === 'text' ? entry.text : entry.kind))
}

async function received(person: Person, count: number): Promise<readonly Message[]> {
  const messages: Message[] = []
  for await (const event of person.node.events({ from: 'start', types: ['message.received'] })) {
    if (event.type === 'message.received') messages.push(event.message)
    if (messages.length === count) break
  }
  return messages
}

describe('two nodes on one wire', () => {
  let world: ChatWorld
  let ada: Person
  let bob: Person

  beforeEach(async () => {
    world = await ChatWorld.create('core test')
    ada = await world.person('ada')
    bob = await world.person('bob')
    await introduce(ada, bob)
  })

  afterEach(async () => {
    await ada.node.stop()
    await bob.node.stop()
  })

  test('a message is delivered once and shown on both sides', async () => {
    const sent = await ada.node.conversation('bob').send('hello, bob')
    const done = await sent.until('delivered', { timeout: 5000 })
    expect(done.state).toBe('delivered')
    const [message] = await received(bob, 1)
    expect(message).toMatchObject({ text: 'hello, bob', direction: 'in', counter: 1, late: false })
    expect(await texts(ada, bob)).toEqual(['hello, bob'])
  })

  test('messages go both ways in order, many at once', async () => {
    const there = Array.from({ length: 100 }, (_, at) =>
      ada.node.conversation('bob').send(`a${at}`),
    )
    const back = Array.from({ length: 100 }, (_, at) => bob.node.conversation('ada').send(`b${at}`))
    for (const sent of await Promise.all([...there, ...back])) {
      await sent.until('delivered', { timeout: 10_000 })
    }
    const ofAda = (await received(bob, 100)).map(({ text }) => text)
    const ofBob = (await received(ada, 100)).map(({ text }) => text)
    expect(ofAda.toSorted()).toEqual(Array.from({ length: 100 }, (_, at) => `a${at}`).toSorted())
    expect(ofBob.toSorted()).toEqual(Array.from({ length: 100 }, (_, at) => `b${at}`).toSorted())
    const listed = await bob.node.messages.list('ada')
    const counters = listed.flatMap((entry) =>
      entry.kind === 'text' && entry.direction === 'in' ? [entry.counter] : [],
    )
    expect(counters).toEqual(Array.from({ length: 100 }, (_, at) => at + 1))
  })

  test('a crash of the recipient loses nothing and doubles nothing', async () => {
    const first = await ada.node.conversation('bob').send('before')
    await first.until('delivered', { timeout: 5000 })
    world.kill(bob)
    const second = await ada.node.conversation('bob').send('while away')
    expect(second.state).toBe('queued')
    await world.restart(bob)
    await second.until('delivered', { timeout: 10_000 })
    expect((await received(bob, 2)).map(({ text }) => text)).toEqual(['before', 'while away'])
  })

  test('a crash of the sender keeps what was accepted', async () => {
    world.kill(bob)
    const sent = await ada.node.conversation('bob').send('kept')
    await world.restart(ada)
    await world.restart(bob)
    const [message] = await received(bob, 1)
    expect(message?.id).toBe(sent.id)
  })

  test('a history ends with the reason of its signal', async () => {
    for (const text of ['one', 'two', 'three']) await ada.node.conversation('bob').send(text)
    const leave = new AbortController()
    const seen: string[] = []
    const reading = async (): Promise<void> => {
      for await (const entry of ada.node.conversation('bob').history({ signal: leave.signal })) {
        seen.push(entry.kind)
        leave.abort(new Error('enough'))
      }
    }
    await expect(reading()).rejects.toThrow('enough')
    await expect(reading()).rejects.toThrow('enough')
    expect(seen).toEqual(['text'])
  })

  test('reading tells the sender', async () => {
    const sent = await ada.node.conversation('bob').send('read me')
    const [message] = await received(bob, 1)
    if (message === undefined) throw new Error('nothing came')
    await bob.node.messages.markRead([message.id])
    const read = await sent.until('read', { timeout: 5000 })
    expect(read.state).toBe('read')
  })

  test('what cannot be delivered goes to the mailbox and comes back from it once', async () => {
    const { service, link } = await world.mailbox()
    await bob.node.mailbox.use(link)
    const first = await ada.node.conversation('bob').send('direct')
    await first.until('delivered', { timeout: 5000 })
    world.kill(bob)
    const kept = await Promise.all(
      Array.from({ length: 20 }, (_, at) => ada.node.conversation('bob').send(`kept ${at}`)),
    )
    for (const sent of kept) {
      const stored = await sent.until('stored', { timeout: 10_000 })
      expect(stored.state).toBe('stored')
    }
    const { states } = await ada.node.messages.get(kept[0]?.id ?? '')
    expect(states.at(-1)).toMatchObject({ state: 'stored', path: 'mailbox' })
    expect(states.at(-1)?.keptUntil).toBeGreaterThan(world.clock.now())
    await world.restart(bob)
    for (const sent of kept) await sent.until('delivered', { timeout: 10_000 })
    const messages = await received(bob, 21)
    expect(new Set(messages.map(({ id }) => id)).size).toBe(21)
    await service.stop()
  })

  test('a session begun through a mailbox uses a one-time pair', async () => {
    const { service, link } = await world.mailbox()
    await bob.node.mailbox.use(link)
    const carol = await world.person('carol')
    await carol.node.contacts.add(bob.peer, { name: 'bob' })
    const sent = await carol.node.conversation('bob').send('hello from a stranger')
    await sent.until('delivered', { timeout: 5000 })
    expect(carol.node.contacts.get('bob').session).toMatchObject({
      oneTime: true,
      postQuantum: true,
    })
    expect(bob.node.contacts.get(carol.peer).state).toBe('requested')
    await carol.node.stop()
    await service.stop()
  })
})
