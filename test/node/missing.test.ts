import { beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import {
  createMessageId,
  decodeContent,
  encodeContent,
  type ContentBody,
} from '../../protocol/content.ts'
import { encryptMessage, type Session } from '../../protocol/session.ts'
import { sendingSession } from '../../protocol/sessions.ts'
import type { Gap } from '../../node/api.ts'
import { wantRenewal } from '../../node/renewal.ts'
import {
  ChatWorld,
  conversation,
  introduce,
  received,
  texts,
  type Person,
} from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

// The network is cut: what is said is carried over by hand, or is not.

describe('messages that do not arrive', () => {
  let clock: ManualClock
  let world: ChatWorld
  let ada: Person
  let bob: Person

  beforeEach(async () => {
    clock = new ManualClock()
    world = await ChatWorld.create('missing', clock)
    ada = await world.person('ada')
    bob = await world.person('bob')
    await introduce(ada, bob)
    await settle()
    await ada.node.conversation('bob').send('hello')
    await settle()
    await bob.node.conversation('ada').send('hello, ada')
    await clock.advance(MINUTE)
    world.network.part(ada.peer, bob.peer)
  })

  function sending(of: Person, other: Person): Session {
    const { sessions, contact } = conversation(of, other)
    const session = sendingSession(sessions, contact.handshakes)
    if (session === undefined) throw new Error('no session')
    return session
  }

  const send = async (from: Person, to: Person, text: string): Promise<void> => {
    await from.node.conversation(to.peer).send(text)
  }

  /** Orders of what waits at somebody, oldest first. */
  const waiting = (from: Person, to: Person): readonly number[] => [
    ...conversation(from, to).outbox.keys(),
  ]

  /** What waits that does not stand in the history. */
  function unlisted(from: Person, to: Person): readonly ContentBody[] {
    const entries = [...conversation(from, to).outbox.values()]
    const silent = entries.filter(({ messageId }) => messageId.length === 0)
    return silent.map(({ content }) => decodeContent(content).body)
  }

  const reports = (from: Person, to: Person): readonly ContentBody[] =>
    unlisted(from, to).filter(({ kind }) => kind === 'missing')

  /** Hands over what waits, and says that it has arrived. */
  async function carry(from: Person, to: Person, orders = waiting(from, to)): Promise<void> {
    const { outbox } = conversation(from, to)
    const envelopes = orders.flatMap((order) => outbox.get(order)?.envelope ?? [])
    const outcomes = await to.core.inbox.fromPeer(from.account.key, envelopes)
    expect(new Set(outcomes)).toEqual(new Set(['opened']))
    await conversation(from, to).delivered(orders)
    await settle()
  }

  /** ada writes so many messages, and one more, which arrives. */
  async function lose(count: number): Promise<readonly number[]> {
    for (let i = 0; i < count; i++) await send(ada, bob, `lost ${i}`)
    const lost = waiting(ada, bob)
    await send(ada, bob, 'after')
    await carry(ada, bob, waiting(ada, bob).slice(lost.length))
    return lost
  }

  /** Entries disappear, as if the store had lost them: the messages stand in the history, and wait. */
  async function forget(from: Person, to: Person, orders: readonly number[]): Promise<void> {
    await conversation(from, to).step((draft) => {
      for (const order of orders) draft.outbox.set(order, undefined)
    })
  }

  async function gaps(person: Person, other: Person): Promise<readonly string[]> {
    const entries = await person.node.messages.list(other.peer)
    return entries
      .filter((entry): entry is Gap => entry.kind === 'gap')
      .map(({ from, to, state }) => `${from}-${to} ${state}`)
  }

  /** What is told of gaps. */
  function told(person: Person): readonly string[] {
    const list: string[] = []
    person.node.on('message.gap', ({ from, to, state }) => list.push(`${from}-${to} ${state}`))
    return list
  }

  function reasons(person: Person): readonly string[] {
    const list: string[] = []
    person.node.on('contact.renewal', ({ reason }) => list.push(reason))
    return list
  }

  /** A message of ada's that her node would not write. */
  async function say(body: ContentBody, counter = 0): Promise<void> {
    const messageId = createMessageId(ada.core.random)
    const content = encodeContent({ messageId, counter, seen: 0, sentAt: 0, body })
    const from = conversation(ada, bob)
    let envelope: Uint8Array = new Uint8Array(0)
    await from.step((draft) => {
      const session = sending(ada, bob)
      const made = encryptMessage(session, content, { now: clock.now(), random: ada.core.random })
      draft.replaceSession(session, made.next)
      envelope = made.envelope
    })
    expect(await bob.core.inbox.fromPeer(ada.account.key, [envelope])).toEqual(['opened'])
    await settle()
  }

  test('are asked for after ten minutes, and come again out of the history, late', async () => {
    const heard = told(bob)
    await forget(ada, bob, await lose(3))
    expect(heard).toEqual(['2-4 open'])
    expect(await gaps(bob, ada)).toEqual(['2-4 open'])
    await clock.advance(9 * MINUTE)
    expect(reports(bob, ada)).toEqual([])
    await clock.advance(2 * MINUTE + 1)
    expect(waiting(bob, ada)).toHaveLength(1)
    await carry(bob, ada)
    expect(waiting(ada, bob)).toHaveLength(3)
    await carry(ada, bob)
    expect(await texts(bob, ada)).toEqual([
      'hello',
      'hello, ada',
      'lost 0',
      'lost 1',
      'lost 2',
      'after',
    ])
    const late = (await received(bob)).filter((message) => message.late)
    expect(late.map(({ text, counter }) => `${counter} ${text}`)).toEqual([
      '2 lost 0',
      '3 lost 1',
      '4 lost 2',
    ])
    expect(heard).toEqual(['2-4 open', '2-2 filled', '3-3 filled', '4-4 filled'])
    expect(conversation(bob, ada).contact.gaps).toEqual([])
    await clock.advance(2 * DAY)
    expect(reports(bob, ada)).toEqual([])
  })

  test('are encrypted anew, and shown once when the first envelopes come as well', async () => {
    const lost = await lose(2)
    const { outbox } = conversation(ada, bob)
    const first = lost.map((order) => outbox.get(order)?.envelope ?? new Uint8Array())
    await clock.advance(12 * MINUTE)
    await carry(bob, ada)
    const again = lost.map((order) => toHex(outbox.get(order)?.envelope ?? new Uint8Array()))
    expect(again.filter((envelope) => first.map(toHex).includes(envelope))).toEqual([])
    await carry(ada, bob)
    expect(await bob.core.inbox.fromPeer(ada.account.key, first)).toEqual(['opened', 'opened'])
    expect((await received(bob)).map(({ text }) => text)).toEqual([
      'hello',
      'after',
      'lost 0',
      'lost 1',
    ])
  })

  test('that were just encrypted are not encrypted again at each report', async () => {
    const lost = await lose(1)
    await clock.advance(12 * MINUTE)
    await carry(bob, ada)
    const order = lost[0] ?? 0
    const again = conversation(ada, bob).outbox.get(order)?.envelope
    await send(bob, ada, 'where is it?')
    await conversation(bob, ada).step((draft) => {
      draft.patch({ gaps: draft.contact.gaps.map((gap) => ({ ...gap, asks: 0, since: 0 })) })
    })
    await conversation(bob, ada).tend()
    expect(waiting(bob, ada)).toHaveLength(2)
    await carry(bob, ada)
    expect(conversation(ada, bob).outbox.get(order)?.envelope).toBe(again)
    expect(waiting(ada, bob)).toEqual(lost)
  })

  test('are asked for three times in a session, ever more rarely, and survive a restart', async () => {
    await forget(ada, bob, await lose(1))
    const counts: number[] = []
    for (const pause of [11, 50, 15, 4 * 60 - 20, 30, 20 * 60]) {
      await clock.advance(pause * MINUTE)
      if (pause === 15) await world.restart(bob)
      counts.push(waiting(bob, ada).length)
    }
    expect(counts).toEqual([1, 1, 2, 2, 3, 3])
    await clock.advance(5 * DAY)
    expect(waiting(bob, ada)).toHaveLength(3)
    expect(await gaps(bob, ada)).toEqual(['2-2 open'])
  })

  test('that are receipted or unknown at their sender will not come, and it says so', async () => {
    const heard = told(bob)
    const lost = await lose(3)
    await conversation(ada, bob).delivered(lost.slice(0, 2))
    await clock.advance(12 * MINUTE)
    await carry(bob, ada)
    await carry(ada, bob)
    expect(heard).toEqual(['2-4 open', '4-4 filled', '2-3 lost'])
    expect(await gaps(bob, ada)).toEqual(['2-3 lost'])
    await clock.advance(2 * DAY)
    expect(reports(bob, ada)).toEqual([])
  })

  test('that are lost and come all the same are shown', async () => {
    await lose(2)
    await say({ kind: 'lost', ranges: [{ first: 2, last: 3 }] })
    expect(await gaps(bob, ada)).toEqual(['2-3 lost'])
    await carry(ada, bob)
    expect(await gaps(bob, ada)).toEqual([])
    expect(await texts(bob, ada)).toEqual(['hello', 'hello, ada', 'lost 0', 'lost 1', 'after'])
  })

  test('are repeated 64 at a time until all have come', async () => {
    await forget(ada, bob, await lose(150))
    for (let round = 0; round < 3; round++) {
      await clock.advance(12 * MINUTE)
      expect(reports(bob, ada)).toHaveLength(1)
      await carry(bob, ada)
      expect(waiting(ada, bob)).toHaveLength(round < 2 ? 64 : 22)
      await carry(ada, bob)
    }
    expect(await gaps(bob, ada)).toEqual([])
    expect(await received(bob)).toHaveLength(152)
  })

  test('that stay away a day after their sender has heard of it replace the session, and are given up a day later', async () => {
    const heard = told(bob)
    const why = reasons(bob)
    await lose(1)
    await clock.advance(12 * MINUTE)
    // ada has it, answers with something else, and her repetition gets lost
    await carry(bob, ada)
    await send(ada, bob, 'what?')
    await carry(ada, bob, waiting(ada, bob).slice(-1))
    await clock.advance(23 * HOUR)
    expect(why).toEqual([])
    const before = toHex(sending(bob, ada).id)
    await clock.advance(2 * HOUR)
    expect(why).toEqual(['gap'])
    expect(toHex(sending(bob, ada).id)).not.toBe(before)
    expect(conversation(bob, ada).contact.gaps).toMatchObject([{ replaced: true }])
    const asked = waiting(bob, ada)
    await clock.advance(2 * MINUTE)
    await carry(
      bob,
      ada,
      waiting(bob, ada).filter((order) => !asked.slice(0, 2).includes(order)),
    )
    await send(ada, bob, 'again, what?')
    await carry(ada, bob, waiting(ada, bob).slice(-1))
    await clock.advance(23 * HOUR)
    expect(heard).toEqual(['2-2 open'])
    await clock.advance(3 * HOUR)
    expect(heard).toEqual(['2-2 open', '2-2 lost'])
    expect(why).toEqual(['gap'])
    expect(conversation(bob, ada).contact.gaps).toEqual([])
  })

  test('are asked for at once when the session was replaced', async () => {
    await forget(ada, bob, await lose(1))
    await clock.advance(2 * MINUTE)
    expect(reports(bob, ada)).toEqual([])
    await conversation(bob, ada).step((draft) => wantRenewal(draft, 'age', sending(bob, ada)))
    await clock.advance(2 * MINUTE)
    // a control message and the report
    await carry(bob, ada)
    await carry(ada, bob)
    expect(await gaps(bob, ada)).toEqual([])
  })

  test('are neither asked for nor answered between people who have not accepted each other', async () => {
    await forget(ada, bob, await lose(1))
    await conversation(bob, ada).step((draft) => draft.patch({ state: 'requested' }))
    await clock.advance(DAY)
    expect(reports(bob, ada)).toEqual([])
    await conversation(bob, ada).step((draft) => draft.patch({ state: 'accepted' }))
    await conversation(ada, bob).step((draft) => draft.patch({ state: 'requested' }))
    await clock.advance(2 * MINUTE)
    await carry(bob, ada)
    expect(waiting(ada, bob)).toEqual([])
  })

  test('are not repeated to a session that started afresh while the user has to agree', async () => {
    await lose(2)
    await conversation(ada, bob).delivered(waiting(ada, bob).slice(0, 1))
    await clock.advance(12 * MINUTE)
    const { id } = sending(ada, bob)
    await conversation(ada, bob).step((draft) => {
      draft.patch({ trust: 'verified', freshStarts: [{ sessionId: id, at: clock.now() }] })
    })
    const before = [...conversation(ada, bob).outbox.values()]
    await carry(bob, ada)
    expect([...conversation(ada, bob).outbox.values()]).toEqual(before)
  })

  test('of a flood of counters are bounded, the oldest are given up', async () => {
    const heard = told(bob)
    for (let counter = 10; counter < 10 + 2 * 140; counter += 2) {
      await say({ kind: 'text', text: 'x' }, counter)
    }
    expect(conversation(bob, ada).contact.gaps).toHaveLength(128)
    expect(heard.filter((line) => line.endsWith('lost'))).toHaveLength(12)
    await clock.advance(12 * MINUTE)
    await say({ kind: 'text', text: 'x' }, Number.MAX_SAFE_INTEGER)
    await clock.advance(12 * MINUTE)
    const [oldest] = conversation(bob, ada).contact.gaps
    expect(oldest).toMatchObject({ first: 35, asks: 1 })
    // one that falls apart in the middle does not make more of them
    await say({ kind: 'text', text: 'x' }, 10_000)
    expect(conversation(bob, ada).contact.gaps).toHaveLength(128)
    expect(heard.slice(-2)).toEqual(['10000-10000 filled', '35-35 lost'])
  })

  test('of a report for everything cost a bounded answer', async () => {
    const orders = await lose(100)
    await carry(ada, bob, orders)
    const report = {
      kind: 'missing',
      ranges: [{ first: 1, last: Number.MAX_SAFE_INTEGER }],
    } as const
    for (let i = 0; i < 70; i++) await send(bob, ada, `bob ${i}`)
    await say(report)
    expect(unlisted(bob, ada).filter(({ kind }) => kind !== 'control')).toEqual([
      {
        kind: 'lost',
        ranges: [
          { first: 1, last: 1 },
          { first: 72, last: Number.MAX_SAFE_INTEGER },
        ],
      },
    ])
  })
})
