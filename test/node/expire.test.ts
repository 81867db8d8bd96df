import { expect, test } from 'vitest'
import { expireOld } from '../../node/expire.ts'
import { keys } from '../../node/keys.ts'
import { DAY } from '../../node/lifetimes.ts'
import { ChatWorld, envelopes, introduce, texts, type Person } from '../support/chat-world.ts'
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
