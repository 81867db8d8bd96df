import { beforeEach, describe, expect, test } from 'vitest'
import {
  ChatWorld,
  envelopes,
  introduce,
  received,
  texts,
  type Person,
} from '../support/chat-world.ts'
import { ManualClock, settle, until } from '../support/manual-clock.ts'
import type { StoreFault } from '../support/faulty-store.ts'

const SECOND = 1000

describe('a store that fails', () => {
  let clock: ManualClock
  let world: ChatWorld
  let ada: Person
  let bob: Person

  beforeEach(async () => {
    clock = new ManualClock()
    world = await ChatWorld.create('store failure', clock)
    ada = await world.person('ada')
    bob = await world.person('bob')
    await introduce(ada, bob)
    await settle()
    await talk(ada, bob, 'hello')
    await talk(bob, ada, 'hello yourself')
  })

  async function talk(from: Person, to: Person, text: string): Promise<void> {
    const { id } = await from.node.conversation(to.peer).send(text)
    await settle()
    expect((await from.node.messages.get(id)).state).toBe('delivered')
  }

  /** Events of somebody, as a reader gets them: the numbers, and what is told of messages. */
  async function told(person: Person): Promise<readonly number[]> {
    const { head } = person.core.events
    const seqs: number[] = []
    for await (const { seq } of person.node.events({ from: 'start' })) {
      if (seq !== undefined) seqs.push(seq)
      if (seq === head) break
    }
    return seqs
  }

  const withoutHoles = async (person: Person): Promise<void> => {
    const seqs = await told(person)
    expect(seqs).toEqual(seqs.map((_, at) => at + 1))
  }

  test.each<[StoreFault, string]>([
    ['full', 'DISK_FULL'],
    ['broken', 'STORE_DAMAGED'],
  ])('a message is not accepted while it is %s, and is again afterwards', async (fault, code) => {
    const told: unknown[] = []
    ada.node.on('node.store', (event) => told.push(event.problem))
    ada.disk.fault = fault
    const { head } = ada.core.events
    for (let attempt = 0; attempt < 3; attempt++) {
      const sending = ['one', 'two'].map((text) => ada.node.conversation('bob').send(text))
      for (const result of await Promise.allSettled(sending)) {
        expect(result).toMatchObject({ status: 'rejected', reason: { name: 'SottoError', code } })
      }
    }
    await clock.advance(5 * SECOND)
    expect(ada.core.events.head).toBe(head)
    expect(envelopes(ada, bob)).toEqual([])
    const problem = fault === 'full' ? 'full' : 'failing'
    expect(ada.node.status.store).toMatchObject({ problem })
    ada.disk.fault = 'none'
    await talk(ada, bob, 'three')
    expect(ada.node.status.store).toBeNull()
    expect(told).toEqual([problem, null])
    await talk(bob, ada, 'four')
    expect(await texts(bob, ada)).toEqual(['hello', 'hello yourself', 'three', 'four'])
    expect(await texts(ada, bob)).toEqual(['hello', 'hello yourself', 'three', 'four'])
    await withoutHoles(ada)
    await withoutHoles(bob)
  })

  test('a store that cannot be read either lets nobody wait for ever', async () => {
    ada.disk.fault = 'broken'
    await expect(ada.node.conversation('bob').send('one')).rejects.toThrow()
    const get = ada.disk.store.iterator.bind(ada.disk.store)
    Object.defineProperty(ada.disk.store, 'iterator', {
      configurable: true,
      value: () => {
        throw new Error('Input/output error')
      },
    })
    ada.disk.fault = 'none'
    const sending = ['two', 'three'].map((text) => ada.node.conversation('bob').send(text))
    for (const result of await Promise.allSettled(sending)) expect(result.status).toBe('rejected')
    Object.defineProperty(ada.disk.store, 'iterator', { configurable: true, value: get })
    await talk(ada, bob, 'four')
    expect(await texts(bob, ada)).toEqual(['hello', 'hello yourself', 'four'])
  })

  test('a recipient whose store is full says so, loses nothing, and takes it later', async () => {
    bob.disk.fault = 'full'
    const sent = await Promise.all(
      Array.from({ length: 20 }, (_, at) => ada.node.conversation('bob').send(`text ${at}`)),
    )
    await clock.advance(10 * SECOND)
    expect(bob.core.inbox.counts.get('store-full')).toBeGreaterThanOrEqual(20)
    expect(await received(bob)).toHaveLength(1)
    bob.disk.fault = 'none'
    await clock.advance(10 * SECOND)
    for (const { id } of sent) {
      expect((await ada.node.messages.get(id)).state).toBe('delivered')
    }
    expect((await texts(bob, ada)).slice(2)).toEqual(sent.map((_, at) => `text ${at}`))
    await withoutHoles(bob)
  })

  test('a first message that could not be stored leaves no contact, and is taken later', async () => {
    const carol = await world.person('carol')
    bob.disk.fault = 'full'
    await carol.node.contacts.add(bob.peer)
    await carol.node.conversation(bob.peer).send('may I?')
    await clock.advance(5 * SECOND)
    expect(bob.node.contacts.list()).toHaveLength(1)
    expect(() => bob.node.contacts.get(carol.peer)).toThrow('there is no contact')
    bob.disk.fault = 'none'
    await clock.advance(10 * SECOND)
    expect(await texts(bob, carol)).toEqual(['may I?'])
    expect(bob.node.contacts.list()).toHaveLength(2)
    expect((await bob.node.messages.list(carol.peer)).length).toBe(1)
    await world.restart(bob)
    expect(bob.node.contacts.list()).toHaveLength(2)
  })

  test('a write that failed and is there all the same is not done twice', async () => {
    bob.disk.fault = 'unsure'
    const { id } = await ada.node.conversation('bob').send('was it?')
    await settle()
    bob.disk.fault = 'none'
    await clock.advance(20 * SECOND)
    expect((await ada.node.messages.get(id)).state).toBe('delivered')
    expect((await texts(bob, ada)).slice(2)).toEqual(['was it?'])
    expect((await received(bob)).map(({ text }) => text)).toEqual(['hello', 'was it?'])
    await talk(bob, ada, 'it was')
    await talk(ada, bob, 'good')
    await withoutHoles(bob)
    await world.restart(bob)
    await talk(bob, ada, 'still there')
    await withoutHoles(bob)
  })

  test('a first message that is stored in spite of a failed write makes one contact, and is told', async () => {
    const carol = await world.person('carol')
    const live: string[] = []
    bob.node.on('message.received', ({ message }) => live.push(message.text))
    bob.disk.fault = 'unsure'
    await carol.node.contacts.add(bob.peer)
    await carol.node.conversation(bob.peer).send('may I?')
    await settle()
    bob.disk.fault = 'none'
    await clock.advance(20 * SECOND)
    expect(envelopes(carol, bob)).toEqual([])
    expect(bob.node.contacts.list()).toHaveLength(2)
    expect(await texts(bob, carol)).toEqual(['may I?'])
    expect(live).toEqual(['may I?'])
    await withoutHoles(bob)
  })

  test('what settled unwritten is settled again', async () => {
    world.network.part(ada.peer, bob.peer)
    const { id } = await ada.node.conversation('bob').send('text')
    await settle()
    ada.disk.fault = 'full'
    world.network.join(ada.peer, bob.peer)
    await clock.advance(5 * SECOND) // delivered, but ada cannot write it down
    expect((await texts(bob, ada)).slice(2)).toEqual(['text'])
    ada.disk.fault = 'none'
    await clock.advance(20 * SECOND)
    await talk(ada, bob, 'next')
    await clock.advance(20 * SECOND)
    expect((await ada.node.messages.get(id)).state).toBe('delivered')
    expect(envelopes(ada, bob)).toEqual([])
    expect((await texts(bob, ada)).slice(2)).toEqual(['text', 'next'])
    await withoutHoles(ada)
    await world.restart(ada)
    expect((await ada.node.messages.get(id)).state).toBe('delivered')
  })

  test('single failures in between do no harm', async () => {
    const accepted: string[] = []
    for (let round = 0; round < 30; round++) {
      const { disk } = round % 2 === 0 ? ada : bob
      disk.after = round % 3
      disk.fault = 'full'
      for (const text of [`${round} a`, `${round} b`]) {
        const sent = await ada.node
          .conversation('bob')
          .send(text)
          .catch(() => undefined)
        if (sent !== undefined) accepted.push(text)
      }
      await settle()
      disk.fault = 'none'
      disk.after = 0
      await clock.advance(3 * SECOND)
    }
    await clock.advance(20 * SECOND)
    await until(() => envelopes(ada, bob).length === 0, 10_000)
    expect((await texts(bob, ada)).slice(2)).toEqual(accepted)
    expect(accepted.length).toBeGreaterThan(30)
    await withoutHoles(ada)
    await withoutHoles(bob)
  })
})
