import { beforeEach, describe, expect, test } from 'vitest'
import { encodeContactLink } from '../../protocol/link.ts'
import type { NodeEvent } from '../../node/api.ts'
import { ChatWorld, envelopes, introduce, texts, type Person } from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const SECOND = 1000

describe('contacts', () => {
  let clock: ManualClock
  let world: ChatWorld
  let ada: Person
  let bob: Person
  let carol: Person

  beforeEach(async () => {
    clock = new ManualClock()
    world = await ChatWorld.create('contacts', clock)
    ada = await world.person('ada')
    bob = await world.person('bob')
    carol = await world.person('carol')
    await settle()
  })

  /** Sends and waits for what can happen at once; the state it got to. */
  async function say(from: Person, to: Person, text: string): Promise<string> {
    if (from.core.book.byAccount(to.account.key) === undefined) {
      await from.node.contacts.add(to.peer)
    }
    const { id } = await from.node.conversation(to.peer).send(text)
    await settle()
    await clock.advance(5 * SECOND)
    return (await from.node.messages.get(id)).state
  }

  async function eventsOf(person: Person): Promise<readonly NodeEvent[]> {
    await person.core.records.flush()
    const { head } = person.core.events
    const events: NodeEvent[] = []
    for await (const { ack: _, ...event } of person.node.events({ from: 'start' })) {
      events.push(event)
      if (event.seq === head) break
    }
    return events
  }

  describe('names', () => {
    test('a contact is found by id, name and PeerId', async () => {
      const { id } = await ada.node.contacts.add(bob.peer, { name: 'Bob B.' })
      for (const ref of [id, 'Bob B.', bob.peer]) {
        expect(ada.node.contacts.get(ref)).toMatchObject({ id, name: 'Bob B.' })
      }
      expect(() => ada.node.contacts.get('bob')).toThrow(
        expect.objectContaining({ code: 'CONTACT_NOT_FOUND' }),
      )
    })

    test('a link and a PeerId name the same contact; adding again renames', async () => {
      const link = encodeContactLink({ account: bob.account.key, mailboxes: [], addresses: [] })
      const first = await ada.node.contacts.add(bob.peer)
      expect(first.name).toBe(`peer-${bob.peer.slice(-8)}`)
      const again = await ada.node.contacts.add(link.toLowerCase(), { name: 'bob' })
      expect(again).toMatchObject({ id: first.id, name: 'bob' })
      expect(await ada.node.contacts.add(bob.peer)).toMatchObject({ name: 'bob' })
      expect(ada.node.contacts.list()).toHaveLength(1)
    })

    test('two contacts do not share a name, also when they are added at once', async () => {
      const results = await Promise.allSettled([
        ada.node.contacts.add(bob.peer, { name: 'friend' }),
        ada.node.contacts.add(carol.peer, { name: 'friend' }),
      ])
      expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
      expect(results[1]).toMatchObject({ reason: { code: 'INVALID_ARGUMENT' } })
      expect(ada.node.contacts.list()).toHaveLength(1)
    })

    test.each(['', ' ', 'x'.repeat(65), 'c_0123', '12D3KooWabc', 'sotto:c/1/x', '\ud800'])(
      'nobody is called %j',
      async (name) => {
        await expect(ada.node.contacts.add(bob.peer, { name })).rejects.toMatchObject({
          code: 'INVALID_ARGUMENT',
        })
        expect(ada.node.contacts.list()).toEqual([])
      },
    )

    test.each(['', 'bob', 'SOTTO:C/1/AAAA', '12D3KooW', 'SOTTO:M/1/AAAA'])(
      'nobody lives at %j',
      async (address) => {
        await expect(ada.node.contacts.add(address)).rejects.toMatchObject({
          code: 'INVALID_ARGUMENT',
        })
      },
    )

    test('our own address is no contact', async () => {
      await expect(ada.node.contacts.add(ada.peer)).rejects.toThrow('this address is your own')
    })

    test('a contact without a name gets the one it tells', async () => {
      await ada.node.contacts.add(bob.peer, { name: 'my bob' })
      await bob.node.contacts.add(ada.peer)
      await say(ada, bob, 'hello')
      await say(bob, ada, 'hello')
      expect(bob.node.contacts.get(ada.peer).name).toBe('ada')
      expect(ada.node.contacts.get(bob.peer).name).toBe('my bob')
    })

    test('nobody can call themselves like a contact, or like an id', async () => {
      await bob.node.contacts.add(carol.peer, { name: 'carol' })
      await ada.core.rename('carol')
      await say(ada, bob, 'it is me, carol')
      expect(bob.node.contacts.get(ada.peer).name).toBe(`peer-${ada.peer.slice(-8)}`)
      expect(bob.node.contacts.get('carol').peer).toBe(carol.peer)

      const mallory = await world.person('mallory')
      const unknown = (await world.person('dave')).peer
      await mallory.core.rename(unknown)
      await say(mallory, bob, 'hello')
      expect(bob.node.contacts.get(mallory.peer).name).toBe(`peer-${mallory.peer.slice(-8)}`)
      expect(() => bob.node.contacts.get(unknown)).toThrow()
    })

    test("a stranger's name keeps no contact from having it", async () => {
      await ada.core.rename('carol')
      await say(ada, bob, 'it is me, carol')
      expect(bob.node.contacts.get('carol').peer).toBe(ada.peer)
      await bob.node.contacts.add(carol.peer, { name: 'carol' })
      expect(bob.node.contacts.get('carol').peer).toBe(carol.peer)
      // Taken in, the stranger must be told apart.
      const added = await bob.node.contacts.add(ada.peer)
      expect(added.name).toBe(`peer-${ada.peer.slice(-8)}`)
    })
  })

  describe('strangers', () => {
    test('who writes first is a request until we answer or add them', async () => {
      await say(ada, bob, 'hello')
      expect(bob.node.contacts.get(ada.peer)).toMatchObject({ state: 'requested', bundle: null })
      expect(await say(bob, ada, 'and you are?')).toBe('delivered')
      expect(bob.node.contacts.get(ada.peer)).toMatchObject({ state: 'accepted' })
      const types = (await eventsOf(bob)).map(({ type }) => type)
      expect(types.slice(0, 2)).toEqual(['contact.requested', 'message.received'])
    })

    test('adding somebody who wrote first is an event of its own, once', async () => {
      await say(ada, bob, 'hello')
      await bob.node.contacts.add(ada.peer)
      await bob.node.contacts.add(ada.peer)
      const types = (await eventsOf(bob)).map(({ type }) => type)
      expect(types).toEqual(['contact.requested', 'message.received', 'contact.added'])
    })

    test('a stranger is not looked up, not even after a restart', async () => {
      await say(ada, bob, 'hello')
      const asked: string[] = []
      const get = world.directory.get.bind(world.directory)
      world.directory.get = (key, ...rest) => {
        asked.push(String(key))
        return get(key, ...rest)
      }
      await world.restart(bob)
      await clock.advance(20 * SECOND)
      expect(asked).toEqual([])
      await bob.node.contacts.add(ada.peer)
      await clock.advance(SECOND)
      expect(asked.length).toBeGreaterThan(0)
    })

    test('a stranger gets no receipt for having been read', async () => {
      await ada.node.contacts.add(bob.peer)
      const { id } = await ada.node.conversation(bob.peer).send('read me')
      await settle()
      await clock.advance(5 * SECOND)
      await bob.node.messages.markRead([id])
      await clock.advance(5 * SECOND)
      expect((await ada.node.messages.get(id)).state).toBe('delivered')
      expect((await bob.node.messages.get(id)).state).toBe('read')
    })
  })

  describe('safety', () => {
    beforeEach(async () => {
      await introduce(ada, bob)
      await settle()
    })

    test('both see the same sixty digits', () => {
      const number = ada.node.contacts.safetyNumber('bob')
      expect(number).toMatch(/^\d{60}$/)
      expect(bob.node.contacts.safetyNumber('ada')).toBe(number)
    })

    test('the right number verifies, with or without spaces, and a wrong one does not', async () => {
      const number = ada.node.contacts.safetyNumber('bob')
      const wrong = number.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10))
      for (const typed of [wrong, '', number.slice(1), carol.node.id.peer]) {
        await expect(ada.node.contacts.verify('bob', typed)).rejects.toMatchObject({
          code: 'SAFETY_NUMBER_MISMATCH',
        })
      }
      expect(ada.node.contacts.get('bob')).toMatchObject({ trust: 'unverified', verifiedAt: null })
      const spaced = number.replace(/(.{5})/g, '$1 ')
      expect(await ada.node.contacts.verify('bob', spaced)).toMatchObject({ trust: 'verified' })
      await ada.node.contacts.verify('bob', number)
      const trust = (await eventsOf(ada)).filter(({ type }) => type === 'contact.trust')
      expect(trust).toMatchObject([{ from: 'unverified', to: 'verified' }])
    })

    test('a message can be for verified contacts only', async () => {
      const conversation = ada.node.conversation('bob')
      await expect(conversation.send('secret', { requireVerified: true })).rejects.toMatchObject({
        code: 'NOT_VERIFIED',
      })
      await ada.node.contacts.verify('bob', ada.node.contacts.safetyNumber('bob'))
      await conversation.send('secret', { requireVerified: true })
      await clock.advance(SECOND)
      expect(await texts(bob, ada)).toEqual(['secret'])
    })
  })

  describe('another device key', () => {
    beforeEach(async () => {
      await introduce(ada, bob)
      await settle()
      const states = [await say(ada, bob, 'hello'), await say(bob, ada, 'hello')]
      if (states.some((state) => state !== 'delivered')) throw new Error('they cannot talk')
    })

    /** bob begins again with the same account, and writes to ada. */
    async function reinstalled(): Promise<void> {
      await clock.advance(SECOND)
      await world.reinstall(bob)
      await clock.advance(SECOND)
      await bob.node.contacts.add(ada.peer, { name: 'ada' })
      await bob.node.conversation('ada').send('I have a new machine')
      await settle()
      await clock.advance(10 * SECOND)
    }

    test('of an unverified contact is taken over', async () => {
      await reinstalled()
      expect(await texts(ada, bob)).toContain('I have a new machine')
      expect(ada.node.contacts.get('bob').trust).toBe('unverified')
      expect(await say(ada, bob, 'good for you')).toBe('delivered')
      expect(await texts(bob, ada)).toContain('good for you')
    })

    test('of a verified contact is shown, and nothing is sent until it is verified again', async () => {
      const number = ada.node.contacts.safetyNumber('bob')
      await ada.node.contacts.verify('bob', number)
      world.kill(bob)
      const { id } = await ada.node.conversation('bob').send('for the old machine')
      await reinstalled()
      expect(ada.node.contacts.get('bob').trust).toBe('changed')
      expect(await texts(ada, bob)).toContain('I have a new machine')
      await expect(ada.node.conversation('bob').send('who are you?')).rejects.toMatchObject({
        code: 'KEY_CHANGED',
      })
      await world.restart(ada)
      expect(ada.node.contacts.get('bob').trust).toBe('changed')
      expect(ada.node.status.contacts.changed).toBe(1)
      const waiting = envelopes(ada, bob).length
      await ada.node.messages.markRead(
        (await ada.node.messages.list('bob')).flatMap((entry) =>
          entry.kind === 'text' && entry.direction === 'in' ? [entry.id] : [],
        ),
      )
      expect(envelopes(ada, bob)).toHaveLength(waiting) // no receipt for the new key either

      await ada.node.contacts.verify('bob', number)
      expect(await say(ada, bob, 'welcome back')).toBe('delivered')
      expect(await texts(bob, ada)).toContain('welcome back')
      const trust = (await eventsOf(ada)).filter(({ type }) => type === 'contact.trust')
      expect(trust).toMatchObject([
        { from: 'unverified', to: 'verified' },
        { from: 'verified', to: 'changed' },
        { from: 'changed', to: 'verified' },
      ])
      // What was encrypted to the old key was encrypted again, once the user had agreed.
      expect((await ada.node.messages.get(id)).state).toBe('delivered')
      expect(await texts(bob, ada)).toContain('for the old machine')
    })

    test('is found out by who writes to it, and what it could not open comes again', async () => {
      await clock.advance(20 * SECOND)
      await world.reinstall(bob)
      await settle()
      const { id } = await ada.node.conversation('bob').send('are you there?')
      await settle()
      await clock.advance(20 * SECOND)
      expect((await ada.node.messages.get(id)).state).toBe('delivered')
      expect(await texts(bob, ada)).toEqual(['…', 'are you there?'])
    })

    test('that is older than the newest one seen is refused', async () => {
      const old = bob.disk
      await reinstalled()
      world.kill(bob)
      await clock.advance(SECOND)
      bob.disk = old // a thief with the old machine
      await world.restart(bob)
      const { head } = ada.core.events
      const conversation = bob.core.book.byAccount(ada.account.key)
      await conversation?.step((draft) => {
        draft.sessions = [] // begins a handshake of its own
      })
      await bob.node.conversation('ada').send('it is me')
      await settle()
      await clock.advance(10 * SECOND)
      expect(ada.core.events.head).toBe(head)
      expect(ada.core.inbox.counts.get('not-authentic')).toBeGreaterThan(0)
      expect(await texts(ada, bob)).not.toContain('it is me')
    })
  })
})
