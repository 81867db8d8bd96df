// No secret outlives its use: whatever has happened, the secrets that are not wiped are those that somebody still holds.
import { beforeEach, expect, test, vi } from 'vitest'
import { sessionSecrets } from '../../protocol/session.ts'
import type { Secret } from '../../protocol/secret.ts'
import { contactSecrets } from '../../node/contact.ts'
import { ChatWorld, envelopes, introduce, type Person } from '../support/chat-world.ts'
import { ManualClock, until } from '../support/manual-clock.ts'

/** Every secret that was made and not wiped. */
const live = vi.hoisted(() => new Set<{ readonly name: string }>())

vi.mock('../../protocol/secret.ts', async (original) => {
  const actual = await original<typeof import('../../protocol/secret.ts')>()
  class Counted<Name extends string> extends actual.Secret<Name> {
    constructor(name: Name, bytes: Uint8Array) {
      super(name, bytes)
      live.add(this)
    }

    override wipe(): void {
      super.wipe()
      live.delete(this)
    }
  }
  return { ...actual, Secret: Counted }
})

const MINUTE = 60_000

let clock: ManualClock
let world: ChatWorld
let ada: Person
let bob: Person

beforeEach(async () => {
  live.clear()
  clock = new ManualClock()
  world = await ChatWorld.create('wiped', clock)
  live.clear() // an account of the world's own
  ada = await world.person('ada')
  bob = await world.person('bob')
  await introduce(ada, bob)
  await says(ada, bob)
  await says(bob, ada)
})

async function says(from: Person, to: Person, count = 1): Promise<void> {
  for (let number = 0; number < count; number++) {
    await from.node.conversation(to.peer).send(`message ${number}`)
  }
  const conversation = from.core.book.byAccount(to.account.key)
  await until(async () => {
    if (conversation?.waiting().length === 0) return true
    await clock.advance(1_000)
    return false
  }, 2_000)
}

/** What a node holds of its own and in its sessions. */
function heldBy({ core, account }: Person): readonly Secret[] {
  const { ownKeys, book } = core
  const { signedPrekey, lastResortKemPrekey } = ownKeys.bundle
  const named = ownKeys.prekeysFor({
    ...{ signedPrekeyId: signedPrekey.id, kemId: lastResortKemPrekey.id, oneTime: false },
  })
  const sessions = book.all().flatMap((conversation) => conversation.sessions)
  return [
    account.seed,
    ownKeys.device.identityKeyPair.privateKey,
    ...(named === undefined ? [] : [named.signed.keyPair.privateKey, named.kem.seed]),
    ...sessions.flatMap(sessionSecrets),
    ...book.all().flatMap(({ contact }) => contactSecrets(contact)),
  ]
}

/** Names of the secrets that nobody holds, each with how many there are. */
function forgotten(...people: readonly Person[]): Readonly<Record<string, number>> {
  const held = new Set<unknown>(people.flatMap(heldBy))
  const names: Record<string, number> = {}
  for (const secret of live) {
    if (held.has(secret) || secret.name === 'DataKey') continue
    names[secret.name] = (names[secret.name] ?? 0) + 1
  }
  return names
}

test('after a long chat with gaps and new epochs', async () => {
  for (let round = 0; round < 40; round++) {
    await says(ada, bob, 3)
    await says(bob, ada, 2)
  }
  const session = ada.core.book.byAccount(bob.account.key)?.sessions[0]
  expect(session?.postQuantum.epoch.number).toBeGreaterThan(1)
  expect(forgotten(ada, bob)).toEqual({})
  // A burst of which the first came last.
  world.network.part(ada.peer, bob.peer)
  for (const text of ['one', 'two', 'three']) await ada.node.conversation(bob.peer).send(text)
  await bob.core.inbox.fromPeer(ada.account.key, envelopes(ada, bob).toReversed())
  expect(forgotten(ada, bob)).toEqual({})
})

test('after envelopes that do not open', async () => {
  world.network.part(ada.peer, bob.peer)
  await ada.node.conversation(bob.peer).send('whole')
  const conversation = ada.core.book.byAccount(bob.account.key)
  const [entry] = conversation?.outbox.values() ?? []
  const envelope = entry?.envelope ?? new Uint8Array(0)
  for (let at = 0; at < envelope.length; at += 7) {
    const bad = envelope.slice()
    bad[at] = (bad[at] ?? 0) ^ 1
    await bob.core.inbox.fromPeer(ada.account.key, [bad])
  }
  expect(forgotten(ada, bob)).toEqual({})
})

test('after a first message that comes on the stream of somebody else', async () => {
  const [cat, eve] = [await world.person('cat'), await world.person('eve')]
  world.network.part(cat.peer, bob.peer)
  await cat.node.contacts.add(bob.peer, { name: 'bob' })
  await cat.node.conversation(bob.peer).send('hello')
  await until(async () => {
    await clock.advance(1_000)
    return envelopes(cat, bob).length > 0
  }, 2_000)
  const outcomes = await bob.core.inbox.fromPeer(eve.account.key, envelopes(cat, bob))
  expect(new Set(outcomes)).toEqual(new Set(['not-authentic']))
  expect(forgotten(ada, bob, cat, eve)).toEqual({})
})

test('after a new session with somebody who has begun again', async () => {
  const here = new Set<unknown>(heldBy(ada))
  for (const secret of live) if (!here.has(secret)) live.delete(secret) // died with the process
  await world.reinstall(bob)
  await bob.node.contacts.add(ada.peer, { name: 'ada' })
  await bob.node.conversation(ada.peer).send('it is me')
  await clock.advance(MINUTE)
  await says(ada, bob, 2)
  await says(bob, ada, 2)
  expect(forgotten(ada, bob)).toEqual({})
})

test('after batches that failed', async () => {
  for (const fault of ['full', 'unsure'] as const) {
    for (const person of [ada, bob]) {
      person.disk.fault = fault
      await ada.node
        .conversation(bob.peer)
        .send('lost?')
        .catch(() => undefined)
      await clock.advance(MINUTE)
      person.disk.fault = 'none'
      // A batch that came back in spite of its failure makes the next one fail.
      await ada.node
        .conversation(bob.peer)
        .send('found?')
        .catch(() => undefined)
      await bob.node
        .conversation(ada.peer)
        .send('found!')
        .catch(() => undefined)
      await clock.advance(5 * MINUTE)
      await says(ada, bob)
      await says(bob, ada)
      expect(forgotten(ada, bob), `${fault} at ${person.name}`).toEqual({})
    }
  }
})

/** bob has a mailbox, and ada what to show there. */
async function withMailbox(): Promise<void> {
  const { link } = await world.mailbox()
  const used = bob.node.mailbox.use(link)
  await clock.advance(5_000)
  await used
  await until(async () => {
    await clock.advance(1_000)
    return (ada.core.book.byAccount(bob.account.key)?.contact.theirTokens.revision ?? 0) > 0
  }, 2_000)
}

test('after delivery tokens were given, replaced, and ended by a block', async () => {
  await withMailbox()
  const tokens = (): number => [...live].filter(({ name }) => name === 'DeliveryToken').length
  const heldTokens = (): number =>
    [ada, bob].flatMap(heldBy).filter(({ name }) => name === 'DeliveryToken').length
  expect(tokens()).toBe(2)
  await bob.node.rotateKeys()
  await clock.advance(MINUTE)
  expect(tokens()).toBe(3)
  for (let hour = 0; hour < 30; hour++) await clock.advance(60 * MINUTE)
  expect(tokens()).toBe(2)
  for (const fault of ['full', 'unsure'] as const) {
    bob.disk.fault = fault
    await bob.core.tokens.rotate().catch(() => undefined)
    await clock.advance(MINUTE)
    bob.disk.fault = 'none'
    // A batch that came back in spite of its failure makes the next one fail.
    await bob.core.tokens.rotate().catch(() => undefined)
    await clock.advance(5 * MINUTE)
    await says(bob, ada)
    expect(tokens(), fault).toBe(heldTokens())
  }
  await bob.node.contacts.block('ada')
  expect(tokens()).toBe(1)
})

test('a node that has stopped holds nothing but its account', async () => {
  await withMailbox()
  for (const { node } of [ada, bob]) {
    const stopped = node.stop()
    await clock.advance(MINUTE)
    await stopped
  }
  const names = [...live].map(({ name }) => name).filter((name) => name !== 'DataKey')
  expect(names).toEqual(['AccountSeed', 'AccountSeed', 'AccountSeed']) // one is the mailbox's
})
