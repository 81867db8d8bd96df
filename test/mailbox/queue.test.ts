import { expect, test } from 'vitest'
import { settle, until } from '../support/manual-clock.ts'
import { envelope, textOf, World } from './world.ts'
import type { MailboxBodyInit } from '../../net/mailbox-messages.ts'
import type { Guest } from './world.ts'

const fetch = (maxItems = 0): MailboxBodyInit => ({ case: 'fetch', value: { maxItems } })
const acknowledge = (ids: readonly bigint[]): MailboxBodyInit => ({
  case: 'acknowledge',
  value: { ids: [...ids] },
})
const texts = (guest: Guest) => guest.visitor.items.map((item) => textOf(item.envelope))
const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`)

async function fill(
  world: World,
  owner: Guest,
  from: number,
  to: number,
  length = 100,
): Promise<void> {
  const sender = await world.stranger()
  for (const text of numbers(from, to)) {
    await world.deposit(sender, owner.account, envelope(text, { length }))
  }
  await sender.visitor.channel.close()
}

test('an empty box answers with an empty run, and pushes what arrives', async () => {
  const world = await World.start()
  const owner = await world.member()
  expect(await owner.visitor.ask(fetch(), 'items')).toMatchObject({ items: [], more: false })
  await fill(world, owner, 1, 3)
  await until(() => owner.visitor.items.length === 3)
  expect(texts(owner)).toEqual(['1', '2', '3'])
})

test('before a fetch nothing is pushed', async () => {
  const world = await World.start()
  const owner = await world.member()
  await fill(world, owner, 1, 1)
  await settle()
  expect(owner.visitor.items).toEqual([])
})

test('mail comes oldest first, in a window that moves as it is acknowledged', async () => {
  const world = await World.start()
  const owner = await world.member()
  await fill(world, owner, 1, 10)
  expect(await owner.visitor.ask(fetch(4), 'items')).toMatchObject({ more: true })
  await settle()
  expect(texts(owner)).toEqual(numbers(1, 4))
  await owner.visitor.ask(acknowledge([1n, 2n]), 'done')
  await until(() => owner.visitor.items.length === 6)
  await fill(world, owner, 11, 11)
  await owner.visitor.ask(acknowledge([3n, 4n, 5n, 6n]), 'done')
  await owner.visitor.ask(acknowledge([7n, 8n]), 'done')
  await until(() => owner.visitor.items.length === 11)
  expect(texts(owner)).toEqual(numbers(1, 11))
})

test('a window is bounded by bytes too, but never below one envelope', async () => {
  const world = await World.start({ limits: { leaseBytes: 250_000 } })
  const owner = await world.member()
  await fill(world, owner, 1, 4, 128 * 1024)
  await owner.visitor.ask(fetch(), 'items')
  await settle()
  expect(texts(owner)).toEqual(['1', '2'])
  await owner.visitor.ask(acknowledge([1n, 2n]), 'done')
  await until(() => owner.visitor.items.length === 4)
})

test('an acknowledgement deletes exactly what it names', async () => {
  const world = await World.start()
  const owner = await world.member()
  await fill(world, owner, 1, 5)
  await owner.visitor.ask(fetch(), 'items')
  await owner.visitor.ask(acknowledge([2n, 4n, 4n, 99n]), 'done')
  await Promise.all([1, 2, 3].map(() => owner.visitor.ask(acknowledge([2n, 5n]), 'done')))
  const next = await world.crash()
  const back = await next.again(owner)
  await back.visitor.ask(fetch(), 'items')
  expect(texts(back)).toEqual(['1', '3'])
  const status = await back.visitor.ask({ case: 'getStatus', value: {} }, 'status')
  expect(status).toMatchObject({ waiting: 2, usedBytes: 200n })
})

test('what was not acknowledged comes again on the next channel', async () => {
  const world = await World.start()
  const owner = await world.member()
  await fill(world, owner, 1, 3)
  await owner.visitor.ask(fetch(), 'items')
  await owner.visitor.ask(acknowledge([1n]), 'done')
  world.network.disconnect(owner.wire.self, world.wire.self)
  await owner.visitor.ended
  const back = await world.again(owner)
  await back.visitor.ask(fetch(), 'items')
  expect(texts(back)).toEqual(['2', '3'])
})

test('a second fetch on a channel begins again', async () => {
  const world = await World.start()
  const owner = await world.member()
  await fill(world, owner, 1, 2)
  await owner.visitor.ask(fetch(1), 'items')
  await owner.visitor.ask(fetch(2), 'items')
  await until(() => owner.visitor.items.length === 3)
  expect(texts(owner)).toEqual(['1', '1', '2'])
})

test('the newest channel gets the mail; when it goes, the one before gets the rest', async () => {
  const world = await World.start()
  const old = await world.member()
  await fill(world, old, 1, 2)
  await old.visitor.ask(fetch(), 'items')
  const young = await world.again(old)
  await young.visitor.ask(fetch(), 'items')
  expect(texts(young)).toEqual(['1', '2'])
  await fill(world, old, 3, 4)
  await until(() => young.visitor.items.length === 4)
  expect(texts(old)).toEqual(['1', '2'])
  await young.visitor.ask(acknowledge([3n]), 'done')
  await young.visitor.channel.close()
  await until(() => old.visitor.items.length === 3)
  expect(texts(old)).toEqual(['1', '2', '4'])
})

test('ids are not used again, even when the box was empty at a crash', async () => {
  const world = await World.start()
  const owner = await world.member()
  await fill(world, owner, 1, 2)
  await owner.visitor.ask(acknowledge([1n, 2n]), 'done')
  const next = await world.crash()
  const back = await next.again(owner)
  await fill(next, back, 3, 3)
  await back.visitor.ask(fetch(), 'items')
  expect(back.visitor.items.map(({ id }) => id)).toEqual([3n])
})

test('a long queue is drained in order while more arrives', async () => {
  const world = await World.start()
  const owner = await world.member()
  await fill(world, owner, 1, 600)
  await owner.visitor.ask(fetch(), 'items')
  const later = fill(world, owner, 601, 700)
  let done = 0
  while (done < 700) {
    await until(() => owner.visitor.items.length > done)
    const ids = owner.visitor.items.slice(done).map(({ id }) => id)
    done += ids.length
    await owner.visitor.ask(acknowledge(ids), 'done')
  }
  await later
  expect(texts(owner)).toEqual(numbers(1, 700))
  expect(await world.service.status()).toMatchObject({
    accepted: 700,
    removed: 700,
    waiting: 0,
    waitingBytes: 0,
  })
})
