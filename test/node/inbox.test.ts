import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { Outcome } from '../../node/outcome.ts'
import type { AccountKey } from '../../protocol/account.ts'
import { MAX_ENVELOPE_BYTES } from '../../protocol/envelope.ts'
import { encryptMessage } from '../../protocol/session.ts'
import { sendingSession } from '../../protocol/sessions.ts'
import { toHex } from '../../protocol/bytes.ts'
import {
  ChatWorld,
  envelopes,
  introduce,
  received,
  texts,
  type Person,
} from '../support/chat-world.ts'
import { ManualClock, settle, until } from '../support/manual-clock.ts'

describe('the inbox', () => {
  let clock: ManualClock
  let world: ChatWorld
  let ada: Person
  let bob: Person
  let carol: Person

  beforeEach(async () => {
    clock = new ManualClock()
    world = await ChatWorld.create('inbox', clock)
    ada = await world.person('ada')
    bob = await world.person('bob')
    carol = await world.person('carol')
    await settle()
  })

  /** Envelopes of `from` for `to`, which do not reach `to` by themselves. */
  async function written(
    from: Person,
    to: Person,
    ...lines: readonly string[]
  ): Promise<readonly Uint8Array[]> {
    world.network.part(from.peer, to.peer)
    await from.node.contacts.add(to.peer)
    for (const line of lines) await from.node.conversation(to.peer).send(line)
    await until(() => envelopes(from, to).length > lines.length - 1)
    return envelopes(from, to)
  }

  /** Everything in a store, sealed as it is. */
  async function contents({ disk }: Person): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>()
    for await (const [key, value] of disk.store.iterator()) found.set(key, toHex(value))
    return found
  }

  /** Nothing of a person changes by `work`, in memory or on the disk. */
  async function withoutTrace(person: Person, work: () => Promise<void>): Promise<void> {
    await person.core.records.flush()
    const before = await contents(person)
    const { head } = person.core.events
    const { contacts } = person.node
    const listed = contacts.list()
    await work()
    await person.core.records.flush()
    expect(await contents(person)).toEqual(before)
    expect(person.core.events.head).toBe(head)
    expect(contacts.list()).toEqual(listed)
  }

  const from = (sender: Person, ...bytes: readonly Uint8Array[]): ReturnType<typeof fromPeer> =>
    fromPeer(sender, bytes)
  const fromPeer = (sender: Person, bytes: readonly Uint8Array[]) =>
    bob.core.inbox.fromPeer(sender.account.key, bytes)

  test('a first message makes a contact, a session and a message in one batch', async () => {
    const [profile, first] = await written(ada, bob, 'hello')
    if (profile === undefined || first === undefined) throw new Error('nothing was written')
    const { batches } = bob.core.records.counts
    expect(await from(ada, profile)).toEqual(['opened'])
    expect(bob.core.records.counts.batches).toBe(batches + 1)
    expect(await from(ada, first)).toEqual(['opened'])
    expect(bob.node.contacts.list()).toMatchObject([
      { name: 'ada', peer: ada.peer, state: 'requested', session: { startedBy: 'theirs' } },
    ])
    expect(await texts(bob, ada)).toEqual(['hello'])
  })

  test('later messages of a handshake may come first', async () => {
    const all = await written(ada, bob, 'one', 'two', 'three')
    expect(await from(ada, ...all.toReversed())).toEqual(all.map(() => 'opened'))
    expect(await texts(bob, ada)).toEqual(['one', 'two', 'three'])
    const late = (await received(bob)).map(({ text, late: is }) => [text, is])
    expect(late).toEqual([
      ['three', false],
      ['two', true],
      ['one', true],
    ])
  })

  test('what comes again is confirmed again and changes nothing, also after a restart', async () => {
    const all = await written(ada, bob, 'once')
    await from(ada, ...all)
    await withoutTrace(bob, async () => {
      expect(await from(ada, ...all)).toEqual(all.map(() => 'duplicate'))
    })
    await world.restart(bob)
    await withoutTrace(bob, async () => {
      expect(await from(ada, ...all)).toEqual(all.map(() => 'duplicate'))
    })
    expect(await texts(bob, ada)).toEqual(['once'])
  })

  test('twice in one run is once in the history', async () => {
    const all = await written(ada, bob, 'once')
    const outcomes = await from(ada, ...all, ...all)
    expect(outcomes).toEqual([...all.map(() => 'opened'), ...all.map(() => 'duplicate')])
    expect(await texts(bob, ada)).toEqual(['once'])
  })

  test('two runs at once make one session', async () => {
    const all = await written(ada, bob, 'once')
    const outcomes = await Promise.all([from(ada, ...all), from(ada, ...all)])
    expect(outcomes.flat().toSorted()).toEqual([
      ...all.map(() => 'duplicate'),
      ...all.map(() => 'opened'),
    ])
    expect(bob.core.book.byAccount(ada.account.key)?.sessions).toHaveLength(1)
    expect(bob.node.contacts.list()).toHaveLength(1)
  })

  test('adding a contact while it writes for the first time makes one contact', async () => {
    const all = await written(ada, bob, 'hello')
    await Promise.all([
      from(ada, ...all),
      bob.node.contacts.add(ada.peer, { name: 'dear ada' }),
      bob.node.contacts.add(ada.peer),
    ])
    expect(bob.node.contacts.list()).toMatchObject([{ name: 'dear ada', state: 'accepted' }])
    await world.restart(bob)
    expect(bob.node.contacts.list()).toHaveLength(1)
    expect(await texts(bob, ada)).toEqual(['hello'])
  })

  test('a first message on the stream of somebody else belongs to nobody', async () => {
    const [first] = await written(ada, bob, 'hello')
    if (first === undefined) throw new Error('nothing was written')
    await withoutTrace(bob, async () => {
      expect(await from(carol, first)).toEqual(['not-authentic'])
    })
    expect(await from(ada, first)).toEqual(['opened'])
    await withoutTrace(bob, async () => {
      expect(await from(carol, first)).toEqual(['no-session'])
    })
  })

  test('a damaged first message leaves no trace, and does not keep the whole one out', async () => {
    const [first] = await written(ada, bob, 'hello')
    if (first === undefined) throw new Error('nothing was written')
    await withoutTrace(bob, async () => {
      for (let at = 0; at < first.length; at += Math.ceil(first.length / 60)) {
        const damaged = first.slice()
        damaged[at] = (damaged[at] ?? 0) ^ 0x10
        const [outcome] = await from(ada, damaged)
        expect(['not-authentic', 'unknown-prekey']).toContain(outcome)
        await clock.advance(1000) // handshakes are limited
      }
    })
    expect(await from(ada, first)).toEqual(['opened'])
  })

  test('a damaged first message does not use up a one-time pair', async () => {
    const { service, link } = await world.mailbox()
    const enrolled = bob.node.mailbox.use(link)
    await clock.advance(1000)
    const { peer: mailbox } = await enrolled
    await clock.advance(1000)
    world.network.part(bob.peer, mailbox) // what is left there stays there
    const [first] = await written(ada, bob, 'hello')
    if (first === undefined) throw new Error('nothing was written')
    expect(ada.node.contacts.get(bob.peer).session?.oneTime).toBe(true)
    const pairs = async (): Promise<number> =>
      [...(await contents(bob)).keys()].filter((key) => key.startsWith('own/pair/')).length
    const before = await pairs()
    const damaged = first.slice()
    damaged[first.length - 1] = (damaged.at(-1) ?? 0) ^ 1
    await withoutTrace(bob, async () => {
      expect(await from(ada, damaged)).toEqual(['not-authentic'])
    })
    expect(await from(carol, first)).toEqual(['not-authentic'])
    expect(await from(ada, first)).toEqual(['opened'])
    expect(await pairs()).toBe(before - 1)
    await service.stop()
  })

  test('noise has its outcomes', async () => {
    const [forCarol] = await written(ada, carol, 'for carol')
    if (forCarol === undefined) throw new Error('nothing was written')
    await withoutTrace(bob, async () => {
      expect(await from(ada, forCarol)).toEqual(['unknown-prekey'])
      expect(await from(ada, new Uint8Array(MAX_ENVELOPE_BYTES + 1))).toEqual(['oversized'])
      expect(
        await from(
          ada,
          new Uint8Array(0),
          new Uint8Array(400),
          Uint8Array.from({ length: 400 }, (_, at) => at),
        ),
      ).toEqual(['not-authentic', 'not-authentic', 'not-authentic'])
    })
  })

  test('an envelope of a session belongs to that contact or to nobody', async () => {
    await introduce(ada, carol)
    await settle()
    await ada.node.conversation('carol').send('first')
    await settle()
    await carol.node.conversation('ada').send('back')
    await settle()
    const [session] = await written(ada, carol, 'second')
    if (session === undefined) throw new Error('nothing was written')
    await withoutTrace(bob, async () => {
      expect(await from(ada, session)).toEqual(['no-session'])
    })
    await from(ada, ...(await written(ada, bob, 'hello')))
    await withoutTrace(bob, async () => {
      expect(await from(ada, session)).toEqual(['no-session'])
    })
    expect(await carol.core.inbox.fromPeer(bob.account.key, [session])).toEqual(['no-session'])
    expect(await carol.core.inbox.fromPeer(ada.account.key, [session])).toEqual(['opened'])
  })

  test('a jump that is too far is not opened, and what follows still is', async () => {
    const [profile, ...rest] = await written(ada, bob, 'hello')
    if (profile === undefined) throw new Error('nothing was written')
    await from(ada, profile)
    let session = sendingSession(ada.core.book.byAccount(bob.account.key)?.sessions ?? [])
    let far = profile
    const random = world.random()
    for (let count = 0; count < 4002; count++) {
      if (session === undefined) throw new Error('no session')
      const made = encryptMessage(session, new Uint8Array(1), {
        now: clock.now(),
        random,
        salts: random,
      })
      ;({ next: session, envelope: far } = made)
    }
    await withoutTrace(bob, async () => {
      expect(await from(ada, far)).toEqual(['too-far-ahead'])
    })
    expect(await from(ada, ...rest)).toEqual(rest.map(() => 'opened'))
  })

  test('handshakes are limited by sender, and allowed again with time', async () => {
    const [first] = await written(ada, bob, 'hello')
    if (first === undefined) throw new Error('nothing was written')
    const damaged = first.slice()
    damaged[first.length - 1] = (damaged.at(-1) ?? 0) ^ 1
    const outcomes = await from(ada, ...Array.from({ length: 12 }, () => damaged))
    expect(outcomes.slice(9)).toEqual(['not-authentic', 'store-full', 'store-full'])
    const [other] = await written(carol, bob, 'me too')
    if (other === undefined) throw new Error('nothing was written')
    expect(await from(carol, other)).toEqual(['opened'])
    expect(await from(ada, first)).toEqual(['store-full'])
    await clock.advance(1000)
    expect(await from(ada, first)).toEqual(['opened'])
  })

  test('strangers of one address keep out no contact, no mail and nobody of another address', async () => {
    const [ofAda] = await written(ada, bob, 'hello')
    const [ofCarol] = await written(carol, bob, 'hello')
    const dora = await world.person('dora')
    const [ofDora] = await written(dora, bob, 'hello')
    if (ofAda === undefined || ofCarol === undefined || ofDora === undefined) throw new Error()
    await bob.node.contacts.add(ada.peer)
    const { inbox } = bob.core
    const flood = async (sender: number, count: number): Promise<readonly Outcome[]> => {
      const account = new Uint8Array(32).fill(sender) as AccountKey
      const forged = ofDora.map((byte, at) => (at === ofDora.length - 1 ? byte ^ 1 : byte))
      const copies = Array.from({ length: count }, () => forged)
      return inbox.fromPeer(account, copies, `/ip4/10.0.0.1/tcp/${sender}`)
    }
    for (let sender = 1; sender <= 5; sender++) {
      expect(await flood(sender, 10)).toEqual(Array.from({ length: 10 }, () => 'not-authentic'))
    }
    expect(await flood(6, 1)).toEqual(['store-full'])
    expect(await inbox.fromPeer(dora.account.key, [ofDora], '/ip4/10.0.0.1/tcp/9')).toEqual([
      'store-full',
    ])
    expect(await inbox.fromPeer(ada.account.key, [ofAda], '/ip4/10.0.0.1/tcp/9')).toEqual([
      'opened',
    ])
    expect(await inbox.fromMailbox(bob.peer, [ofDora])).toEqual(['opened'])
    expect(await inbox.fromPeer(carol.account.key, [ofCarol], '/ip4/10.0.0.2/tcp/9')).toEqual([
      'opened',
    ])
  })

  test('what is over the limit is refused before the store is asked', async () => {
    const [first] = await written(ada, bob, 'hello')
    if (first === undefined) throw new Error('nothing was written')
    const damaged = first.map((byte, at) => (at === first.length - 1 ? byte ^ 1 : byte))
    await from(ada, ...Array.from({ length: 10 }, () => damaged))
    const get = vi.spyOn(bob.core.records, 'get')
    expect(await from(ada, first)).toEqual(['store-full'])
    expect(get).not.toHaveBeenCalled()
    await clock.advance(1000)
    expect(await from(ada, first)).toEqual(['opened'])
    expect(get).toHaveBeenCalled()
  })

  test('mail of many people is not limited like one of them', async () => {
    const people: Uint8Array[] = []
    for (let count = 0; count < 20; count++) {
      const [first] = await written(await world.person(`p${count}`), bob, 'hello')
      if (first !== undefined) people.push(first)
    }
    const outcomes = await bob.core.inbox.fromMailbox(bob.peer, people)
    expect(outcomes).toEqual(people.map(() => 'opened'))
  })

  test('of a stranger the first hundred envelopes are taken, of a contact all', async () => {
    const lines = Array.from({ length: 110 }, (_, at) => `line ${at}`)
    const all = await written(ada, bob, ...lines)
    const outcomes = await from(ada, ...all)
    expect(outcomes).toEqual(all.map((_, at) => (at < 100 ? 'opened' : 'blocked')))
    await withoutTrace(bob, async () => {
      expect(await from(ada, ...all.slice(95, 105))).toEqual([
        ...Array.from({ length: 5 }, () => 'duplicate'),
        ...Array.from({ length: 5 }, () => 'blocked'),
      ])
    })
    await bob.node.contacts.add(ada.peer)
    expect(await from(ada, ...all.slice(100))).toEqual(all.slice(100).map(() => 'opened'))
    expect(await texts(bob, ada)).toEqual(lines)
  })

  test('handshakes that cross end in one session, and both messages arrive', async () => {
    world.network.part(ada.peer, bob.peer)
    await introduce(ada, bob)
    await ada.node.conversation('bob').send('from ada')
    await bob.node.conversation('ada').send('from bob')
    await until(() => envelopes(ada, bob).length > 1 && envelopes(bob, ada).length > 1)
    world.network.join(ada.peer, bob.peer)
    for (let second = 0; second < 5; second++) await clock.advance(1000)
    expect(envelopes(ada, bob)).toEqual([])
    expect(envelopes(bob, ada)).toEqual([])
    const marks = [ada, bob].map((person, at) => {
      const other = [bob, ada][at] ?? ada
      const sessions = person.core.book.byAccount(other.account.key)?.sessions ?? []
      expect(sessions).toHaveLength(2)
      return toHex(sendingSession(sessions)?.handshake.mark ?? new Uint8Array(0))
    })
    expect(marks[0]).toBe(marks[1])
    expect(await texts(ada, bob)).toContain('from bob')
    expect(await texts(bob, ada)).toContain('from ada')
    await ada.node.conversation('bob').send('and on')
    await settle()
    await bob.node.conversation('ada').send('and back')
    await settle()
    expect((await texts(ada, bob)).slice(2)).toEqual(['and on', 'and back'])
  })

  test('what a mailbox brings is told apart by its tags', async () => {
    const mail = [...(await written(ada, bob, 'a1', 'a2')), ...(await written(carol, bob, 'c1'))]
    expect(await bob.core.inbox.fromMailbox(bob.peer, mail)).toEqual(mail.map(() => 'opened'))
    expect(await bob.core.inbox.fromMailbox(bob.peer, mail)).toEqual(mail.map(() => 'duplicate'))
    expect(await texts(bob, ada)).toEqual(['a1', 'a2'])
    expect(await texts(bob, carol)).toEqual(['c1'])
  })
})
