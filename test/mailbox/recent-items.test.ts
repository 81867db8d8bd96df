import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { EVERYTHING, LIMITS, mail, owner } from '../../mailbox/contract/people.ts'
import { LevelMailboxStore } from '../../mailbox/level/level-store.ts'
import { RecentItems } from '../../mailbox/level/recent-items.ts'
import { Records } from '../../net/records.ts'
import { generateSecret, ready } from '../../protocol/crypto.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'
import type { Store } from '../../net/ports.ts'

const random = seededRandom('recent items')

test('what was read is there once', () => {
  const items = new RecentItems<string>(() => false)
  const reading = items.reading(1)
  reading.found('1/5', 'five')
  reading.end()
  expect(items.take('1/5')).toBe('five')
  expect(items.take('1/5')).toBeUndefined()
})

test('what is being removed, or has gone since the reading began, is not remembered; of other members it is', () => {
  const leaving = new Set(['1/1'])
  const items = new RecentItems<string>((name) => leaving.has(name))
  const [reading, other] = [items.reading(1), items.reading(2)]
  items.gone(1, ['1/2'])
  for (const name of ['1/1', '1/2', '1/3']) reading.found(name, name)
  other.found('2/2', 'two')
  reading.end()
  other.end()
  expect(['1/1', '1/2', '1/3'].map((name) => items.take(name))).toStrictEqual([
    undefined,
    undefined,
    '1/3',
  ])
  expect(items.take('2/2')).toBe('two')
  const later = items.reading(1)
  later.found('1/2', 'given again')
  expect(items.take('1/2')).toBe('given again')
})

test('after a failure of the store nothing is remembered, nor what is still being read', () => {
  const items = new RecentItems<string>(() => false)
  const reading = items.reading(1)
  reading.found('1/1', 'before')
  items.forget()
  reading.found('1/2', 'meanwhile')
  expect([items.take('1/1'), items.take('1/2')]).toStrictEqual([undefined, undefined])
  items.reading(1).found('1/2', 'afterwards')
  expect(items.take('1/2')).toBe('afterwards')
})

test('however much is read, a bounded number is remembered', () => {
  const items = new RecentItems<number>(() => false)
  const reading = items.reading(1)
  for (let id = 0; id < 100_000; id++) reading.found(`1/${id}`, id)
  let remembered = 0
  for (let id = 0; id < 100_000; id++) if (items.take(`1/${id}`) !== undefined) remembered++
  expect(remembered).toBeGreaterThan(0)
  expect(remembered).toBeLessThanOrEqual(16 * 1024)
})

test('mail that was acknowledged while it was read again counts once', async () => {
  const level = await opened()
  const pause = Promise.withResolvers<void>()
  const store = await startedOn(slowlyRead(level, pause.promise))
  const to = owner(1)
  await store.join(to)
  await store.deposit(mail(to, 'one'))
  await store.deposit(mail(to, 'two'))
  const reading = store.read(to, 0, EVERYTHING)
  expect(await store.acknowledge(to, [1])).toHaveLength(1)
  pause.resolve()
  expect((await reading).items.map(({ id }) => id)).toStrictEqual([1, 2])
  expect(await store.acknowledge(to, [1])).toStrictEqual([])
  expect(await store.statistics()).toMatchObject({ accepted: 2, acknowledged: 1, waiting: 1 })
  expect(await store.acknowledge(to, [1, 2])).toHaveLength(1)
  expect(await store.statistics()).toMatchObject({ acknowledged: 2, waiting: 0, waitingBytes: 0 })
})

test('an acknowledgement that failed, and shows when the database is opened again, counts once', async () => {
  const level = await opened()
  const write = level.batch.bind(level) as (...parts: readonly unknown[]) => Promise<void>
  let held: (() => Promise<void>) | undefined
  const failing = async (...parts: readonly unknown[]): Promise<void> => {
    held = () => write(...parts)
    throw new Error('Input/output error')
  }
  const store = await startedOn(level, async () => await held?.())
  const to = owner(1)
  await store.join(to)
  for (const text of ['one', 'two']) await store.deposit(mail(to, text))
  Object.defineProperty(level, 'batch', { configurable: true, value: failing })
  await expect(store.acknowledge(to, [1])).rejects.toThrow('ERR_IO')
  Object.defineProperty(level, 'batch', { configurable: true, value: write })
  expect((await store.read(to, 0, EVERYTHING)).items).toHaveLength(2)
  await expect(store.setTime(1)).rejects.toThrow('ERR_IO')
  expect(await store.acknowledge(to, [1])).toStrictEqual([])
  expect(await store.statistics()).toMatchObject({ accepted: 2, acknowledged: 1, waiting: 1 })
})

async function opened(): Promise<MemoryLevel<string, Uint8Array>> {
  await ready
  const level = new MemoryLevel<string, Uint8Array>({
    valueEncoding: 'view',
    storeEncoding: 'view',
  })
  await level.open()
  return level
}

async function startedOn(
  level: Store,
  reopen: () => Promise<void> = () => Promise.resolve(),
): Promise<LevelMailboxStore> {
  const clock = new ManualClock()
  const dataKey = generateSecret('DataKey', 32, random)
  const records = new Records({ store: level, dataKey, clock, random, reopen })
  const store = new LevelMailboxStore({ records, clock, limits: LIMITS })
  await store.start()
  return store
}

/** Envelopes are read as of when it was asked for them, and given later. */
function slowlyRead(level: Store, until: Promise<void>): Store {
  return new Proxy(level, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name !== 'iterator') return value.bind(target) as unknown
      return (options: { gte?: string }) => {
        const iterator = target.iterator(options)
        if (options.gte?.startsWith('mailbox/item/') !== true) return iterator
        const nextv = iterator.nextv.bind(iterator)
        iterator.nextv = async (size: number) => {
          await until
          return await nextv(size)
        }
        return iterator
      }
    },
  })
}
