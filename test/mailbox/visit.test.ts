import { expect, test } from 'vitest'
import { encodeMailboxFrame, MAX_MAILBOX_FRAME_BYTES } from '../../net/mailbox-messages.ts'
import { peerName } from '../../net/peer-name.ts'
import { testAccount, testBundle } from '../support/accounts.ts'
import { settle, until } from '../support/manual-clock.ts'
import { envelope, World } from './world.ts'
import type { MailboxBodyInit } from '../../net/mailbox-messages.ts'

const MINUTE = 60_000
const status: MailboxBodyInit = { case: 'getStatus', value: {} }
const fetch: MailboxBodyInit = { case: 'fetch', value: {} }

test('a request outside its limits gets an answer with its code', async () => {
  const world = await World.start()
  const owner = await world.member()
  const { visitor } = await world.stranger()
  const deposit = (length: number, ownerBytes = owner.account.key.slice()): MailboxBodyInit => ({
    case: 'deposit',
    value: { owner: ownerBytes, depositId: world.random(16), envelope: envelope('', { length }) },
  })
  await expect(visitor.ask(deposit(128 * 1024 + 1), 'custody')).rejects.toThrow('tooLarge')
  await expect(visitor.ask(deposit(100, new Uint8Array(31)), 'custody')).rejects.toThrow(
    'badRequest',
  )
  await expect(visitor.ask({ case: 'done', value: {} }, 'done')).rejects.toThrow('badRequest')
  const ids = Array.from({ length: 1025 }, (_, i) => BigInt(i))
  const tooMany = owner.visitor.ask({ case: 'acknowledge', value: { ids } }, 'done')
  await expect(tooMany).rejects.toThrow('tooLarge')
  await visitor.ask(deposit(128 * 1024), 'custody')
})

test.each([
  ['no protobuf', Uint8Array.of(255, 255, 255)],
  ['no bytes', new Uint8Array(0)],
  ['a request with id 0', encodeMailboxFrame(0, status)],
  ['a frame above the limit', new Uint8Array(MAX_MAILBOX_FRAME_BYTES + 1)],
])('%s ends the channel', async (_, frame) => {
  const world = await World.start()
  const { visitor } = await world.stranger()
  await visitor.hello
  visitor.channel.send(frame)
  expect(await visitor.ended).toBeInstanceOf(Error)
  await until(async () => (await world.service.status()).channels === 0)
})

test('who asks nothing but wrong things is thrown out', async () => {
  const world = await World.start()
  const { visitor } = await world.stranger()
  for (let i = 0; i < 16; i++) {
    await expect(visitor.ask(status, 'status')).rejects.toThrow('loginNeeded')
  }
  visitor.channel.send(encodeMailboxFrame(99, status))
  expect(await visitor.ended).toBeInstanceOf(Error)
})

test('two fetches at once both get their answer, and the mail keeps coming', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  await world.deposit(sender, owner.account, envelope('a'))
  const answers = await Promise.all([
    owner.visitor.ask(fetch, 'items'),
    owner.visitor.ask(fetch, 'items'),
  ])
  expect(answers.map(({ items }) => items.length)).toEqual([1, 1])
  await world.deposit(sender, owner.account, envelope('b'))
  await until(() => owner.visitor.items.length === 3)
})

test('an address that deposits without end has to wait, others do not', async () => {
  const limits = { addressDeposits: 3, addressDepositsPerSecond: 1 }
  const world = await World.start({ limits })
  const owner = await world.member()
  const [flood, other] = [await world.stranger(), await world.stranger('/ip4/10.7.7.7/tcp/1')]
  const again = await world.stranger()
  for (const text of ['1', '2', '3']) await world.deposit(flood, owner.account, envelope(text))
  const late = () => world.deposit(again, owner.account, envelope('4'))
  await expect(late()).rejects.toThrow('tryLater')
  await world.deposit(other, owner.account, envelope('5'))
  await world.clock.advance(1000)
  await late()
})

test('rates that an operator changes count from the next request on', async () => {
  const limits = { addressDeposits: 1, addressDepositsPerSecond: 0 }
  const world = await World.start({ limits })
  const [owner, stranger] = [await world.member(), await world.stranger()]
  const deposit = (text: string) => world.deposit(stranger, owner.account, envelope(text))
  await deposit('1')
  await expect(deposit('2')).rejects.toThrow('tryLater')
  world.rules.change({ limits: { addressDeposits: 3, addressDepositsPerSecond: 1 } })
  await world.clock.advance(2000)
  await deposit('2')
  world.rules.change({ limits: { addressDeposits: 0 } })
  await expect(deposit('3')).rejects.toThrow('tryLater')
})

test('strangers cannot take the last channels, which are for members', async () => {
  const world = await World.start({ limits: { channels: 4, memberChannels: 1 } })
  const owner = await world.member()
  for (let at = 0; at < 2; at++) await (await world.stranger()).visitor.hello
  const late = await world.stranger()
  await expect(late.visitor.hello).rejects.toThrow('ended the channel')
  const again = await world.again(owner)
  await again.visitor.ask(status, 'status')
})

test('a silent channel is closed, one that waits for mail is not', async () => {
  const world = await World.start()
  const [idle, owner] = [await world.stranger(), await world.member()]
  await owner.visitor.ask(fetch, 'items')
  await world.clock.advance(MINUTE / 2)
  await expect(idle.visitor.ask(status, 'status')).rejects.toThrow('loginNeeded')
  await world.clock.advance(MINUTE - 1)
  expect((await world.service.status()).channels).toBe(2)
  await world.clock.advance(1)
  await idle.visitor.ended
  await until(async () => (await world.service.status()).channels === 1)
  await world.clock.advance(10 * MINUTE)
  await owner.visitor.ask(status, 'status')
})

test('channels are limited for each peer and for all', async () => {
  const world = await World.start({ limits: { peerChannels: 2, channels: 3, memberChannels: 0 } })
  const guest = await world.stranger()
  await world.visit(guest.account, guest.wire)
  await expect(world.visit(guest.account, guest.wire)).rejects.toThrow('ERR_CLOSED')
  await world.stranger()
  const last = await world.stranger()
  expect(await last.visitor.ended).toBeInstanceOf(Error)
  expect((await world.service.status()).channels).toBe(3)
})

test('many requests at once are all answered, a few at a time', async () => {
  const limits = { channelRequests: 4, channelRequestBytes: 1000, requestBytes: 1500 }
  const world = await World.start({ limits })
  const owner = await world.member()
  const senders = [await world.stranger(), await world.stranger()]
  await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      senders.map((sender) =>
        world.deposit(sender, owner.account, envelope(`${i}`, { length: 700 })),
      ),
    ).flat(),
  )
  expect((await world.service.status()).waiting).toBe(100)
})

test('an owner who does not read is let go, and gets everything later', async () => {
  const world = await World.start({ limits: { leaseBytes: 8 * 1024 * 1024 } })
  const owner = await world.member()
  const sender = await world.stranger()
  for (let i = 0; i < 20; i++) {
    await world.deposit(sender, owner.account, envelope(`${i}`, { length: 100_000 }))
  }
  const options = { maxFrameBytes: MAX_MAILBOX_FRAME_BYTES, signal: new AbortController().signal }
  const channel = await owner.wire.open(world.wire.self, '/sotto/mailbox/1', options)
  expect((await world.service.status()).channels).toBe(3)
  channel.abort(new Error('gone'))
  await until(async () => (await world.service.status()).channels === 2)
  // The reader of this one stops: its incoming is never asked for more.
  world.network.filter = ({ to }) => (to === owner.wire.self ? 'swallow' : 'deliver')
  owner.visitor.channel.send(encodeMailboxFrame(7, fetch))
  await settle()
  await world.clock.advance(MINUTE / 2)
  await until(async () => (await world.service.status()).channels < 2)
  world.network.filter = () => 'deliver'
  const back = await world.again(owner)
  await back.visitor.ask(fetch, 'items')
  await until(() => back.visitor.items.length === 20)
})

test('a stopped mailbox answers what it has begun, and starts again', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  const deposit = world.deposit(sender, owner.account, envelope('last'))
  await until(async () => (await world.service.status()).waiting === 1)
  await world.service.stop()
  await deposit
  await world.service.stop()
  await expect(world.stranger()).rejects.toThrow('does not speak')
  expect(world.clock.pending).toBe(0)
  await world.service.start()
  await world.service.start()
  const back = await world.again(owner)
  await back.visitor.ask(fetch, 'items')
  expect(back.visitor.items).toHaveLength(1)
})

test('a peer that does not read is not answered any further', async () => {
  const world = await World.start()
  const { looked, bytes } = await deafPeer(world)
  const most = (1024 + 128) * 1024 // what the wire takes before it says that it is full, and what may be owed
  expect(looked() * bytes).toBeLessThan(most)
  await world.clock.advance(MINUTE / 2)
  await until(async () => (await world.service.status()).channels === 1)
})

test('a peer that does not read keeps no mailbox from stopping', async () => {
  const world = await World.start()
  await deafPeer(world)
  const stopped = world.service.stop()
  await world.clock.advance(10_000)
  await stopped
  expect(world.clock.pending).toBe(0)
})

/** Asks for a bundle 3000 times and reads nothing. How often it was looked for, and how long it is. */
async function deafPeer(world: World): Promise<{ looked: () => number; bytes: number }> {
  const owner = await world.member()
  const { bytes } = testBundle(owner.account, { sequence: 1, now: world.clock.now() }, world.random)
  await owner.visitor.ask({ case: 'putBundle', value: { bundle: bytes } }, 'done')
  let looked = 0
  const { bundle } = world.kept
  world.kept.bundle = async (account) => {
    looked++
    return await bundle.call(world.kept, account)
  }
  const deaf = world.network.wire(peerName(testAccount(world.random).key))
  const options = { maxFrameBytes: MAX_MAILBOX_FRAME_BYTES, signal: new AbortController().signal }
  const channel = await deaf.open(world.wire.self, '/sotto/mailbox/1', options)
  const value = { owner: owner.account.key }
  for (let id = 1; id <= 3000; id++)
    channel.send(encodeMailboxFrame(id, { case: 'getBundle', value }))
  await settle(200)
  return { looked: () => looked, bytes: bytes.length }
}
