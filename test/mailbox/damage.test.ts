// One damaged record must not stop what is behind it.
import { expect, test } from 'vitest'
import { keys } from '../../mailbox/level/keys.ts'
import { SESSION_MAIL_TTL_MS } from '../../mailbox/limits.ts'
import { testBundle, testPairs } from '../support/accounts.ts'
import { until } from '../support/manual-clock.ts'
import { envelope, JOIN_SECRET, textOf, World } from './world.ts'
import type { MailboxBodyInit } from '../../net/mailbox-messages.ts'
import type { Guest } from './world.ts'

const fetch: MailboxBodyInit = { case: 'fetch', value: {} }
const getStatus: MailboxBodyInit = { case: 'getStatus', value: {} }
const DAY = 24 * 60 * 60 * 1000

/** Changes one bit of the first record whose name begins so, or of all of them. */
async function damage(world: World, prefix: string, all = false): Promise<void> {
  let found = 0
  for await (const [key, value] of world.store.iterator({ gte: prefix, lt: `${prefix}~` })) {
    if (!all && found > 0) break
    const damaged = value.slice()
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1
    await world.store.put(key, damaged)
    found++
  }
  expect(found).toBeGreaterThan(0)
}

const texts = ({ visitor }: Guest): string[] =>
  visitor.items.map((item) => textOf(item.envelope)).filter((text) => text !== 'last')

async function filled(count: number): Promise<{ world: World; owner: Guest; sender: Guest }> {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  for (let at = 1; at <= count; at++) {
    await world.deposit(sender, owner.account, envelope(`${at}`))
  }
  return { world, owner, sender }
}

async function take({ visitor }: Guest, world: World, owner: Guest): Promise<number> {
  const value = { owner: owner.account.key, nonce: world.random(16) }
  const { pair } = await visitor.ask({ case: 'takePrekey', value }, 'prekey')
  return pair.length
}

test('damaged mail is left out and counted; the rest comes, in order, also through a small window', async () => {
  const { world, owner, sender } = await filled(12)
  for (const id of [3, 4, 5, 6, 9, 12]) await damage(world, keys.item(1, id))
  await owner.visitor.ask({ case: 'fetch', value: { maxItems: 2 } }, 'items')
  for (let seen = 0; seen < 6;) {
    await until(() => owner.visitor.items.length > seen)
    const ids = owner.visitor.items.slice(seen).map(({ id }) => id)
    seen += ids.length
    await owner.visitor.ask({ case: 'acknowledge', value: { ids } }, 'done')
  }
  expect(texts(owner)).toEqual(['1', '2', '7', '8', '10', '11'])
  await world.deposit(sender, owner.account, envelope('13'))
  await until(() => owner.visitor.items.length === 7)
  expect(await world.service.status()).toMatchObject({ damaged: 6, waiting: 7 })
})

test('damaged mail gives its room back when it expires, and what expires after it does so too', async () => {
  const { world, owner } = await filled(3)
  await damage(world, keys.item(1, 1))
  await damage(world, keys.expiries)
  const hour = 60 * 60 * 1000
  for (let passed = 0; passed < SESSION_MAIL_TTL_MS + DAY; passed += hour) {
    if (passed === SESSION_MAIL_TTL_MS - DAY) {
      const sender = await world.stranger()
      await world.deposit(sender, owner.account, envelope('late'))
    }
    await world.clock.advance(hour / 3)
    await world.clock.advance(hour / 3)
    await world.clock.advance(hour / 3)
  }
  const back = await world.again(owner)
  const status = await back.visitor.ask(getStatus, 'status')
  expect(status).toMatchObject({ waiting: 1, usedBytes: 100n })
  await back.visitor.ask(fetch, 'items')
  expect(texts(back)).toEqual(['late'])
})

test('a damaged member is none any more, others stay, and a new one does not get what was left', async () => {
  const { world, owner } = await filled(2)
  const other = await world.member()
  await damage(world, keys.member(2))
  const next = await world.crash()
  const back = await next.again(owner)
  await back.visitor.ask(fetch, 'items')
  expect(texts(back)).toEqual(['1', '2'])

  await damage(next, keys.member(1))
  const last = await next.crash()
  for (const guest of [owner, other]) {
    const { visitor } = await last.again(guest)
    await expect(visitor.ask(fetch, 'items')).rejects.toThrow('unavailable')
    await visitor.ask({ case: 'join', value: { joinSecret: JOIN_SECRET } }, 'done')
    expect(await visitor.ask(fetch, 'items')).toMatchObject({ items: [] })
  }
  expect((await last.service.status()).damaged).toBe(2)
})

test('a damaged pair is passed over and removed; the others are given', async () => {
  const world = await World.start()
  const owner = await world.member()
  const now = world.clock.now()
  const bundle = testBundle(owner.account, { sequence: 1, now }, world.random).bytes
  await owner.visitor.ask({ case: 'putBundle', value: { bundle } }, 'done')
  const signed = testPairs(owner.account, world.account.key, { count: 12, now }, world.random)
  const pairs = signed.map((pair) => pair.signed)
  await owner.visitor.ask({ case: 'putPrekeys', value: { pairs } }, 'done')
  for (let place = 1; place <= 10; place++) await damage(world, keys.pair(1, place))
  const taker = await world.stranger()
  expect(await take(taker, world, owner)).toBeGreaterThan(0)
  expect(await owner.visitor.ask(getStatus, 'status')).toMatchObject({ oneTimePairs: 1 })
  expect(await take(taker, world, owner)).toBeGreaterThan(0)
  expect(await take(taker, world, owner)).toBe(0)
})

test('a mailbox starts with a damaged bundle, join secret and time', async () => {
  const { world, owner } = await filled(1)
  const now = world.clock.now()
  const bundle = testBundle(owner.account, { sequence: 1, now }, world.random).bytes
  await owner.visitor.ask({ case: 'putBundle', value: { bundle } }, 'done')
  await world.records.flush()
  for (const name of [keys.bundles, keys.invitations, keys.firstInvitation, keys.time])
    await damage(world, name)
  const next = await world.crash({ joinSecret: JOIN_SECRET })
  const back = await next.again(owner)
  expect(await back.visitor.ask(getStatus, 'status')).toMatchObject({ bundleSequence: 0n })
  await back.visitor.ask({ case: 'putBundle', value: { bundle } }, 'done')
  await next.member()
  await back.visitor.ask(fetch, 'items')
  expect(texts(back)).toEqual(['1'])
})

test('a deposit whose remembered receipt is damaged is taken once more', async () => {
  const { world, owner, sender } = await filled(0)
  const id = world.random(16)
  await world.deposit(sender, owner.account, envelope('a'), id)
  await damage(world, 'mailbox/receipt/')
  await world.deposit(sender, owner.account, envelope('a'), id)
  expect((await world.service.status()).waiting).toBe(2)
})

test('mail that is gone without a trace is missing in the balance after the next start', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  for (const text of ['one', 'two']) await world.deposit(sender, owner.account, envelope(text))
  await world.records.flush()
  const [first = ''] = await world.store
    .keys({ gte: keys.items(1), lt: `${keys.items(1)}~`, limit: 1 })
    .all()
  await world.store.del(first)
  const next = await world.crash()
  expect(await next.service.status()).toMatchObject({ accepted: 2, removed: 0, waiting: 1 })
})
