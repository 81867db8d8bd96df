import { expect, test } from 'vitest'
import { verifyHandOut } from '../../protocol/custody.ts'
import { verifyOneTimePair } from '../../protocol/prekeys.ts'
import { testAccount, testBundle, testPairs } from '../support/accounts.ts'
import { World } from './world.ts'
import type { MailboxBodyInit } from '../../net/mailbox-messages.ts'
import type { OneTimePair } from '../../protocol/prekeys.ts'
import type { Guest, WorldOptions } from './world.ts'

const DAY = 86_400_000

const put = (pairs: readonly OneTimePair[]): MailboxBodyInit => ({
  case: 'putPrekeys',
  value: { pairs: pairs.map(({ signed }) => signed) },
})

/** A member with a bundle and so many pairs on the shelf. */
async function stocked(count: number, options: WorldOptions = {}) {
  const world = await World.start(options)
  const owner = await world.member()
  const now = world.clock.now()
  const bundle = testBundle(owner.account, { sequence: 1, now }, world.random)
  await owner.visitor.ask({ case: 'putBundle', value: { bundle: bundle.bytes } }, 'done')
  const pairs = testPairs(owner.account, world.account.key, { count, now }, world.random)
  if (count > 0) await owner.visitor.ask(put(pairs), 'done')
  return { world, owner, bundle, pairs }
}

async function take(world: World, from: Guest, owner: Guest) {
  const nonce = world.random(16)
  const value = { owner: owner.account.key, nonce }
  return { nonce, ...(await from.visitor.ask({ case: 'takePrekey', value }, 'prekey')) }
}

test('a pair is given once, oldest first, with a note and the bundle; then the bundle alone', async () => {
  const { world, owner, bundle, pairs } = await stocked(2)
  const asker = await world.stranger()
  for (const { id } of pairs) {
    const answer = await take(world, asker, owner)
    expect(answer.bundle).toEqual(bundle.bytes)
    const mailbox = world.account.key
    const expected = { account: owner.account.key, mailbox, now: world.clock.now() }
    expect(verifyOneTimePair(answer.pair, expected).id).toBe(id)
    const note = { mailbox, owner: owner.account.key, keyId: id, nonce: answer.nonce }
    expect(verifyHandOut(answer.note, note).at).toBe(world.clock.now())
  }
  const drained = await take(world, asker, owner)
  expect(drained.bundle).toEqual(bundle.bytes)
  expect([drained.pair.length, drained.note.length]).toEqual([0, 0])
})

test('who asks at the same moment never gets the same pair', async () => {
  const { world, owner, pairs } = await stocked(10)
  const askers = await Promise.all(Array.from({ length: 15 }, () => world.stranger()))
  const answers = await Promise.all(askers.map((asker) => take(world, asker, owner)))
  const given = answers.map(({ pair }) => pair).filter(({ length }) => length > 0)
  expect(given).toHaveLength(10)
  expect(new Set(given.map(String))).toEqual(new Set(pairs.map(({ signed }) => String(signed))))
})

test('a pair that was given is gone after a crash, and a repeated upload does not bring it back', async () => {
  const { world, owner, pairs } = await stocked(2)
  await take(world, await world.stranger(), owner)
  const next = await world.crash()
  const back = await next.again(owner)
  await back.visitor.ask(put([...pairs, ...pairs]), 'done')
  const status = await back.visitor.ask({ case: 'getStatus', value: {} }, 'status')
  expect(status.oneTimePairs).toBe(1)
  const asker = await next.stranger()
  expect((await take(next, asker, owner)).pair).toEqual(pairs[1]?.signed)
  expect((await take(next, asker, owner)).pair).toHaveLength(0)
})

test('an upload is kept as a whole or not at all', async () => {
  const { world, owner } = await stocked(0, { limits: { ownerPairs: 3 } })
  const now = world.clock.now()
  const mailbox = world.account.key
  const { account } = owner
  const good = testPairs(account, mailbox, { count: 2, now }, world.random)
  const stranger = testAccount(world.random)
  const bad = [
    ...testPairs(stranger, mailbox, { count: 1, now }, world.random),
    ...testPairs(account, stranger.key, { count: 1, now }, world.random),
    ...testPairs(account, mailbox, { count: 1, now: now - DAY, expiresAt: now }, world.random),
  ]
  for (const pair of bad) {
    await expect(owner.visitor.ask(put([...good, pair]), 'done')).rejects.toThrow('badRequest')
  }
  const four = [...good, ...testPairs(account, mailbox, { count: 2, now }, world.random)]
  await expect(owner.visitor.ask(put(four), 'done')).rejects.toThrow('quota')
  expect((await world.service.status()).oneTimePairs).toBe(0)
  await owner.visitor.ask(put(four.slice(0, 3)), 'done')
  expect((await world.service.status()).oneTimePairs).toBe(3)
})

test('pairs leave the shelf after 30 days, and those whose signature lapses before are passed over', async () => {
  const { world, owner, pairs } = await stocked(1)
  const now = world.clock.now()
  const fields = { count: 9, now, expiresAt: now + DAY }
  const brief = testPairs(owner.account, world.account.key, fields, world.random)
  await owner.visitor.ask(put(brief), 'done')
  const asker = await world.stranger()
  expect((await take(world, asker, owner)).pair).toEqual(pairs[0]?.signed)
  world.clock.jump(now + DAY)
  const later = await world.stranger()
  expect((await take(world, later, owner)).pair).toHaveLength(0)
  expect((await world.service.status()).oneTimePairs).toBe(0)
  const more = testPairs(
    owner.account,
    world.account.key,
    { count: 3, now: now + DAY },
    world.random,
  )
  const back = await world.again(owner)
  await back.visitor.ask(put(more), 'done')
  await back.visitor.ask({ case: 'fetch', value: {} }, 'items')
  await world.clock.advance(29 * DAY)
  expect((await world.service.status()).oneTimePairs).toBe(3)
  await world.clock.advance(1.1 * DAY)
  expect((await world.service.status()).oneTimePairs).toBe(0)
})

test('one address gets only so many, all addresses together only so many', async () => {
  const limits = { addressPairs: 2, addressPairsPerSecond: 1, pairs: 3, pairsPerSecond: 0.01 }
  const { world, owner } = await stocked(10, { limits })
  const [a, b] = [
    await world.stranger('/ip4/10.0.0.1/tcp/1'),
    await world.stranger('/ip4/10.0.0.2/tcp/9'),
  ]
  const neighbour = await world.stranger('/ip4/10.0.0.1/tcp/2')
  expect((await take(world, a, owner)).pair.length).toBeGreaterThan(0)
  expect((await take(world, neighbour, owner)).pair.length).toBeGreaterThan(0)
  await expect(take(world, a, owner)).rejects.toThrow('tryLater')
  expect((await take(world, b, owner)).pair.length).toBeGreaterThan(0)
  const withoutPair = await take(world, b, owner)
  expect([withoutPair.pair.length, withoutPair.bundle.length > 0]).toEqual([0, true])
  await world.clock.advance(1000)
  expect((await take(world, a, owner)).pair).toHaveLength(0)
  expect((await world.service.status()).oneTimePairs).toBe(7)
})
