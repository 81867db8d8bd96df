import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { beforeEach, describe, expect, test } from 'vitest'
import { DirectFrameSchema } from '../../protocol/generated/direct_pb.ts'
import { toHex } from '../../protocol/bytes.ts'
import { DIRECT_PROTOCOL } from '../../net/names.ts'
import type { DeliveryState } from '../../node/api.ts'
import { MAX_DIRECT_FRAME_BYTES, receiveDirect } from '../../node/direct.ts'
import type { Outcome } from '../../node/outcome.ts'
import {
  ChatWorld,
  envelopes,
  introduce,
  received,
  texts,
  type Person,
} from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import type { Fate, FrameInTransit } from '../support/memory-wire.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const DAY = 24 * 60 * MINUTE

describe('delivery', () => {
  let clock: ManualClock
  let world: ChatWorld
  let ada: Person
  let bob: Person

  beforeEach(async () => {
    clock = new ManualClock()
    world = await ChatWorld.create('courier', clock)
    ada = await world.person('ada')
    bob = await world.person('bob')
    await introduce(ada, bob)
    await settle()
    await talk('hello')
  })

  async function talk(text: string): Promise<void> {
    const { id } = await ada.node.conversation('bob').send(text)
    await settle()
    expect(await state(id)).toBe('delivered')
  }

  /** Something of bob's has opened: a refusal after that is no reason for another handshake. */
  async function answer(): Promise<void> {
    await bob.node.conversation('ada').send('hello, ada')
    await settle()
  }

  async function state(id: string): Promise<DeliveryState> {
    return (await ada.node.messages.get(id)).state
  }

  async function send(text: string): Promise<string> {
    return (await ada.node.conversation('bob').send(text)).id
  }

  /** Decides about frames of direct delivery from ada to bob (`there`) or back. */
  function onDirect(there: boolean, decide: (frame: FrameInTransit) => Fate): void {
    world.network.filter = (transit) => {
      const mine = transit.protocol === DIRECT_PROTOCOL && (transit.from === ada.peer) === there
      return mine ? decide(transit) : 'deliver'
    }
  }

  function heal(): void {
    world.network.filter = () => 'deliver'
  }

  /** A mailbox that bob uses and ada knows of. */
  async function withMailbox(): Promise<string> {
    const { link } = await world.mailbox()
    const used = bob.node.mailbox.use(link)
    await clock.advance(5 * SECOND)
    const { peer } = await used
    // ada looks bob's bundle up again once she cannot reach him by what she knows
    world.network.part(ada.peer, bob.peer)
    const { id } = await ada.node.conversation('bob').send('by way of the mailbox')
    await clock.advance(MINUTE)
    world.network.join(ada.peer, bob.peer)
    await clock.advance(2 * MINUTE)
    expect(await state(id)).toBe('delivered')
    return peer
  }

  test('what was cut off is sent again, byte for byte, and shown once', async () => {
    const seen: string[] = []
    let cuts = 3
    onDirect(true, ({ frame }) => {
      const { frame: inner } = fromBinary(DirectFrameSchema, frame)
      if (inner.case === 'deliver') seen.push(toHex(inner.value.envelope))
      return cuts-- > 0 ? 'cut' : 'deliver'
    })
    const id = await send('cut')
    await clock.advance(30 * SECOND)
    expect(await state(id)).toBe('delivered')
    expect(seen.length).toBe(4)
    expect(new Set(seen).size).toBe(1)
    expect(await texts(bob, ada)).toEqual(['hello', 'cut'])
  })

  test('an acknowledgement that is lost costs a repetition and no double', async () => {
    let cuts = 2
    onDirect(false, () => (cuts-- > 0 ? 'cut' : 'deliver'))
    const id = await send('lost answer')
    await clock.advance(30 * SECOND)
    expect(await state(id)).toBe('delivered')
    expect(await texts(bob, ada)).toEqual(['hello', 'lost answer'])
    expect(await received(bob)).toHaveLength(2)
  })

  test('a peer that acknowledges nothing is given up for a while, then tried again', async () => {
    onDirect(true, () => 'swallow')
    const id = await send('into silence')
    await clock.advance(19 * SECOND)
    expect(world.network.find(ada.peer)?.openChannels(DIRECT_PROTOCOL)).toBe(1)
    heal()
    await clock.advance(30 * SECOND)
    expect(await state(id)).toBe('delivered')
  })

  test('what is written meanwhile does not keep a dead stream alive', async () => {
    onDirect(true, () => 'swallow')
    for (let second = 0; second < 30; second++) {
      await send(`text ${second}`)
      await clock.advance(SECOND)
    }
    heal()
    await clock.advance(30 * SECOND)
    expect(envelopes(ada, bob)).toEqual([])
    expect(await texts(bob, ada)).toHaveLength(31)
  })

  test('a peer that refuses every stream is not asked all the time', async () => {
    let opened = 0
    const wire = world.network.find(bob.peer)
    await wire?.unhandle(DIRECT_PROTOCOL)
    await wire?.handle(DIRECT_PROTOCOL, { maxFrameBytes: 1000, maxChannels: 8 }, (channel) => {
      opened++
      channel.abort(new Error('no'))
      return Promise.resolve()
    })
    world.network.disconnect(ada.peer, bob.peer)
    await send('nobody takes it')
    await clock.advance(10 * MINUTE)
    expect(opened).toBeGreaterThan(3)
    expect(opened).toBeLessThan(30)
  })

  test('a stream that does no more work is closed, and opened again on need', async () => {
    await clock.advance(61 * SECOND)
    expect(world.network.find(ada.peer)?.openChannels(DIRECT_PROTOCOL)).toBe(0)
    await talk('again')
  })

  test('a contact that comes back is served at once', async () => {
    world.network.part(ada.peer, bob.peer)
    const id = await send('later')
    await clock.advance(20 * MINUTE)
    expect(await state(id)).toBe('queued')
    world.network.join(ada.peer, bob.peer)
    await bob.node.conversation('ada').send('I am back')
    await settle()
    expect(await state(id)).toBe('delivered')
  })

  /** In the place of bob's node: takes nothing, and answers each envelope with what `outcomeOf` says. */
  async function answeringWith(outcomeOf: () => Outcome): Promise<{ taken: number }> {
    const wire = world.network.find(bob.peer)
    const counts = { taken: 0 }
    await wire?.unhandle(DIRECT_PROTOCOL)
    const limits = { maxFrameBytes: MAX_DIRECT_FRAME_BYTES, maxChannels: 8 }
    await wire?.handle(DIRECT_PROTOCOL, limits, (channel) =>
      receiveDirect(channel, clock, (run) => {
        counts.taken += run.length
        return Promise.resolve(run.map(outcomeOf))
      }),
    )
    world.network.disconnect(ada.peer, bob.peer)
    return counts
  }

  test('what the other side may not take yet waits, and is offered again much later', async () => {
    let stranger = true
    const counts = await answeringWith(() => (stranger ? 'blocked' : 'opened'))
    const id = await send('not wanted yet')
    await clock.advance(60 * SECOND)
    expect(await state(id)).toBe('queued')
    expect(counts.taken).toBeLessThan(4)
    stranger = false
    await clock.advance(700 * SECOND)
    expect(await state(id)).toBe('delivered')
  })

  test('what the other side cannot take now is offered again soon', async () => {
    let left = 2
    const counts = await answeringWith(() => (left-- > 0 ? 'store-full' : 'opened'))
    const id = await send('full for a moment')
    await clock.advance(20 * SECOND)
    expect(counts.taken).toBe(3)
    expect(await state(id)).toBe('delivered')
  })

  test('what the other side cannot take now is offered again, first soon, then less and less', async () => {
    let full = true
    const counts = await answeringWith(() => (full ? 'store-full' : 'opened'))
    const id = await send('full')
    await clock.advance(20 * SECOND)
    expect(counts.taken).toBeGreaterThan(2)
    expect(counts.taken).toBeLessThan(6)
    expect(await state(id)).toBe('queued')
    await clock.advance(60 * MINUTE)
    expect(counts.taken).toBeGreaterThan(10)
    expect(counts.taken).toBeLessThan(30)
    full = false
    await clock.advance(10 * MINUTE)
    expect(await state(id)).toBe('delivered')
  })

  test('a connection that breaks each time is not made each second', async () => {
    onDirect(true, () => 'cut')
    let opened = 0
    const stop = world.network.find(bob.peer)?.watch((_, connected) => {
      if (connected) opened++
    })
    const id = await send('cut')
    await clock.advance(10 * MINUTE)
    expect(opened).toBeGreaterThan(4)
    expect(opened).toBeLessThan(30)
    stop?.()
    heal()
    await clock.advance(6 * MINUTE)
    expect(await state(id)).toBe('delivered')
  })

  test('much mail for one who can take nothing is offered once, then one envelope at a time, and all of it once that was taken', async () => {
    let full = true
    const counts = await answeringWith(() => (full ? 'store-full' : 'opened'))
    const ids = await Promise.all(Array.from({ length: 50 }, (_, n) => send(`full ${n}`)))
    await clock.advance(20 * MINUTE)
    expect(counts.taken).toBeGreaterThan(50)
    expect(counts.taken).toBeLessThan(80)
    full = false
    await clock.advance(10 * MINUTE)
    for (const id of ids) expect(await state(id)).toBe('delivered')
  })

  test('mail for one who can take nothing is left in the mailbox', async () => {
    await withMailbox()
    await answeringWith(() => 'store-full')
    const id = await send('for the mailbox')
    await clock.advance(20 * SECOND)
    expect(await state(id)).not.toBe('queued')
  })

  test('one who took something after it could not is asked soon again when it can not', async () => {
    let full = true
    const counts = await answeringWith(() => (full ? 'store-full' : 'opened'))
    await send('one')
    await clock.advance(60 * MINUTE)
    full = false
    await clock.advance(10 * MINUTE)
    full = true
    const before = counts.taken
    const id = await send('two')
    await clock.advance(20 * SECOND)
    expect(counts.taken - before).toBeGreaterThan(2)
    expect(await state(id)).toBe('queued')
  })

  test('what the other side cannot open rests before it is offered again', async () => {
    await answer()
    const counts = await answeringWith(() => 'no-session')
    await send('not readable')
    await clock.advance(9 * MINUTE)
    expect(counts.taken).toBe(1)
    // It comes again, then in a new session, and in three more that follow the refusals of their first messages.
    await clock.advance(2 * MINUTE)
    expect(counts.taken).toBe(2 + 1 + 3)
    await clock.advance(7 * MINUTE)
    expect(counts.taken).toBe(2 + 1 + 3)
  })

  test('a refusal of one envelope holds up no other', async () => {
    await answer()
    let count = 0
    await answeringWith(() => (count++ === 0 ? 'no-session' : 'opened'))
    const ids = await Promise.all(['one', 'two', 'three'].map(send))
    await clock.advance(5 * SECOND)
    const states = await Promise.all(ids.map(state))
    expect(states).toEqual(['queued', 'delivered', 'delivered'])
  })

  test('a peer that acknowledges what was not sent is not believed', async () => {
    const wire = world.network.find(bob.peer)
    await wire?.unhandle(DIRECT_PROTOCOL)
    const limits = { maxFrameBytes: MAX_DIRECT_FRAME_BYTES, maxChannels: 8 }
    const lie = create(DirectFrameSchema, { frame: { case: 'acknowledge', value: { upTo: 99n } } })
    await wire?.handle(DIRECT_PROTOCOL, limits, async (channel) => {
      channel.send(toBinary(DirectFrameSchema, lie))
      for await (const run of channel.incoming) expect(run.length).toBeGreaterThan(0)
    })
    world.network.disconnect(ada.peer, bob.peer)
    const id = await send('believe me')
    await clock.advance(MINUTE)
    expect(await state(id)).toBe('queued')
    expect(envelopes(ada, bob)).toHaveLength(1)
  })

  test('what nobody took for thirty days has failed', async () => {
    world.network.part(ada.peer, bob.peer)
    const id = await send('too late')
    for (let hours = 0; hours < 30 * 24; hours++) {
      clock.jump(clock.now() + 55 * MINUTE) // less than what counts as a jump
      await clock.advance(5 * MINUTE)
    }
    expect(await state(id)).toBe('queued')
    await clock.advance(60 * MINUTE)
    const { states } = await ada.node.messages.get(id)
    expect(states.at(-1)).toMatchObject({ state: 'failed', reason: 'expired' })
    expect(ada.node.contacts.get('bob').queued).toBe(0)
  })

  test('a clock that jumps makes nothing fail', async () => {
    world.network.part(ada.peer, bob.peer)
    const id = await send('not too late')
    clock.jump(clock.now() + 40 * DAY)
    await clock.advance(10 * MINUTE)
    expect(await state(id)).toBe('queued')
  })

  test('a stalled peer gets its mail in its mailbox, and the message once', async () => {
    await withMailbox()
    onDirect(true, () => 'swallow')
    const id = await send('stalled')
    await clock.advance(30 * SECOND)
    expect(['stored', 'delivered']).toContain(await state(id))
    const { states } = await ada.node.messages.get(id)
    expect(states.map(({ state: name }) => name)).toContain('stored')
    heal()
    await clock.advance(2 * MINUTE)
    expect(await state(id)).toBe('delivered')
    expect((await texts(bob, ada)).filter((text) => text === 'stalled')).toEqual(['stalled'])
  })

  test('a message that both paths carry is one message', async () => {
    await withMailbox()
    world.kill(bob)
    const id = await send('two ways')
    await clock.advance(10 * SECOND)
    expect(await state(id)).toBe('stored')
    await clock.advance(MINUTE)
    // Both come to life at once: the mailbox hands over, and ada offers directly what has no receipt yet.
    await world.restart(bob)
    await bob.node.conversation('ada').send('hello again')
    await clock.advance(2 * MINUTE)
    expect(await state(id)).toBe('delivered')
    expect((await texts(bob, ada)).filter((text) => text === 'two ways')).toEqual(['two ways'])
    const told = (await received(bob)).filter(({ text }) => text === 'two ways')
    expect(told).toHaveLength(1)
  })

  test('what a mailbox has lost is brought by us, though nobody connects', async () => {
    const { link, box } = await world.mailbox()
    const used = bob.node.mailbox.use(link)
    await clock.advance(5 * SECOND)
    const { peer } = await used
    await ada.node.conversation('bob').send('so that ada knows it')
    await clock.advance(MINUTE)
    world.kill(bob)
    await clock.advance(MINUTE)
    const id = await send('kept by nobody')
    await clock.advance(2 * MINUTE)
    expect(await state(id)).toBe('stored')
    await box.empty(bob.account.key)
    world.network.part(bob.peer, peer)
    await world.restart(bob)
    for (const one of [ada, bob]) world.network.disconnect(one.peer, bob.peer)
    await clock.advance(20 * MINUTE)
    expect(await state(id)).toBe('delivered')
    expect((await texts(bob, ada)).filter((text) => text === 'kept by nobody')).toHaveLength(1)
  })

  test('a refused deposit is tried again', async () => {
    const mailbox = await withMailbox()
    world.kill(bob)
    world.network.filter = ({ to }) => (to === mailbox ? 'cut' : 'deliver')
    const id = await send('not yet')
    await clock.advance(5 * SECOND)
    expect(await state(id)).toBe('queued')
    heal()
    await clock.advance(2 * MINUTE)
    expect(await state(id)).toBe('stored')
  })
})
