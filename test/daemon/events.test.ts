import { expect, test } from 'vitest'
import { streamEvents } from '../../daemon/caller.ts'
import type { Caller, ReceivedEvent } from '../../daemon/caller.ts'
import { EmbeddedCaller } from '../../daemon/embedded.ts'
import { FakeNode } from './fake-node.ts'
import { client, served } from './support.ts'

const received = { types: ['message.received'] } as const

async function both(): Promise<readonly { node: FakeNode; caller: Caller }[]> {
  const { node, path } = await served()
  const inside = new FakeNode()
  return [
    { node, caller: await client(path) },
    { node: inside, caller: new EmbeddedCaller(inside, '1.2.3') },
  ]
}

async function take(events: AsyncIterable<ReceivedEvent>, count: number): Promise<ReceivedEvent[]> {
  const taken: ReceivedEvent[] = []
  for await (const event of events) {
    taken.push(event)
    if (taken.length === count) break
  }
  return taken
}

test('a record says the same over the socket and inside', async () => {
  for (const { node, caller } of await both()) {
    await node.contacts.add('SOTTO:C/1/BOB')
    node.receive('bob', 'yes, one is fine')
    const [first] = await take(streamEvents(caller, { ...received, from: 'start' }), 1)
    expect(first?.event).toEqual({
      ...{ v: 1, seq: 1, type: 'message.received', at: '2026-11-21T10:41:07.312Z' },
      contact: { id: 'c_bob', name: 'bob', trust: 'unverified' },
      message: {
        ...{ id: 'm_1', kind: 'text', text: 'yes, one is fine' },
        ...{ sentAt: '2026-11-21T10:41:07.312Z', replyTo: null },
      },
    })
  }
})

test('only what was acknowledged is not handed to the consumer again', async () => {
  for (const { node, caller } of await both()) {
    await node.contacts.add('SOTTO:C/1/BOB')
    for (const text of ['one', 'two', 'three']) node.receive('bob', text)
    const consumer = { ...received, consumer: 'pager' }
    const [one, two] = await take(streamEvents(caller, consumer), 3)
    await one?.ack()
    await two?.ack()
    expect(node.cursors.get('pager')).toBe(2)
    const [again] = await take(streamEvents(caller, consumer), 1)
    expect(again?.event.seq).toBe(3)
  }
})

test('a reader that acknowledges nothing is sent 64 records and no more', async () => {
  for (const { node, caller } of await both()) {
    await node.contacts.add('SOTTO:C/1/BOB')
    for (let i = 0; i < 100; i++) node.receive('bob', `${i}`)
    let arrived = 0
    caller.onNotification(() => arrived++)
    const taken = await take(streamEvents(caller, { ...received, from: 'start' }), 64)
    await caller.call('id.get', {})
    expect(arrived).toBe(64)
    await taken[0]?.ack()
    await expect.poll(() => arrived).toBe(65)
  }
})

test('the end of the node ends the stream with an error, not silently', async () => {
  const { node, path, close } = await served()
  await node.contacts.add('SOTTO:C/1/BOB')
  const events = streamEvents(await client(path), { ...received, from: 'start' })
  node.receive('bob', 'last')
  await events.next()
  const ended = expect(events.next()).rejects.toMatchObject({ code: 'NODE_STOPPED' })
  await close()
  await ended
})

test('an aborted stream rejects with the reason', async () => {
  for (const { caller } of await both()) {
    const stop = new AbortController()
    const next = streamEvents(caller, received, { signal: stop.signal }).next()
    stop.abort(new Error('enough'))
    await expect(next).rejects.toThrow('enough')
  }
})

test('at most 16 streams per caller', async () => {
  for (const { caller } of await both()) {
    for (let i = 0; i < 16; i++) await caller.call('event.subscribe', {})
    const more = caller.call('event.subscribe', {})
    await expect(more).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  }
})

test('an acknowledgement may name the consumer instead of the stream', async () => {
  for (const { node, caller } of await both()) {
    await node.contacts.add('SOTTO:C/1/BOB')
    for (const text of ['one', 'two', 'three']) node.receive('bob', text)
    await take(streamEvents(caller, { ...received, consumer: 'pager' }), 3)
    await caller.call('event.ack', { consumer: 'pager', seq: 2 })
    expect(node.cursors.get('pager')).toBe(2)
    const nobody = caller.call('event.ack', { consumer: 'other', seq: 1 })
    await expect(nobody).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const unnamed = caller.call('event.ack', { seq: 1 })
    await expect(unnamed).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  }
})
