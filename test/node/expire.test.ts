import { expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { Secret } from '../../protocol/secret.ts'
import { sessionSecrets } from '../../protocol/session.ts'
import { expireOld } from '../../node/expire.ts'
import { keys } from '../../node/keys.ts'
import { DAY, HOUR } from '../../node/lifetimes.ts'
import { wantRenewal } from '../../node/renewal.ts'
import {
  ChatWorld,
  conversation,
  envelopes,
  introduce,
  texts,
  type Person,
} from '../support/chat-world.ts'
import { ManualClock, settle, until } from '../support/manual-clock.ts'

async function marks({ core }: Person): Promise<number> {
  let count = 0
  for await (const { key } of core.records.range(keys.handshakes)) if (key !== '') count++
  return count
}

test('an accepted handshake is remembered as long as its prekeys or its session', async () => {
  const world = await ChatWorld.create('expire')
  const ada = await world.person('ada')
  const bob = await world.person('bob')
  await introduce(ada, bob)
  const sent = await ada.node.conversation('bob').send('hello')
  await sent.until('delivered', { timeout: 10_000 })
  const { book, records, ownKeys } = bob.core
  const none = { holds: () => false }
  const now = world.clock.now()

  await expireOld({ book, records, ownKeys }, now)
  expect(await marks(bob)).toBe(1)
  await expireOld({ book, records, ownKeys: none }, now)
  expect(await marks(bob)).toBe(1) // its session is there

  await book.byAccount(ada.account.key)?.step((draft) => {
    draft.sessions = []
  })
  await expireOld({ book, records, ownKeys }, now)
  expect(await marks(bob)).toBe(1) // its prekeys are there
  await expireOld({ book, records, ownKeys: none }, now)
  expect(await marks(bob)).toBe(0)
  await Promise.all([ada.node.stop(), bob.node.stop()])
})

test('keys of messages that were skipped are given up after thirty days, in memory and in the store', async () => {
  const clock = new ManualClock()
  const world = await ChatWorld.create('expire skipped', clock)
  const ada = await world.person('ada')
  const bob = await world.person('bob')
  await settle()
  world.network.part(ada.peer, bob.peer)
  await introduce(ada, bob)
  for (const text of ['one', 'two', 'three']) await ada.node.conversation('bob').send(text)
  await until(() => envelopes(ada, bob).length === 4)
  const all = envelopes(ada, bob)
  const receive = (...at: readonly number[]): Promise<readonly string[]> =>
    bob.core.inbox.fromPeer(
      ada.account.key,
      at.flatMap((index) => all[index] ?? []),
    )
  const skipped = async (): Promise<number> => {
    let count = 0
    for await (const { key } of bob.core.records.range('skipped/')) if (key.includes('/k')) count++
    return count
  }
  expect(await receive(3)).toEqual(['opened'])
  expect(await skipped()).toBe(3)
  const { book, records, ownKeys } = bob.core
  await expireOld({ book, records, ownKeys }, clock.now() + 29 * DAY)
  expect(await receive(1)).toEqual(['opened'])
  await expireOld({ book, records, ownKeys }, clock.now() + 31 * DAY)
  expect(await skipped()).toBe(0)
  const [outcome] = await receive(2)
  expect(outcome).not.toBe('opened')
  await world.restart(bob)
  expect((await bob.core.inbox.fromPeer(ada.account.key, all.slice(2, 3)))[0]).toBe(outcome)
  expect(await texts(bob, ada)).toEqual(['one', '…', 'three'])
})

/** ada has begun a second session with bob, and the first one sends no more. */
async function withIdleSession() {
  const clock = new ManualClock()
  const world = await ChatWorld.create('idle', clock)
  const ada = await world.person('ada')
  const bob = await world.person('bob')
  await introduce(ada, bob)
  await settle()
  world.network.part(ada.peer, bob.peer)
  for (const text of ['one', 'two']) await ada.node.conversation('bob').send(text)
  await until(() => envelopes(ada, bob).length === 3)
  const [late, ...rest] = envelopes(ada, bob)
  await bob.core.inbox.fromPeer(ada.account.key, rest)
  await conversation(ada, bob).fail([...conversation(ada, bob).outbox.keys()], 'cancelled')
  world.network.join(ada.peer, bob.peer)
  await conversation(bob, ada).step((draft) => wantRenewal(draft, 'age', draft.sessions[0]))
  await clock.advance(HOUR)
  const idle = conversation(bob, ada).sessions[0]?.id ?? new Uint8Array()
  const stored = async (): Promise<number> => {
    let count = 0
    for (const prefix of ['session/', 'skipped/']) {
      for await (const { key } of bob.core.records.range(prefix)) {
        if (key.includes(toHex(idle))) count++
      }
    }
    return count
  }
  expect(conversation(bob, ada).sessions).toHaveLength(2)
  expect(await stored()).toBeGreaterThan(1) // the session, and what was skipped in it
  const receiveLate = () => bob.core.inbox.fromPeer(ada.account.key, late ? [late] : [])
  const sessions = () => conversation(bob, ada).sessions
  const idleSession = () => sessions().find(({ id }) => toHex(id) === toHex(idle))
  return { clock, world, bob, stored, receiveLate, sessions, idleSession }
}

test('a session that does not send ends after forty days, with everything beside it, also across restarts', async () => {
  const { clock, world, bob, stored, receiveLate, sessions, idleSession } = await withIdleSession()
  for (let part = 0; part < 4; part++) {
    await clock.advance(10 * DAY - HOUR)
    await world.restart(bob)
  }
  expect(sessions()).toHaveLength(2)
  const gone = idleSession()
  await clock.advance(6 * HOUR)
  expect(sessions()).toHaveLength(1)
  expect(await stored()).toBe(0)
  expect(await receiveLate()).toEqual(['no-session'])
  expect(gone && sessionSecrets(gone).every((secret) => isWiped(secret))).toBe(true)
})

test('while the clock is not believed, no session ends', async () => {
  const { clock, bob, stored, sessions } = await withIdleSession()
  clock.jump(clock.now() + 50 * DAY)
  await clock.advance(3 * HOUR)
  expect(sessions()).toHaveLength(2)
  expect(await stored()).toBeGreaterThan(1)
  await bob.core.ownKeys.guard.confirm()
  await clock.advance(2 * HOUR)
  expect(sessions()).toHaveLength(1)
})

function isWiped(secret: Secret): boolean {
  try {
    Secret.reveal(secret)
    return false
  } catch {
    return true
  }
}
