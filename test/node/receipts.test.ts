import { beforeEach, describe, expect, test } from 'vitest'
import type { StateChange } from '../../node/api.ts'
import { keys } from '../../node/keys.ts'
import { DAY } from '../../node/lifetimes.ts'
import { forgetSeen } from '../../node/seen-envelopes.ts'
import {
  ChatWorld,
  envelopes,
  introduce,
  received,
  texts,
  type Person,
} from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const SECOND = 1000
const HOUR = 3600 * SECOND

describe('receipts', () => {
  let clock: ManualClock
  let world: ChatWorld
  let ada: Person
  let bob: Person

  beforeEach(async () => {
    clock = new ManualClock()
    world = await ChatWorld.create('receipts', clock)
    ada = await world.person('ada')
    bob = await world.person('bob')
    await introduce(ada, bob)
    await settle()
  })

  async function send(text: string): Promise<string> {
    const { id } = await ada.node.conversation(bob.peer).send(text)
    await settle()
    return id
  }

  async function states(id: string): Promise<readonly StateChange[]> {
    return (await ada.node.messages.get(id)).states
  }

  /** bob gets a mailbox, and ada learns of it. */
  async function withMailbox(): Promise<void> {
    const { link } = await world.mailbox()
    const used = bob.node.mailbox.use(link)
    await clock.advance(5 * SECOND)
    await used
    world.network.part(ada.peer, bob.peer)
    await send('first')
    await clock.advance(60 * SECOND)
  }

  test('directly, the acknowledgement is the receipt: nothing more is sent', async () => {
    let frames = 0
    world.network.filter = ({ from, protocol }) => {
      if (from === bob.peer && protocol === '/sotto/direct/1') frames++
      return 'deliver'
    }
    const id = await send('hello')
    await clock.advance(10 * SECOND)
    expect((await states(id)).map(({ state, path }) => [state, path])).toEqual([
      ['queued', undefined],
      ['delivered', 'direct'],
    ])
    expect(frames).toBe(1)
  })

  test('by way of a mailbox, receipts come gathered, and prove the delivery', async () => {
    await withMailbox()
    world.kill(bob)
    const ids = await Promise.all(Array.from({ length: 70 }, (_, at) => send(`kept ${at}`)))
    await clock.advance(10 * SECOND)
    for (const id of ids) expect((await states(id)).at(-1)).toMatchObject({ state: 'stored' })
    await world.restart(bob) // ada cannot be reached directly: receipts must wait for her
    await settle()
    await clock.advance(2 * SECOND)
    expect(await received(bob)).toHaveLength(71)
    // A profile with a delivery token; 71 ids, at most 64 in one receipt
    expect(envelopes(bob, ada).length).toBeLessThanOrEqual(5)
    world.network.join(ada.peer, bob.peer)
    await clock.advance(60 * SECOND)
    for (const id of ids) {
      expect((await states(id)).at(-1)).toMatchObject({ state: 'delivered', path: 'mailbox' })
    }
    expect(envelopes(ada, bob)).toEqual([])
  })

  test('a receipt that is due is not forgotten by a crash', async () => {
    await withMailbox()
    world.kill(bob)
    const id = await send('kept')
    await clock.advance(10 * SECOND)
    await world.restart(bob)
    await settle()
    expect(bob.core.book.byAccount(ada.account.key)?.due).toHaveLength(1)
    await world.restart(bob) // before the receipt was made
    world.network.join(ada.peer, bob.peer)
    await clock.advance(60 * SECOND)
    expect((await states(id)).at(-1)).toMatchObject({ state: 'delivered' })
  })

  describe('an envelope that was opened and comes again by way of a mailbox', () => {
    let again: readonly Uint8Array[]

    beforeEach(async () => {
      await send('first')
      world.network.part(ada.peer, bob.peer)
      await send('the acknowledgement of this got lost')
      again = envelopes(ada, bob)
      await bob.core.inbox.fromPeer(ada.account.key, again)
      await clock.advance(10 * SECOND)
    })

    async function handOver(): Promise<void> {
      expect(await bob.core.inbox.fromMailbox(ada.peer, again)).toEqual(['duplicate'])
      await clock.advance(10 * SECOND)
    }

    test('brings a receipt, also after a restart', async () => {
      await world.restart(bob)
      expect(envelopes(bob, ada)).toEqual([])
      await handOver()
      expect(envelopes(bob, ada)).toHaveLength(1)
      await ada.core.inbox.fromPeer(bob.account.key, envelopes(bob, ada))
      expect(envelopes(ada, bob)).toEqual([])
      expect(await received(bob)).toHaveLength(2)
    })

    test('brings another one only after an hour', async () => {
      await handOver()
      await handOver()
      await clock.advance(3500 * SECOND)
      await handOver()
      expect(envelopes(bob, ada)).toHaveLength(1)
      await clock.advance(100 * SECOND)
      await handOver()
      expect(envelopes(bob, ada)).toHaveLength(2)
    })

    test('brings none where the sender is no contact', async () => {
      const conversation = bob.core.book.byAccount(ada.account.key)
      await conversation?.step((draft) => draft.patch({ state: 'requested' }))
      await handOver()
      expect(envelopes(bob, ada)).toEqual([])
    })

    test('brings none for a month-old one, whose mark is gone', async () => {
      const marks = async (): Promise<number> => {
        let count = 0
        for await (const { key } of bob.core.records.range(keys.seenMarks)) if (key !== '') count++
        return count
      }
      expect(await marks()).toBe(2)
      await forgetSeen(bob.core.records, clock.now() + 29 * DAY)
      expect(await marks()).toBe(2)
      await forgetSeen(bob.core.records, clock.now() + 32 * DAY)
      expect(await marks()).toBe(0)
      await handOver()
      expect(envelopes(bob, ada)).toEqual([])
    })
  })

  test('a receipt for a message of somebody else changes nothing', async () => {
    const carol = await world.person('carol')
    await introduce(ada, carol)
    world.network.part(ada.peer, bob.peer)
    const id = await send('for bob')
    await carol.node.conversation('ada').send('hello')
    await settle()
    const { composeReceipts, encryptWaiting } = await import('../../node/compose.ts')
    const { messageId } = await import('../../protocol/content.ts')
    const { fromHex } = await import('../../protocol/bytes.ts')
    const conversation = carol.core.book.byAccount(ada.account.key)
    await conversation?.step((draft) => {
      composeReceipts(draft, conversation, 'read-receipt', [messageId(fromHex(id.slice(2)))])
      encryptWaiting(draft, conversation)
    })
    await settle()
    expect(envelopes(carol, ada)).toEqual([])
    expect((await states(id)).map(({ state }) => state)).toEqual(['queued'])
  })

  test('reading is told once, and is kept on both sides', async () => {
    const id = await send('read me')
    await bob.node.messages.markRead([id, id])
    await bob.node.messages.markRead([id])
    await settle()
    expect((await states(id)).map(({ state }) => state)).toEqual(['queued', 'delivered', 'read'])
    await world.restart(ada)
    await world.restart(bob)
    expect((await states(id)).at(-1)).toMatchObject({ state: 'read' })
    expect((await bob.node.messages.get(id)).state).toBe('read')
  })

  test('what was never sent cannot be marked as read', async () => {
    const own = await send('mine')
    await ada.node.messages.markRead([own])
    expect((await states(own)).at(-1)).toMatchObject({ state: 'delivered' })
    await expect(ada.node.messages.markRead([`m_${'0'.repeat(32)}`])).rejects.toMatchObject({
      code: 'MESSAGE_NOT_FOUND',
    })
    await expect(ada.node.messages.markRead(['m_0'])).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  })

  test('who only listens turns the ratchet after fifty messages, with nothing to show for it', async () => {
    const fromBob = (): number => ada.core.inbox.counts.get('opened') ?? 0
    await bob.node.conversation('ada').send('I listen')
    await settle()
    await clock.advance(SECOND) // its delivery is written
    const before = { sent: fromBob(), head: bob.core.events.head }
    for (let at = 0; at < 48; at++) await send(`text ${at}`)
    expect(fromBob()).toBe(before.sent)
    for (let at = 48; at < 120; at++) await send(`text ${at}`)
    expect(fromBob()).toBe(before.sent + 2)
    expect(bob.core.events.head).toBe(before.head + 120)
    expect(await texts(ada, bob)).toHaveLength(121)
    expect(envelopes(bob, ada)).toEqual([])
  })

  test('who has got a text and sent nothing for a day turns the ratchet once', async () => {
    const fromBob = (): number => ada.core.inbox.counts.get('opened') ?? 0
    await send('hello')
    await clock.advance(22 * HOUR)
    expect(fromBob()).toBe(0)
    await clock.advance(3 * HOUR)
    expect(fromBob()).toBe(1)
    const { head } = bob.core.events
    await clock.advance(4 * 24 * HOUR)
    expect(fromBob()).toBe(1)
    expect(bob.core.inbox.counts.get('opened')).toBe(2) // our name and the text: no answer to the answer
    expect(bob.core.events.head).toBe(head)
  })

  test('while nothing can be encrypted, no control messages pile up', async () => {
    await send('hello')
    await bob.node.contacts.verify('ada', bob.node.contacts.safetyNumber('ada'))
    const conversation = bob.core.book.byAccount(ada.account.key)
    await conversation?.step((draft) => draft.patch({ trust: 'changed' }))
    for (let at = 0; at < 120; at++) await send(`text ${at}`)
    expect(conversation?.outbox.size).toBe(1)
  })
})
