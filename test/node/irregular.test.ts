import { beforeEach, expect, test } from 'vitest'
import { concat, equalBytes, fromHex } from '../../protocol/bytes.ts'
import { createMessageId, encodeContent } from '../../protocol/content.ts'
import { itemKinds } from '../../protocol/padding.ts'
import { encryptMessage, type MessageWithItems, type Session } from '../../protocol/session.ts'
import { sendingSession } from '../../protocol/sessions.ts'
import type { OutboxEntry } from '../../node/outbox.ts'
import { ChatWorld, conversation, introduce, texts, type Person } from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

let clock: ManualClock
let world: ChatWorld
let ada: Person
let bob: Person
let told: string[]

beforeEach(async () => {
  clock = new ManualClock()
  world = await ChatWorld.create('irregular', clock)
  ada = await world.person('ada')
  bob = await world.person('bob')
  await introduce(ada, bob)
  await settle()
  await ada.node.conversation('bob').send('hello')
  await settle()
  told = []
  bob.node.on('contact.irregular', ({ contact, what }) => told.push(`${contact.name} ${what}`))
})

function content(text: string, counter: number): Uint8Array {
  const messageId = createMessageId(ada.core.random)
  return encodeContent({ messageId, counter, seen: 0, sentAt: 0, body: { kind: 'text', text } })
}

/** What somebody's session makes of something, without a step of theirs. */
function made(message: Uint8Array | MessageWithItems, from = ada, to = bob): Uint8Array {
  const { sessions, contact } = conversation(from, to)
  const session: Session | undefined = sendingSession(sessions, contact.handshakes)
  if (session === undefined) throw new Error('no session')
  const options = { now: clock.now(), random: ada.core.random }
  return encryptMessage(session, message, options).envelope
}

const take = (...envelopes: readonly Uint8Array[]): Promise<readonly string[]> =>
  bob.core.inbox.fromPeer(ada.account.key, envelopes)

const counts = () => bob.node.contacts.get('ada').irregularities

/** Bob says something of a session, beside a text. */
async function report(mark: Uint8Array): Promise<void> {
  const items = [{ kind: itemKinds.divergence, value: mark }]
  const envelope = made({ content: content('you run twice', 1), items }, bob, ada)
  expect(await ada.core.inbox.fromPeer(bob.account.key, [envelope])).toEqual(['opened'])
}

test('items that break a rule are counted and told of, and the text beside them is shown', async () => {
  const items = [{ kind: itemKinds.statement, value: new Uint8Array(5) }]
  expect(await take(made({ content: content('all the same', 2), items }))).toEqual(['opened'])
  expect(await texts(bob, ada)).toEqual(['hello', 'all the same'])
  expect(counts()).toEqual({ contents: 0, items: 1, diverged: 0, reported: 0 })
  expect(told).toEqual(['ada items'])
  await world.restart(bob)
  expect(counts()).toEqual({ contents: 0, items: 1, diverged: 0, reported: 0 })
})

test('a content of a later kind breaks no rule', async () => {
  const name = concat(fromHex('0a10'), new Uint8Array(16).fill(1))
  await take(made(concat(name, fromHex('f20100'))))
  expect(told).toEqual([])
})

test('a content that cannot be read is counted and told of', async () => {
  expect(await take(made(Uint8Array.of(1, 2, 3)))).toEqual(['opened'])
  expect(counts()).toEqual({ contents: 1, items: 0, diverged: 0, reported: 0 })
  expect(told).toEqual(['ada contents'])
})

test('a position that is used twice with different bytes is counted and told of', async () => {
  const [one, two] = [made(content('one', 2)), made(content('two', 2))]
  expect(await take(one, two)).toEqual(['opened', 'not-authentic'])
  expect(await texts(bob, ada)).toEqual(['hello', 'one'])
  expect(counts()).toEqual({ contents: 0, items: 0, diverged: 1, reported: 0 })
  expect(told).toEqual(['ada diverged'])
})

test('a part that contradicts an earlier one is counted and told of, and the text beside it is shown', async () => {
  const items = [{ kind: itemKinds.answer, value: answer() }]
  // @ts-expect-error a session adds answers by itself: this is what another copy of it could have sent
  const envelope = made({ content: content('a clone says', 2), items })
  expect(await take(envelope)).toEqual(['opened'])
  expect(await texts(bob, ada)).toEqual(['hello', 'a clone says'])
  expect(counts()).toEqual({ contents: 0, items: 0, diverged: 1, reported: 0 })
  expect(told).toEqual(['ada diverged'])
})

test('whoever used a position twice is told so in the next session, sends nothing more in the one before, and tells its user', async () => {
  const heard: string[] = []
  ada.node.on('contact.irregular', ({ contact, what }) => heard.push(`${contact.name} ${what}`))
  const [before] = conversation(ada, bob).sessions
  await take(made(content('one', 2)), made(content('two', 2)))
  await clock.advance(10_000)
  expect(heard).toEqual(['bob reported'])
  expect(ada.node.contacts.get('bob').irregularities.reported).toBe(1)
  const held = conversation(ada, bob).sessions.find(({ id }) => before && equalBytes(id, before.id))
  expect(held?.phase).toBe('receive-only')
  await ada.node.conversation('bob').send('in another session')
  await clock.advance(10_000)
  expect(await texts(bob, ada)).toContain('in another session')
  expect(heard, 'said once').toEqual(['bob reported'])
})

test('what is waiting for its receipt in a session that ends so is encrypted again', async () => {
  world.network.part(ada.peer, bob.peer)
  await ada.node.conversation('bob').send('on its way')
  const outbox = (): readonly OutboxEntry[] => [...conversation(ada, bob).outbox.values()]
  const [before] = outbox()
  expect(before?.envelope).toBeDefined()
  const [session] = conversation(ada, bob).sessions
  if (session === undefined) throw new Error('no session')
  await report(session.handshake.mark)
  expect(ada.node.contacts.get('bob').irregularities.reported).toBe(1)
  expect(outbox()[0]?.envelope).not.toEqual(before?.envelope)
  world.network.join(ada.peer, bob.peer)
  await clock.advance(60_000)
  expect(await texts(bob, ada)).toContain('on its way')
})

test('of a session that we do not have a report says nothing', async () => {
  await report(new Uint8Array(16))
  expect(ada.node.contacts.get('bob').irregularities.reported).toBe(0)
  expect(conversation(ada, bob).sessions.every(({ phase }) => phase !== 'receive-only')).toBe(true)
})

/** An answer to an offer that was never made, for epoch 1. */
function answer(): Uint8Array {
  return concat(Uint8Array.of(0, 0, 0, 1), new Uint8Array(1120).fill(1), new Uint8Array(64))
}
