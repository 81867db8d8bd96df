import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { sendingSession } from '../../protocol/sessions.ts'
import { openLevel, type OpenStores } from '../../net/platform/level-store.ts'
import type { HistoryEntry, NodeEvent } from '../../node/api.ts'
import { keys } from '../../node/keys.ts'
import {
  ChatWorld,
  conversation,
  envelopes,
  introduce,
  received,
  texts,
  type Person,
} from '../support/chat-world.ts'
import { flipBit, recordNames, toldDamage } from '../support/damaged-store.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

describe('damaged records of a node', () => {
  let dir: string
  let level: OpenStores
  let clock: ManualClock
  let world: ChatWorld
  let ada: Person
  /** His store is a LevelDB on the disk. */
  let bob: Person

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sotto-damage-'))
    level = await openLevel(join(dir, 'store'))
    clock = new ManualClock()
    world = await ChatWorld.create('damage', clock)
    ada = await world.person('ada')
    bob = await world.person('bob', level.records)
    await introduce(ada, bob)
    await rest()
    await talk('hello', 'hello, ada')
  })

  afterEach(async () => {
    await ada.node.stop()
    await bob.node.stop()
    await level.close()
    await rm(dir, { recursive: true, force: true })
  })

  /** Time for a disk: it takes turns that are not counted. */
  async function rest(ms = MINUTE): Promise<void> {
    for (let at = 0; at < 6; at++) {
      await settle(40)
      await new Promise((resolve) => setTimeout(resolve, 5))
      await clock.advance(ms / 6)
    }
    await settle(40)
  }

  async function talk(from: string, back: string): Promise<void> {
    await ada.node.conversation(bob.peer).send(from)
    await rest()
    await bob.node.conversation(ada.peer).send(back)
    await rest()
  }

  function sendingId(of: Person, other: Person): string {
    const { sessions, contact } = conversation(of, other)
    return toHex(sendingSession(sessions, contact.handshakes)?.id ?? new Uint8Array())
  }

  const names = (prefix: string): Promise<readonly string[]> => recordNames(bob, prefix)
  const damage = (key: string | undefined, bit?: number): Promise<void> => flipBit(bob, key, bit)
  const told = (): Promise<readonly string[]> => toldDamage(bob)

  test('a session: it is replaced, the contact stays, and nothing is lost', async () => {
    const id = conversation(bob, ada).id
    const before = sendingId(bob, ada)
    const why: string[] = []
    await bob.node.stop()
    await ada.node.conversation('bob').send('while he was away')
    await rest()
    for (const key of await names(keys.sessions(id))) await damage(key)
    await world.restart(bob)
    bob.node.on('contact.renewal', ({ reason }) => why.push(reason))
    expect(bob.node.status.damaged).toMatchObject({ session: 1, contact: 0 })
    expect(await told()).toEqual(['session 1'])
    expect(conversation(bob, ada).contact.renewal.wanted?.reason ?? 'made').toMatch(/damaged|made/)
    await rest(3 * MINUTE)
    expect(sendingId(bob, ada)).not.toBe(before)
    expect(sendingId(bob, ada)).toBe(sendingId(ada, bob))
    await talk('still there?', 'yes')
    await rest(26 * HOUR)
    expect((await texts(bob, ada)).toSorted()).toEqual(
      ['hello', 'hello, ada', 'still there?', 'while he was away', 'yes'].toSorted(),
    )
    await world.restart(bob)
    expect(bob.node.status.damaged.session).toBe(0)
  })

  test('a session: the records beside it go with it', async () => {
    const { id } = conversation(bob, ada)
    const beside = `skipped/${id}/${sendingId(bob, ada)}/`
    world.network.part(ada.peer, bob.peer)
    for (const text of ['one', 'two']) await ada.node.conversation('bob').send(text)
    await settle(40)
    await bob.core.inbox.fromPeer(ada.account.key, envelopes(ada, bob).slice(1))
    await bob.node.stop()
    expect((await names(beside)).length).toBeGreaterThan(0)
    await damage(`session/${id}/${beside.split('/')[2]}`)
    await world.restart(bob)
    await settle(40)
    expect(await names(beside)).toEqual([])
  })

  test('a key of a skipped message: it costs that message, which is named and sent again', async () => {
    world.network.part(ada.peer, bob.peer)
    for (const text of ['one', 'two', 'three']) await ada.node.conversation('bob').send(text)
    await settle(40)
    const sent = envelopes(ada, bob)
    expect(await bob.core.inbox.fromPeer(ada.account.key, sent.slice(2))).toEqual(['opened'])
    const skipped = (await names(`skipped/${conversation(bob, ada).id}/`)).filter((key) =>
      /\/k[^/]*$/.test(key),
    )
    expect(skipped).toHaveLength(2)
    await damage(skipped[0])
    await world.restart(bob)
    expect(bob.node.status.damaged.key).toBe(1)
    expect(await told()).toEqual(['key 1'])
    expect(await bob.core.inbox.fromPeer(ada.account.key, sent.slice(0, 2))).toEqual([
      'not-authentic',
      'opened',
    ])
    expect((await texts(bob, ada)).filter((text) => text === '…')).toHaveLength(1)
    world.network.join(ada.peer, bob.peer)
    await rest(30 * MINUTE)
    expect((await texts(bob, ada)).slice(2)).toEqual(['one', 'two', 'three'])
  })

  test('a contact: who it is shows by its sessions, and it is verified no more', async () => {
    const number = bob.node.contacts.safetyNumber('ada')
    await bob.node.contacts.verify('ada', number)
    await rest()
    const { id } = conversation(bob, ada)
    const { sentCounter, receivedCounter } = conversation(bob, ada).contact
    await bob.node.stop()
    await damage(keys.contact(id))
    await world.restart(bob)
    expect(await told()).toEqual(['contact 1'])
    expect(bob.node.contacts.list()).toMatchObject([
      {
        id,
        peer: ada.peer,
        name: `peer-${ada.peer.slice(-8)}`,
        trust: 'unverified',
        state: 'accepted',
      },
    ])
    expect(conversation(bob, ada).contact).toMatchObject({ sentCounter, receivedCounter })
    expect(sendingId(bob, ada)).toBe(sendingId(ada, bob))
    await world.restart(bob)
    expect(bob.node.status.damaged.contact).toBe(0) // it is written again
    await talk('do you know me?', 'by your keys')
    expect(await texts(ada, bob)).toEqual([
      'hello',
      'hello, ada',
      'do you know me?',
      'by your keys',
    ])
    expect(await received(bob)).toHaveLength(2)
  })

  test('a contact without a session: it is counted and told of, and the node starts', async () => {
    const { id } = conversation(bob, ada)
    await bob.node.stop()
    for (const key of [keys.contact(id), ...(await names(keys.sessions(id)))]) await damage(key)
    await world.restart(bob)
    expect(bob.node.contacts.list()).toEqual([])
    expect(bob.node.status.damaged.contact).toBe(1)
    expect(await told()).toEqual(['contact 1'])
    await bob.node.contacts.add(ada.peer, { name: 'ada' })
    await rest()
    await bob.node.conversation('ada').send('from the beginning')
    await rest(3 * MINUTE)
    expect(await texts(ada, bob)).toContain('from the beginning')
  })

  test('a message: the history says so, and everything else goes on', async () => {
    await talk('second', 'second, ada')
    const { id } = conversation(bob, ada)
    const [theirs] = (await names(keys.received(id))).slice(1)
    await damage(theirs)
    await damage(keys.sentMessage(id, 1))
    const shown = (entry: HistoryEntry): string =>
      entry.kind === 'text'
        ? entry.text
        : entry.kind === 'damaged'
          ? `? ${entry.direction} ${entry.counter}`
          : '…'
    const list = async (): Promise<readonly string[]> =>
      (await bob.node.messages.list('ada')).map(shown)
    const whole = ['hello', '? out 1', '? in 2', 'second, ada']
    expect((await list()).toSorted()).toEqual(whole.toSorted())
    await world.restart(bob)
    expect((await list()).toSorted()).toEqual(whole.toSorted())
    expect(bob.node.status.damaged.message).toBe(2)
    expect((await received(bob)).map(({ text }) => text)).toEqual(['hello'])
    const about: NodeEvent['type'][] = []
    bob.node.on('node.damaged', ({ type }) => about.push(type))
    await damage((await names(keys.received(id)))[0])
    await list()
    expect(about).toEqual(['node.damaged'])
    await talk('third', 'third, ada')
    expect((await list()).slice(-2)).toEqual(['third', 'third, ada'])
  })

  test('an entry of the outbox: the message is taken from the history again', async () => {
    world.network.part(ada.peer, bob.peer)
    await bob.node.conversation('ada').send('waits')
    await settle(40)
    await damage((await names(keys.outboxOf(conversation(bob, ada).id)))[0])
    await world.restart(bob)
    expect(bob.node.status.damaged.entry).toBe(1)
    world.network.join(ada.peer, bob.peer)
    await rest(5 * MINUTE)
    expect(await texts(ada, bob)).toContain('waits')
    expect(bob.core.book.byAccount(ada.account.key)?.outbox.size).toBe(0)
  })

  test('any one of contacts, sessions, messages, events and what goes with them: the node starts, and numbers go on', async () => {
    world.network.part(ada.peer, bob.peer)
    for (const text of ['one', 'two']) await ada.node.conversation('bob').send(text)
    await bob.node.conversation('ada').send('three')
    await settle(40)
    await bob.core.inbox.fromPeer(ada.account.key, envelopes(ada, bob).slice(1))
    await bob.core.inbox.fromMailbox(ada.peer, envelopes(ada, bob).slice(0, 1))
    await settle(40)
    await bob.node.stop()
    const all = (await names('')).filter((key) => !/^(own|node|commit)\//.test(key))
    const kinds = new Set(all.map((key) => key.slice(0, key.indexOf('/'))))
    expect([...kinds].toSorted()).toEqual(
      [
        'contact',
        'due',
        'event',
        'generation',
        'handshake',
        'id',
        'message',
        'outbox',
        'seen',
        'session',
        'skipped',
      ].toSorted(),
    )
    const head = bob.core.events.head
    for (const [at, key] of all.entries()) {
      const value = await bob.disk.store.get(key)
      if (value === undefined) continue // an earlier run has settled it
      await damage(key, at * 37)
      await world.restart(bob)
      expect(bob.core.events.head, key).toBeGreaterThanOrEqual(head)
      await texts(bob, ada).catch((error: unknown) => {
        if (!key.startsWith('contact')) throw error
      })
      await received(bob)
      await bob.node.stop()
      if ((await bob.disk.store.get(key)) !== undefined) await bob.disk.store.put(key, value)
    }
  })
})
