import { expect, test } from 'vitest'
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
  await until(() => world.service.status().members === 1)
  expect(world.service.status()).toMatchObject({ waiting: 1, waitingBytes: 100 })
  await world.deposit(await world.stranger(), owner.account, envelope('after'))
  const back = await world.again(owner)
  await back.visitor.ask(fetch, 'items')
  expect(back.visitor.items.map((item) => textOf(item.envelope))).toEqual(['kept', 'after'])
  expect(await back.visitor.ask(status, 'status')).toMatchObject({ waiting: 2, usedBytes: 200n })
})

test('when reading fails, the answer is to try later', async () => {
  const world = await World.start()
  const owner = await world.member()
  const sender = await world.stranger()
  const { records } = world
  const whole = records.get.bind(records)
  const { StoreError } = await import('../../net/store-error.ts')
  records.get = () => Promise.reject(new StoreError('ERR_IO'))
  await expect(world.deposit(sender, owner.account, envelope('x'))).rejects.toThrow('tryLater')
  records.get = whole
  await world.deposit(sender, owner.account, envelope('x'))
})
