import { expect, test } from 'vitest'
import { testBundle, testPairs } from '../support/accounts.ts'
import { settle } from '../support/manual-clock.ts'
import { envelope, textOf, World } from './world.ts'
import type { MailboxBodyInit } from '../../net/mailbox-messages.ts'
import type { Guest } from './world.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const fetch: MailboxBodyInit = { case: 'fetch', value: {} }

async function waiting(world: World, owner: Guest): Promise<readonly string[]> {
  const back = await world.again(owner)
  await back.visitor.ask(fetch, 'items')
  const found = back.visitor.items.map((item) => textOf(item.envelope))
  await back.visitor.channel.close()
  return found
}

/** Names of records, without their values. */
async function names(world: World, prefix: string): Promise<readonly string[]> {
  return await world.store.keys({ gte: prefix, lt: `${prefix}\u{ffff}` }).all()
}

test('mail is kept for as long as was promised and no longer', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  await world.deposit(sender, owner.account, envelope('first', { first: true }))
  await world.deposit(sender, owner.account, envelope('mail'))
  await world.clock.advance(14 * DAY - MINUTE)
  expect(await waiting(world, owner)).toEqual(['first', 'mail'])
  await world.clock.advance(20 * MINUTE)
  expect(await waiting(world, owner)).toEqual(['mail'])
  await world.clock.advance(7 * DAY)
  expect(await waiting(world, owner)).toEqual([])
  const counts = { waiting: 0, waitingBytes: 0, expired: 2, removed: 2, accepted: 2 }
  expect(await world.service.status()).toMatchObject(counts)
  expect(await names(world, 'mailbox/receipt/')).toEqual([])
  expect(await names(world, 'mailbox/expiry/')).toEqual([])
})

test('the id of a fetched deposit is forgotten when its promise ends', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  await world.deposit(sender, owner.account, envelope('mail'))
  await owner.visitor.ask({ case: 'acknowledge', value: { ids: [1n] } }, 'done')
  await world.clock.advance(20 * DAY)
  expect(await names(world, 'mailbox/receipt/')).toHaveLength(1)
  await world.clock.advance(1.1 * DAY)
  expect(await names(world, 'mailbox/receipt/')).toEqual([])
  expect(await world.service.status()).toMatchObject({ expired: 0, removed: 1 })
})

test('the id of a pair that was given is forgotten once its signature cannot count any more', async () => {
  const world = await World.start()
  const { account, visitor } = await world.member()
  const now = world.clock.now()
  const pairs = testPairs(account, world.account.key, { count: 2, now }, world.random)
  const { bytes: bundle } = testBundle(account, { sequence: 1, now }, world.random)
  const value = { pairs: pairs.map(({ signed }) => signed) }
  await visitor.ask({ case: 'putPrekeys', value }, 'done')
  await visitor.ask({ case: 'putBundle', value: { bundle } }, 'done')
  const request = { owner: account.key, nonce: world.random(16) }
  await visitor.ask({ case: 'takePrekey', value: request }, 'prekey')
  expect(await names(world, 'mailbox/expiry/')).toHaveLength(2)
  await world.clock.advance(31 * DAY)
  expect(await names(world, 'mailbox/pair/')).toHaveLength(0)
  expect(await names(world, 'mailbox/taken/')).toHaveLength(1)
  await world.clock.advance(32 * DAY)
  expect(await names(world, 'mailbox/taken/')).toHaveLength(0)
  expect(await names(world, 'mailbox/expiry/')).toHaveLength(0)
})

test('a clock that jumps ahead or back expires nothing early', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  await world.deposit(sender, owner.account, envelope('mail'))
  const now = world.clock.now()
  world.clock.jump(now + 400 * DAY)
  await world.clock.advance(DAY)
  expect(await waiting(world, owner)).toEqual(['mail'])
  world.clock.jump(now - 400 * DAY)
  await world.clock.advance(DAY)
  expect(await waiting(world, owner)).toEqual(['mail'])
})

test('nor does one that jumps both ways, over crashes and while the mailbox is off', async () => {
  let world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  await world.deposit(sender, owner.account, envelope('mail'))
  const days = [400, -900, 30 * 365, 1, -30 * 365, 20, -3, 0.5, -0.5, 90]
  for (const jump of days) {
    world.clock.jump(world.clock.now() + jump * DAY)
    await world.clock.advance(DAY)
    world.clock.jump(world.clock.now() - 2 * jump * DAY)
    world = await world.crash()
    await settle()
    await world.clock.advance(DAY)
  }
  expect(await waiting(world, owner)).toEqual(['mail'])
  // Twenty days it has run; each jump ahead counted for twenty minutes at most.
  await world.clock.advance(1.1 * DAY)
  expect(await waiting(world, owner)).toEqual([])
})

test('time goes on after a crash where it was, and the time that the mailbox was off does not count', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  await world.deposit(sender, owner.account, envelope('mail'))
  await world.clock.advance(20 * DAY)
  world.clock.jump(world.clock.now() + 30 * DAY)
  const next = await world.crash()
  await settle()
  await next.clock.advance(12 * 60 * MINUTE)
  expect(await waiting(next, owner)).toEqual(['mail'])
  await next.clock.advance(0.6 * DAY)
  expect(await waiting(next, owner)).toEqual([])
})

test('many that expire together are all let go', async () => {
  const world = await World.start()
  const owners = [await world.member(), await world.member()]
  const sender = await world.stranger()
  for (let i = 0; i < 300; i++) {
    for (const owner of owners) await world.deposit(sender, owner.account, envelope(`${i}`))
  }
  await world.clock.advance(21.1 * DAY)
  expect(await world.service.status()).toMatchObject({ waiting: 0, waitingBytes: 0, expired: 600 })
  expect(await names(world, 'mailbox/receipt/')).toEqual([])
})
