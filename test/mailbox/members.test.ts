import { expect, test } from 'vitest'
import { testAccount } from '../support/accounts.ts'
import { settle } from '../support/manual-clock.ts'
import { envelope, JOIN_SECRET, World } from './world.ts'
import type { MailboxBodyInit } from '../../net/mailbox-messages.ts'

const join = (joinSecret: Uint8Array): MailboxBodyInit => ({ case: 'join', value: { joinSecret } })
const status: MailboxBodyInit = { case: 'getStatus', value: {} }

test('who logs in and knows the join secret is a member, also after a crash', async () => {
  const world = await World.start()
  const guest = await world.member()
  expect(await guest.visitor.ask(status, 'status')).toMatchObject({
    usedBytes: 0n,
    maxBytes: 52_428_800n,
    waiting: 0,
    maxMessages: 2000,
    oneTimePairs: 0,
    bundleSequence: 0n,
    otherInstances: 0,
  })
  const next = await world.crash({ joinSecret: new Uint8Array(16) })
  const back = await next.again(guest)
  expect(await back.visitor.ask(status, 'status')).toMatchObject({ waiting: 0 })
})

test('a wrong secret is refused, a right one counts once and stays right after a start without one', async () => {
  const world = await World.start()
  const guest = await world.stranger()
  await guest.visitor.login(guest.account)
  for (const wrong of [new Uint8Array(0), new Uint8Array(16), JOIN_SECRET.slice(1)]) {
    await expect(guest.visitor.ask(join(wrong), 'done')).rejects.toThrow('joinRefused')
  }
  expect((await world.service.status()).members).toBe(0)
  const next = await world.crash()
  const back = await next.again(guest)
  await back.visitor.ask(join(JOIN_SECRET), 'done')
  await back.visitor.ask(join(new Uint8Array(16)), 'done') // is a member already
  expect((await next.service.status()).members).toBe(1)
})

test('guessing join secrets is throttled by address, even for those who know it', async () => {
  const world = await World.start({ limits: { addressJoins: 2, addressJoinsPerSecond: 0.1 } })
  const guest = await world.stranger('/ip4/10.0.0.7/tcp/1')
  await guest.visitor.login(guest.account)
  for (let i = 0; i < 2; i++) {
    await expect(guest.visitor.ask(join(new Uint8Array(1)), 'done')).rejects.toThrow('joinRefused')
  }
  await expect(guest.visitor.ask(join(JOIN_SECRET), 'done')).rejects.toThrow('tryLater')
  const other = await world.stranger('/ip4/10.0.0.8/tcp/1')
  await other.visitor.login(other.account)
  await other.visitor.ask(join(JOIN_SECRET), 'done')
  await world.clock.advance(10_000)
  await guest.visitor.ask(join(JOIN_SECRET), 'done')
  expect((await world.service.status()).members).toBe(2)
})

test('a mailbox without room for members says quota', async () => {
  const world = await World.start({ limits: { members: 1 } })
  await world.member()
  const guest = await world.stranger()
  await guest.visitor.login(guest.account)
  await expect(guest.visitor.ask(join(JOIN_SECRET), 'done')).rejects.toThrow('quota')
})

test('everything that is an owner’s needs a login, and a login alone is not enough', async () => {
  const world = await World.start()
  const guest = await world.stranger()
  const requests: MailboxBodyInit[] = [
    status,
    { case: 'fetch', value: {} },
    { case: 'acknowledge', value: { ids: [1n] } },
    { case: 'putBundle', value: { bundle: new Uint8Array(10) } },
    { case: 'putPrekeys', value: { pairs: [] } },
  ]
  for (const request of [...requests, join(JOIN_SECRET)]) {
    await expect(guest.visitor.ask(request, 'done')).rejects.toThrow('loginNeeded')
  }
  await guest.visitor.login(guest.account)
  for (const request of requests) {
    await expect(guest.visitor.ask(request, 'done')).rejects.toThrow('unavailable')
  }
})

test('a login counts for one account, mailbox, stream, nonce and instance only', async () => {
  const world = await World.start()
  const guest = await world.stranger()
  const { visitor, account } = guest
  const other = testAccount(world.random)
  await expect(visitor.login(other)).rejects.toThrow('loginNeeded')
  await expect(visitor.login(account, { mailbox: other.key })).rejects.toThrow('loginNeeded')
  const stale = await (await world.stranger()).visitor.hello
  await expect(visitor.login(account, { mailboxNonce: stale })).rejects.toThrow('loginNeeded')
  await expect(visitor.login(account, { ownerNonce: stale })).rejects.toThrow('loginNeeded')
  const value = { nonce: stale, instanceId: stale, signed: Uint8Array.of(1, 2, 3) }
  await expect(visitor.ask({ case: 'login', value }, 'done')).rejects.toThrow('loginNeeded')
  await visitor.login(account)
  await expect(visitor.login(account)).rejects.toThrow('badRequest')
})

test('an owner learns about a second running copy, and a repeated instance ends the older channel', async () => {
  const world = await World.start()
  const first = await world.member()
  const id = world.random(16)
  const second = await world.again(first, id)
  expect(await second.visitor.ask(status, 'status')).toMatchObject({ otherInstances: 1 })
  expect(await first.visitor.ask(status, 'status')).toMatchObject({ otherInstances: 1 })
  const third = await world.again(first, id)
  await second.visitor.ended
  expect(await third.visitor.ask(status, 'status')).toMatchObject({ otherInstances: 1 })
  await first.visitor.channel.close()
  await first.visitor.ended
  expect(await third.visitor.ask(status, 'status')).toMatchObject({ otherInstances: 0 })
})

test('strangers get one answer for an owner who is unknown, full, or has no bundle', async () => {
  const world = await World.start({ limits: { ownerMessages: 1 } })
  const owner = await world.member()
  const stranger = await world.stranger()
  await world.deposit(stranger, owner.account, envelope('fits'))
  const unknown = testAccount(world.random)
  const answers = []
  for (const { key } of [owner.account, unknown]) {
    const depositId = world.random(16)
    const value = { owner: key, depositId, envelope: envelope('too much') }
    answers.push(await stranger.visitor.request({ case: 'deposit', value }))
    answers.push(
      await stranger.visitor.request({
        case: 'takePrekey',
        value: { owner: key, nonce: world.random(16) },
      }),
    )
    answers.push(await stranger.visitor.request({ case: 'getBundle', value: { owner: key } }))
  }
  for (const answer of answers)
    expect(answer).toMatchObject({ case: 'failure', value: { code: 2 } })
})

test('nobody is told to be a member before it is durable, on whatever channel they ask', async () => {
  const world = await World.start()
  const first = await world.stranger()
  await first.visitor.login(first.account)
  const second = await world.again(first)
  const disk = Promise.withResolvers<void>()
  const store = world.store as { batch: (...args: unknown[]) => Promise<void> }
  const { batch } = store
  store.batch = async (...args) => {
    await disk.promise
    await batch.apply(store, args)
  }
  const joined: string[] = []
  const body: MailboxBodyInit = { case: 'join', value: { joinSecret: JOIN_SECRET } }
  const joins = [first, second].map(async ({ visitor }) => {
    await visitor.ask(body, 'done')
    joined.push('done')
  })
  await settle()
  expect(joined).toEqual([])
  disk.resolve()
  await Promise.all(joins)
  expect((await world.service.status()).members).toBe(1)
})

test('a member who leaves takes everything along, and so does a repetition', async () => {
  const leave: MailboxBodyInit = { case: 'leave', value: {} }
  const world = await World.start()
  const guest = await world.member()
  const other = await world.member()
  const depositor = await world.stranger()
  await world.deposit(depositor, guest.account, envelope('one'))
  await world.deposit(depositor, other.account, envelope('two'))
  await guest.visitor.ask({ case: 'fetch', value: { maxItems: 0 } }, 'items')
  await expect(depositor.visitor.ask(leave, 'done')).rejects.toThrow('loginNeeded')
  await guest.visitor.ask(leave, 'done')
  await guest.visitor.ask(leave, 'done')
  expect(await world.service.status()).toMatchObject({ members: 1, waiting: 1 })
  await expect(guest.visitor.ask(status, 'status')).rejects.toThrow('unavailable')
  await expect(world.deposit(depositor, guest.account, envelope('late'))).rejects.toThrow(
    'unavailable',
  )
  // As a new member with nothing, also after a crash.
  const next = await world.crash()
  const back = await next.again(guest)
  await expect(back.visitor.ask(status, 'status')).rejects.toThrow('unavailable')
  await back.visitor.ask(join(JOIN_SECRET), 'done')
  expect(await back.visitor.ask(status, 'status')).toMatchObject({ waiting: 0, usedBytes: 0n })
})

test('what follows a leaving on the same stream comes after it', async () => {
  const world = await World.start()
  const guest = await world.member()
  const left = guest.visitor.ask({ case: 'leave', value: {} }, 'done')
  const fetched = guest.visitor.ask({ case: 'fetch', value: { maxItems: 0 } }, 'items')
  await expect(fetched).rejects.toThrow('unavailable')
  await left
})
