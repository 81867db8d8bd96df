import { expect, test } from 'vitest'
import { Dice } from '../campaign/dice.ts'
import { orStuck } from './campaign.ts'
import { SimClock } from './clock.ts'
import { SimDisk } from './disk.ts'
import { Process } from './process.ts'

function disk(clock: SimClock): { readonly disk: SimDisk; readonly durable: string[] } {
  const durable: string[] = []
  const made = new SimDisk({
    clock,
    dice: new Dice('disk'),
    onWritten: () => undefined,
    onDurable: (batch) => durable.push(...batch.map(({ key }) => key)),
    onLost: () => undefined,
  })
  return { disk: made, durable }
}

const put = (key: string) => [{ type: 'put' as const, key, value: new Uint8Array([1]) }]

test('what is due runs in the order of time, then of asking, with its microtasks', async () => {
  const clock = new SimClock(0)
  const told: string[] = []
  clock.after(20, () => told.push('c'))
  clock.after(10, () => {
    told.push('a')
    void Promise.resolve().then(() => told.push('a, afterwards'))
  })
  clock.after(10, () => told.push('b'))
  clock.after(5, () => told.push('never')).cancel()
  clock.after(30, () => told.push('later'))
  await clock.advance(25)
  expect(told).toEqual(['a', 'a, afterwards', 'b', 'c'])
  expect(clock.now()).toBe(25)
})

test('a power failure keeps what was synced, and of the rest no more than was written', async () => {
  const clock = new SimClock()
  const { disk: one, durable } = disk(clock)
  const process = new Process(0)
  const { store } = await one.open(process)
  const synced: object = { sync: true }
  const first = store.batch(put('synced'), synced)
  await clock.advance(1_000)
  await first
  void store.batch(put('written'))
  await clock.advance(1_000)
  expect(durable).toEqual(['synced'])
  process.alive = false
  one.crash(true)
  expect([...one.image().keys()].toSorted()).toEqual(durable.toSorted())
  expect(one.image().has('synced')).toBe(true)
})

test('the end of a process alone keeps what was written', async () => {
  const clock = new SimClock()
  const { disk: one } = disk(clock)
  const process = new Process(0)
  const { store } = await one.open(process)
  void store.batch(put('written'))
  await clock.advance(1_000)
  process.alive = false
  one.crash(false)
  expect(one.image().has('written')).toBe(true)
})

test('a batch whose fsync failed is not there until the database is opened again', async () => {
  const clock = new SimClock()
  const { disk: one } = disk(clock)
  const { store, reopen } = await one.open(new Process(0))
  one.fault = 'unsure'
  const written = store.batch(put('doubtful')).catch((error: unknown) => error)
  await clock.advance(1_000)
  expect(await written).toBeInstanceOf(Error)
  expect(await store.get('doubtful')).toBeUndefined()
  const opened = reopen()
  await clock.advance(1_000)
  await opened
  expect([...((await store.get('doubtful')) ?? [])]).toEqual([1])
})

test('a process that is doomed ends at a call, and reaches nothing after it', async () => {
  const clock = new SimClock()
  const process = new Process(0)
  process.doom(1, () => (process.alive = false))
  const told: string[] = []
  const own = process.clock(clock)
  own.after(1, () => told.push('first'))
  own.after(2, () => told.push('second'))
  own.after(3, () => told.push('third'))
  await clock.advance(10)
  expect(told).toEqual(['first'])
})

test('a run that waits for what never comes is told from one that takes its time', async () => {
  const never = new Promise<void>(() => undefined)
  await expect(orStuck(never, 5)).rejects.toThrow('never comes')
  const clock = new SimClock(0)
  for (let at = 1; at <= 1_000; at++) clock.after(at, () => undefined)
  await expect(orStuck(clock.advance(1_000), 1_000)).resolves.toBeUndefined()
})

test('a database is being opened again until it is open, or another process opens it', async () => {
  const clock = new SimClock()
  const { disk: one } = disk(clock)
  const process = new Process(0)
  const { reopen } = await one.open(process)
  const again = reopen()
  expect(one.isReopening).toBe(true)
  await clock.advance(1_000)
  await again
  expect(one.isReopening).toBe(false)
  void reopen()
  process.alive = false
  await clock.advance(1_000)
  expect(one.isReopening).toBe(true)
  await one.open(new Process(0))
  expect(one.isReopening).toBe(false)
})

test('what comes from a copy is durable, though it was only written when the copy was made', async () => {
  const clock = new SimClock()
  const { disk: one, durable } = disk(clock)
  const process = new Process(0)
  const { store } = await one.open(process)
  void store.batch(put('written'))
  await clock.advance(1_000)
  const copy = one.image()
  process.alive = false
  one.crash(false)
  expect(durable).toEqual([])
  one.restore(copy)
  expect(durable).toEqual(['written'])
  expect([...one.everDurable]).toEqual(['written'])
})
