import { expect, test } from 'vitest'
import { bundleKey } from '../../protocol/bundle.ts'
import { testAccount, testBundle } from '../support/accounts.ts'
import { World } from './world.ts'
import type { MailboxBodyInit } from '../../net/mailbox-messages.ts'
import type { Directory, PeerName } from '../../net/ports.ts'
import type { VerifiedBundle } from '../../protocol/bundle.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const put = ({ bytes }: VerifiedBundle): MailboxBodyInit => ({
  case: 'putBundle',
  value: { bundle: bytes },
})

/** A directory that remembers what was put, and stores or fails as told. */
class FakeDirectory implements Directory {
  readonly puts: { readonly key: Uint8Array; readonly value: Uint8Array }[] = []
  holders: readonly PeerName[] | Error = ['somebody' as PeerName]

  async put(key: Uint8Array, value: Uint8Array): Promise<readonly PeerName[]> {
    this.puts.push({ key, value })
    if (this.holders instanceof Error) throw this.holders
    return this.holders
  }

  get(): AsyncGenerator<never> {
    throw new Error('a mailbox looks nothing up')
  }
}

test('anybody gets the newest bundle of a member, also after a crash', async () => {
  const world = await World.start()
  const owner = await world.member()
  const { account, visitor } = owner
  const now = world.clock.now()
  const [one, two] = [1, 2].map((sequence) => testBundle(account, { sequence, now }, world.random))
  if (one === undefined || two === undefined) throw new Error('no bundles')
  await visitor.ask(put(one), 'done')
  await visitor.ask(put(two), 'done')
  await visitor.ask(put(two), 'done')
  const get: MailboxBodyInit = { case: 'getBundle', value: { owner: account.key } }
  expect((await (await world.stranger()).visitor.ask(get, 'bundle')).bundle).toEqual(two.bytes)
  const next = await world.crash()
  expect((await (await next.stranger()).visitor.ask(get, 'bundle')).bundle).toEqual(two.bytes)
})

test('an older bundle, another one with the same sequence, and those of others are refused', async () => {
  const world = await World.start()
  const { account, visitor } = await world.member()
  const now = world.clock.now()
  const held = testBundle(account, { sequence: 2, now }, world.random)
  await visitor.ask(put(held), 'done')
  const other = testAccount(world.random)
  const bad = [
    testBundle(account, { sequence: 1, now }, world.random),
    testBundle(account, { sequence: 2, now }, world.random),
    testBundle(other, { sequence: 3, now }, world.random),
    testBundle(account, { sequence: 3, now: now - DAY, expiresAt: now }, world.random),
  ]
  for (const bundle of bad) {
    await expect(visitor.ask(put(bundle), 'done')).rejects.toThrow('badRequest')
  }
  const value = { bundle: held.bytes.with(held.bytes.length - 1, 0) }
  await expect(visitor.ask({ case: 'putBundle', value }, 'done')).rejects.toThrow('badRequest')
  const get: MailboxBodyInit = { case: 'getBundle', value: { owner: account.key } }
  expect((await visitor.ask(get, 'bundle')).bundle).toEqual(held.bytes)
})

test('an expired bundle is not served', async () => {
  const world = await World.start()
  const { account, visitor } = await world.member()
  const now = world.clock.now()
  const bundle = testBundle(account, { sequence: 1, now, expiresAt: now + DAY }, world.random)
  await visitor.ask(put(bundle), 'done')
  await visitor.ask({ case: 'fetch', value: {} }, 'items')
  await world.clock.advance(DAY)
  const get: MailboxBodyInit = { case: 'getBundle', value: { owner: account.key } }
  await expect(visitor.ask(get, 'bundle')).rejects.toThrow('unavailable')
})

test('bundles of owners who are away go back to the DHT every 6 to 12 hours until they expire', async () => {
  const directory = new FakeDirectory()
  const world = await World.start({ directory })
  const owner = await world.member()
  const now = world.clock.now()
  const fields = { sequence: 1, now, expiresAt: now + 5 * DAY }
  const bundle = testBundle(owner.account, fields, world.random)
  await owner.visitor.ask(put(bundle), 'done')
  await owner.visitor.ask({ case: 'fetch', value: {} }, 'items')
  await world.clock.advance(2 * DAY)
  expect(directory.puts).toEqual([])
  await owner.visitor.channel.close()
  await owner.visitor.ended
  await world.clock.advance(13 * HOUR)
  expect(directory.puts[0]).toEqual({ key: bundleKey(owner.account.key), value: bundle.bytes })
  await world.clock.advance(5 * DAY)
  const times = directory.puts.length
  expect(times).toBeGreaterThanOrEqual(5)
  expect(times).toBeLessThanOrEqual(12)
  expect((await world.service.status()).republished).toBe(times)
  await world.clock.advance(2 * DAY)
  expect(directory.puts).toHaveLength(times)
})

test('after a start bundles go out soon, and again soon when nobody stored them', async () => {
  const world = await World.start()
  const owner = await world.member()
  const bundle = testBundle(owner.account, { sequence: 1, now: world.clock.now() }, world.random)
  await owner.visitor.ask(put(bundle), 'done')
  const directory = new FakeDirectory()
  directory.holders = []
  const next = await world.crash({ directory })
  await next.clock.advance(HOUR)
  const tried = directory.puts.length
  expect(tried).toBeGreaterThanOrEqual(4)
  directory.holders = new Error('no peers')
  await next.clock.advance(HOUR)
  expect(directory.puts.length).toBeGreaterThan(tried)
  expect((await next.service.status()).republished).toBe(0)
  directory.holders = ['somebody' as PeerName]
  await next.clock.advance(HOUR)
  expect((await next.service.status()).republished).toBe(1)
})
