import { beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import type { Session } from '../../protocol/session.ts'
import { sendingSession } from '../../protocol/sessions.ts'
import type { Conversation } from '../../node/conversation.ts'
import {
  ChatWorld,
  envelopes,
  introduce,
  received,
  texts,
  type Person,
} from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

describe('sessions that go wrong', () => {
  let clock: ManualClock
  let world: ChatWorld
  let ada: Person
  let bob: Person

  beforeEach(async () => {
    clock = new ManualClock()
    world = await ChatWorld.create('healing', clock)
    ada = await world.person('ada')
    bob = await world.person('bob')
    await introduce(ada, bob)
    await settle()
  })

  function conversation(of: Person, other: Person): Conversation {
    const found = of.core.book.byAccount(other.account.key)
    if (found === undefined) throw new Error('no conversation')
    return found
  }

  function sending(of: Person, other: Person): Session {
    const { sessions, contact } = conversation(of, other)
    const session = sendingSession(sessions, contact.handshakes)
    if (session === undefined) throw new Error('no session')
    return session
  }

  function sameSession(): boolean {
    return toHex(sending(ada, bob).id) === toHex(sending(bob, ada).id)
  }

  /** Both write before they hear of each other, and what they wrote arrives without an acknowledgement. */
  async function cross(): Promise<{ readonly winner: Person; readonly loser: Person }> {
    world.network.part(ada.peer, bob.peer)
    await ada.node.conversation('bob').send('from ada')
    await bob.node.conversation('ada').send('from bob')
    await settle()
    const [ofAda, ofBob] = [envelopes(ada, bob), envelopes(bob, ada)]
    await bob.core.inbox.fromPeer(ada.account.key, ofAda)
    await ada.core.inbox.fromPeer(bob.account.key, ofBob)
    const adaWins = sending(ada, bob).handshake.by === 'ours'
    return adaWins ? { winner: ada, loser: bob } : { winner: bob, loser: ada }
  }

  test('first messages that cross end in one session at once', async () => {
    await cross()
    expect(sameSession()).toBe(true)
  })

  test('what got no receipt for a day goes into the session that sends, and is shown once', async () => {
    const { winner, loser } = await cross()
    const before = envelopes(loser, winner).map(toHex)
    await clock.advance(23 * HOUR)
    expect(envelopes(loser, winner).map(toHex)).toEqual(before)
    await clock.advance(2 * HOUR)
    const again = envelopes(loser, winner)
    expect(again).toHaveLength(before.length)
    expect(again.map(toHex).filter((envelope) => before.includes(envelope))).toEqual([])
    const { id } = sending(loser, winner)
    for (const { sessionId } of conversation(loser, winner).outbox.values()) {
      expect(toHex(sessionId)).toBe(toHex(id))
    }
    world.network.join(ada.peer, bob.peer)
    await clock.advance(10 * MINUTE)
    expect(conversation(loser, winner).outbox.size).toBe(0)
    expect(await received(winner)).toHaveLength(1)
    expect(await received(loser)).toHaveLength(1)
    expect((await texts(winner, loser)).toSorted()).toEqual(['from ada', 'from bob'])
  })

  test('64 messages are encrypted again in one step, the oldest first', async () => {
    const { winner, loser } = await cross()
    const from = conversation(loser, winner)
    const entry = from.waiting()[0]
    if (entry === undefined) throw new Error('nothing waits')
    await from.step((draft) => {
      for (let order = 100; order < 200; order++) draft.outbox.set(order, { ...entry, order })
    })
    clock.jump(clock.now() + 24 * HOUR)
    const own = toHex(entry.sessionId)
    const old = (): readonly number[] =>
      [...from.outbox.values()]
        .filter(({ sessionId }) => toHex(sessionId) === own)
        .map(({ order }) => order)
    const before = old()
    await from.tend()
    expect(old()).toEqual(before.slice(64))
    await from.tend()
    expect(old()).toEqual([])
  })
})
