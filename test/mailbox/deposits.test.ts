import { expect, test } from 'vitest'
import { mail } from '../../mailbox/contract/people.ts'
import { toHex } from '../../protocol/bytes.ts'
import { testAccount } from '../support/accounts.ts'
import { envelope, textOf, World } from './world.ts'
import type { MailboxBodyInit } from '../../net/mailbox-messages.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { Custody } from '../../protocol/receipt.ts'

/** At the end of each receipt. */
const SIGNED_ROOT_BYTES = 158

const DAY = 86_400_000
const status: MailboxBodyInit = { case: 'getStatus', value: {} }
const fetch: MailboxBodyInit = { case: 'fetch', value: {} }

test('a receipt names the envelope, the owner and the time, which depends on the kind of envelope', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  const now = world.clock.now()
  const mail = await world.deposit(sender, owner.account, envelope('mail'))
  expect(mail.keptUntil).toBe(now + 21 * DAY)
  const first = await world.deposit(sender, owner.account, envelope('first', { first: true }))
  expect(first.keptUntil).toBe(now + 14 * DAY)
})

test('a receipt is sent after the batch that holds the envelope was synced', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  const before = world.records.counts.synced
  await world.deposit(sender, owner.account, envelope('one'))
  expect(world.records.counts.synced).toBe(before + 1)
})

test('what will be promised is told while it is written, once, and of what is refused nothing is', async () => {
  const world = await World.start()
  const owner = await world.member()
  const told: Custody[] = []
  const deposit = (to: AccountKey) =>
    world.kept.deposit(mail(to, 'one'), (custody) => {
      expect(world.records.counts.synced).toBe(before)
      told.push(custody)
    })
  const before = world.records.counts.synced
  const promise = await deposit(owner.account.key)
  expect(told).toStrictEqual([promise])
  expect(await deposit(owner.account.key)).toStrictEqual(promise)
  await expect(deposit(testAccount(world.random).key)).rejects.toThrow('unavailable')
  expect(told).toHaveLength(1)
})

test('what was promised is there after a crash, with the counters', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  await Promise.all([1, 2, 3].map((n) => world.deposit(sender, owner.account, envelope(`m${n}`))))
  const next = await world.crash()
  const back = await next.again(owner)
  await back.visitor.ask(fetch, 'items')
  expect(back.visitor.items.map((item) => textOf(item.envelope))).toEqual(['m1', 'm2', 'm3'])
  const expected = { waiting: 3, usedBytes: 300n }
  expect(await back.visitor.ask(status, 'status')).toMatchObject(expected)
})

test('the same deposit id gets the same promise: at once, later, after a crash, after the mail was fetched', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  const id = world.random(16)
  const ask = async (from = sender) => world.deposit(from, owner.account, envelope('once'), id)
  const [first, twin] = await Promise.all([ask(), ask()])
  expect(twin).toEqual(first)
  await world.clock.advance(30_000)
  expect(await ask(await world.stranger())).toEqual(first)
  expect(await world.service.status()).toMatchObject({ accepted: 1, waiting: 1 })
  await owner.visitor.ask(fetch, 'items')
  await owner.visitor.ask({ case: 'acknowledge', value: { ids: [1n] } }, 'done')
  expect(await ask(await world.stranger())).toEqual(first)
  const next = await world.crash()
  expect(await ask(await next.stranger())).toEqual(first)
  expect(await next.service.status()).toMatchObject({ accepted: 1, waiting: 0 })
})

test('deposits that come together are signed together, 32 under one signature, and alone those that come alone', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  const root = async (n: number): Promise<string> => {
    const depositId = world.random(16)
    const value = { owner: owner.account.key, depositId, envelope: envelope(`m${n}`) }
    const { signed } = await sender.visitor.ask({ case: 'deposit', value }, 'custody')
    return toHex(signed.subarray(-SIGNED_ROOT_BYTES))
  }
  const together = await Promise.all(Array.from({ length: 40 }, (_, n) => root(n)))
  expect(new Set(together).size).toBe(2)
  expect(together.filter((one) => one === together[0])).toHaveLength(32)
  expect(together).not.toContain(await root(40))
})

test('a full box refuses, drops nothing, and takes mail again when there is room', async () => {
  const world = await World.start({ limits: { ownerMessages: 2, ownerBytes: 1000 } })
  const owner = await world.member()
  const sender = await world.stranger()
  await world.deposit(sender, owner.account, envelope('a', { length: 400 }))
  const tooLong = world.deposit(sender, owner.account, envelope('b', { length: 601 }))
  await expect(tooLong).rejects.toThrow('unavailable')
  await world.deposit(sender, owner.account, envelope('c', { length: 600 }))
  const tooMany = world.deposit(sender, owner.account, envelope('d'))
  await expect(tooMany).rejects.toThrow('unavailable')
  const byOwner = world.deposit(owner, owner.account, envelope('e'))
  await expect(byOwner).rejects.toThrow('quota')
  const full = { waiting: 2, usedBytes: 1000n, maxBytes: 1000n, maxMessages: 2 }
  expect(await owner.visitor.ask(status, 'status')).toMatchObject(full)
  await owner.visitor.ask({ case: 'acknowledge', value: { ids: [1n] } }, 'done')
  await world.deposit(sender, owner.account, envelope('f'))
  const after = { waiting: 2, usedBytes: 700n }
  expect(await owner.visitor.ask(status, 'status')).toMatchObject(after)
})

test('the quota holds for deposits that arrive together', async () => {
  const world = await World.start({ limits: { ownerMessages: 5 } })
  const owner = await world.member()
  const sender = await world.stranger()
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, i) => world.deposit(sender, owner.account, envelope(`${i}`))),
  )
  expect(results.filter(({ status: how }) => how === 'fulfilled')).toHaveLength(5)
  expect((await world.service.status()).waiting).toBe(5)
})

test('one box does not see or fill another', async () => {
  const world = await World.start({ limits: { ownerMessages: 1 } })
  const [a, b] = [await world.member(), await world.member()]
  const sender = await world.stranger()
  await world.deposit(sender, a.account, envelope('for a'))
  await world.deposit(sender, b.account, envelope('for b'))
  await b.visitor.ask({ case: 'acknowledge', value: { ids: [1n] } }, 'done')
  await a.visitor.ask(fetch, 'items')
  expect(a.visitor.items.map((item) => textOf(item.envelope))).toEqual(['for a'])
  await b.visitor.ask(fetch, 'items')
  expect(b.visitor.items).toEqual([])
})

test('what is no envelope is a bad request, whoever it is for', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  for (const bytes of [Uint8Array.of(1), Uint8Array.of(2, 1, 0), Uint8Array.of(1, 3, 0)]) {
    for (const account of [owner.account, testAccount(world.random)]) {
      await expect(world.deposit(sender, account, bytes)).rejects.toThrow('badRequest')
    }
  }
  expect((await world.service.status()).waiting).toBe(0)
})

test('remembered deposit ids are bounded: beyond the limit they are forgotten with their mail', async () => {
  const world = await World.start({ limits: { ownerReceipts: 1 } })
  const owner = await world.member()
  const sender = await world.stranger()
  const id = world.random(16)
  await world.deposit(sender, owner.account, envelope('kept'))
  await world.deposit(sender, owner.account, envelope('forgotten'), id)
  await owner.visitor.ask({ case: 'acknowledge', value: { ids: [2n] } }, 'done')
  await world.deposit(sender, owner.account, envelope('forgotten'), id)
  expect(await world.service.status()).toMatchObject({ waiting: 2, accepted: 3 })
})
