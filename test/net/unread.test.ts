import { expect, test } from 'vitest'
import { UnreadBytes } from '../../net/unread.ts'

const [a, b, c] = ['a', 'b', 'c'].map((name) => ({ name, abort: () => undefined })) as [
  Holder,
  Holder,
  Holder,
]

interface Holder {
  readonly name: string
  abort(): void
}

test('above the limit those that hold most are named, largest first, and hold nothing any more', () => {
  const unread = new UnreadBytes(100)
  expect(unread.set(a, 40)).toEqual([])
  expect(unread.set(b, 60)).toEqual([])
  expect(unread.set(c, 1)).toEqual([b])
  expect(unread.total).toBe(41)
  expect(unread.set(c, 61)).toEqual([c])
  expect(unread.set(b, 30)).toEqual([])
  expect(unread.set(c, 200)).toEqual([c])
  expect(unread.total).toBe(70)
})

test('what was read does not count any more', () => {
  const unread = new UnreadBytes(100)
  unread.set(a, 90)
  unread.set(a, 0)
  unread.set(a, 0)
  expect(unread.set(b, 100)).toEqual([])
  expect(unread.total).toBe(100)
})
