import { expect, test } from 'vitest'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ShortLived } from '../../net/short-lived.ts'

test('what was put in is there until it is taken, once', () => {
  const items = new ShortLived<string, number>()
  items.set('__proto__', 1)
  items.set('b', 2)
  items.set('b', 3)
  expect(items.size).toBe(2)
  expect([items.has('b'), items.has('toString')]).toEqual([true, false])
  expect([items.get('__proto__'), items.get('b')]).toEqual([1, 3])
  expect([items.take('b'), items.take('b'), items.take('never')]).toEqual([3, undefined, undefined])
  expect([items.size, items.has('b'), items.get('b')]).toEqual([1, false, undefined])
})

test('everything can be taken together', () => {
  const items = new ShortLived<number, string>()
  items.set(2, 'b')
  items.set(1, 'a')
  expect(items.takeAll()).toEqual(['b', 'a'])
  expect([items.size, items.takeAll(), items.get(1)]).toEqual([0, [], undefined])
  items.set(1, 'c')
  expect(items.takeAll()).toEqual(['c'])
})

test('nothing that was taken waits for a full collection of garbage', () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as typeof globalThis.gc & NodeJS.GCFunction
  const items = new ShortLived<number, Uint8Array[]>()
  let last = 0
  const add = (): void =>
    items.set(
      ++last,
      Array.from({ length: 100 }, () => new Uint8Array(8)),
    )
  while (last < 64) add()
  gc()
  const before = process.memoryUsage().heapUsed
  while (last < 5000) {
    items.take(last - 63)
    add()
  }
  for (let i = 0; i < 3; i++) gc({ type: 'minor' })
  const kept = process.memoryUsage().heapUsed - before
  expect(kept).toBeLessThan(10 * 1024 * 1024)
})
