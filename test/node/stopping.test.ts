import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ChatWorld, introduce, texts, type Person } from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

describe('a node that stops', () => {
  let clock: ManualClock
  let world: ChatWorld
  let ada: Person
  let bob: Person
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)

  beforeEach(async () => {
    process.on('unhandledRejection', note)
    clock = new ManualClock()
    world = await ChatWorld.create('stopping', clock)
    ada = await world.person('ada')
    bob = await world.person('bob')
    await introduce(ada, bob)
    await settle()
    await ada.node.conversation('bob').send('hello')
    await settle()
  })

  afterEach(async () => {
    await settle()
    process.off('unhandledRejection', note)
    for (const reason of unhandled.splice(0)) throw reason
  })

  test('ends streams of events, and tells those who wait for a state', async () => {
    world.network.part(ada.peer, bob.peer)
    const sent = await ada.node.conversation('bob').send('late')
    const waiting = expect(sent.until('delivered')).rejects.toMatchObject({ code: 'NODE_STOPPED' })
    const seen: string[] = []
    const reading = (async () => {
      for await (const { type } of ada.node.events({ from: 'start' })) seen.push(type)
    })()
    await settle()
    await ada.node.stop()
    await waiting
    await reading
    expect(seen).toContain('message.state')
  })

  test('leaves no timer and no stream behind', async () => {
    await ada.node.stop()
    await ada.core.records.close()
    await bob.node.stop()
    await bob.core.records.close()
    await clock.advance(600_000)
    expect(clock.pending).toBe(0)
    for (const { peer } of [ada, bob]) {
      expect(world.network.find(peer)?.openChannels('/sotto/direct/1')).toBe(0)
    }
  })

  test('reads no session again when its disk is well at last', async () => {
    ada.disk.fault = 'full'
    await expect(ada.node.conversation('bob').send('refused')).rejects.toThrow()
    await ada.node.stop()
    ada.disk.fault = 'none'
    await clock.advance(10_000)
    expect(ada.core.records.trouble).toBeUndefined()
    expect(ada.core.book.all().map(({ sessions }) => sessions.length)).toEqual([0])
    await ada.core.records.close()
  })

  test('while it receives loses nothing: what it confirmed is there, the rest comes again', async () => {
    const lines = Array.from({ length: 50 }, (_, at) => `text ${at}`)
    const sending = lines.map((line) => ada.node.conversation('bob').send(line))
    await Promise.all(sending)
    await bob.node.stop()
    await bob.core.records.close()
    await world.restart(bob)
    await clock.advance(60_000)
    expect(await texts(bob, ada)).toEqual(['hello', ...lines])
    expect(ada.node.contacts.get('bob').queued).toBe(0)
  })

  test('does not refuse for good what arrives in its last moment', async () => {
    const carol = await world.person('carol')
    world.network.part(carol.peer, bob.peer)
    await carol.node.contacts.add(bob.peer)
    await settle()
    const stopping = bob.node.stop()
    world.network.join(carol.peer, bob.peer)
    const { id } = await carol.node.conversation(bob.peer).send('just in time?')
    await stopping
    await bob.core.records.close()
    await settle()
    await world.restart(bob)
    await clock.advance(60_000)
    expect((await carol.node.messages.get(id)).state).toBe('delivered')
    await carol.node.stop()
  })

  test('while it sends keeps what it accepted', async () => {
    const sending = Array.from({ length: 50 }, (_, at) =>
      ada.node
        .conversation('bob')
        .send(`text ${at}`)
        .catch(() => undefined),
    )
    await ada.node.stop()
    await ada.core.records.close()
    const accepted = (await Promise.all(sending)).filter((sent) => sent !== undefined)
    await world.restart(ada)
    await clock.advance(60_000)
    expect(await texts(bob, ada)).toEqual(['hello', ...accepted.map((_, at) => `text ${at}`)])
  })

  test('twice is once', async () => {
    await Promise.all([ada.node.stop(), ada.node.stop()])
    await ada.node.stop()
    await ada.core.records.close()
    await expect(ada.node.conversation('bob').send('too late')).rejects.toMatchObject({
      code: 'NODE_STOPPED',
    })
  })

  test('with a reader that cannot read any more rejects nothing behind its back', async () => {
    world.network.part(ada.peer, bob.peer)
    const sent = await ada.node.conversation('bob').send('late')
    const leave = new AbortController()
    const waiting = sent
      .until('delivered', { signal: leave.signal })
      .catch((error: unknown) => error)
    await ada.node.stop()
    leave.abort(new Error('enough'))
    expect(await waiting).toMatchObject({ code: 'NODE_STOPPED' })
  })
})
