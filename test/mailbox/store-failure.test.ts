import { expect, test } from 'vitest'
import { REST_MS } from '../../mailbox/requests.ts'
import { until } from '../support/manual-clock.ts'
import { envelope, textOf, World } from './world.ts'
import type { MailboxBodyInit } from '../../net/mailbox-messages.ts'

const fetch: MailboxBodyInit = { case: 'fetch', value: {} }
const status: MailboxBodyInit = { case: 'getStatus', value: {} }

/** Makes the next batches of a store fail. Returns what makes it whole again. */
function breakStore(world: World): () => void {
  const store = world.store as { batch: unknown }
  const whole = store.batch
  store.batch = () => Promise.reject(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
  return () => {
    store.batch = whole
  }
}

test('when the disk fails nothing is promised, and the counters are those of the disk afterwards', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  await world.deposit(sender, owner.account, envelope('kept'))
  const mend = breakStore(world)
  const lost = world.deposit(sender, owner.account, envelope('lost'))
  await expect(lost).rejects.toThrow('ended the channel')
  await owner.visitor.ended
  mend()
  await until(async () => (await world.service.status()).members === 1)
  expect(await world.service.status()).toMatchObject({ waiting: 1, waitingBytes: 100 })
  const back = await world.again(owner)
  await world.clock.advance(REST_MS)
  await world.deposit(await world.stranger(), owner.account, envelope('after'))
  await back.visitor.ask(fetch, 'items')
  expect(back.visitor.items.map((item) => textOf(item.envelope))).toEqual(['kept', 'after'])
  expect(await back.visitor.ask(status, 'status')).toMatchObject({ waiting: 2, usedBytes: 200n })
})

test('after a failure nothing is written for a while, so that those who read are left alone', async () => {
  const world = await World.start()
  const owner = await world.member()
  await world.deposit(await world.stranger(), owner.account, envelope('kept'))
  const mend = breakStore(world)
  const flood = async () =>
    await world.deposit(await world.stranger(), owner.account, envelope('no room'))
  await expect(flood()).rejects.toThrow('ended the channel')
  await until(async () => (await world.service.status()).members === 1)
  const back = await world.again(owner)
  await expect(flood()).rejects.toThrow('tryLater')
  await back.visitor.ask(fetch, 'items')
  const ids = back.visitor.items.map(({ id }) => id)
  const acknowledge: MailboxBodyInit = { case: 'acknowledge', value: { ids } }
  await expect(back.visitor.ask(acknowledge, 'done')).rejects.toThrow('tryLater')
  mend()
  await world.clock.advance(REST_MS)
  await back.visitor.ask(acknowledge, 'done')
  expect((await world.service.status()).waiting).toBe(0)
})

test('when reading fails, the answer is to try later', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  const id = new Uint8Array(16).fill(7)
  await world.deposit(sender, owner.account, envelope('x'), id)
  const { records } = world
  const whole = records.get.bind(records)
  const { StoreError } = await import('../../net/store-error.ts')
  records.get = () => Promise.reject(new StoreError('ERR_IO'))
  const again = () => world.deposit(sender, owner.account, envelope('x'), id)
  await expect(again()).rejects.toThrow('tryLater')
  records.get = whole
  await again()
})
