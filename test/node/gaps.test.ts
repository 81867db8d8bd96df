import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asked, closeGaps, heardIn, newGap, nextStep, waitingForAnother } from '../../node/gaps.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const NOW = 1_800_000_000_000
const ID = new Uint8Array(32).fill(1)
const OTHER = new Uint8Array(32).fill(2)
const gap = newGap({ first: 3, last: 9 }, NOW, ID)

test('only an answer to the chain of the report, in its session, counts as heard', () => {
  const later = NOW + HOUR
  const reported = asked(gap, 5, NOW)
  expect(heardIn(gap, ID, 5, later).heardAt).toBe(0)
  expect(heardIn(reported, ID, 4, later).heardAt).toBe(0)
  expect(heardIn(reported, OTHER, 5, later).heardAt).toBe(0)
  const heard = heardIn(reported, ID, 5, later)
  expect(heard.heardAt).toBe(later)
  expect(heardIn(heard, ID, 6, later + 1).heardAt).toBe(later)
  expect(heardIn(waitingForAnother(heard), ID, 7, later).heardAt).toBe(0)
})

test('a report repeated belongs to the chain of the first one', () => {
  expect(asked(asked(gap, 5, NOW), 8, NOW + HOUR)).toMatchObject({ asks: 2, chain: 5 })
})

test('a clock that was set back far does not make them wait for ever', () => {
  expect(nextStep(gap, NOW + MINUTE)).toBeUndefined()
  expect(nextStep(gap, NOW - 24 * HOUR)).toBe('ask')
})

test('what is closed and what is left are what was missing', () => {
  const range = fc
    .tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 8 }))
    .map(([first, length]) => ({ first, last: first + length }))
  const numbers = (list: readonly { readonly first: number; readonly last: number }[]) =>
    list.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
  const lists = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 10 }).map((points) => {
    const sorted = points.toSorted((a, b) => a - b)
    const even = sorted.slice(0, sorted.length - (sorted.length % 2))
    return Array.from({ length: even.length / 2 }, (_, i) =>
      newGap({ first: even[2 * i] ?? 0, last: even[2 * i + 1] ?? 0 }, NOW, ID),
    )
  })
  fc.assert(
    fc.property(lists, range, (gaps, gone) => {
      const { left, closed } = closeGaps(gaps, gone, NOW)
      const inside = (n: number): boolean => n >= gone.first && n <= gone.last
      expect(numbers(closed)).toEqual(numbers(gaps).filter(inside))
      expect(numbers(left)).toEqual(numbers(gaps).filter((n) => !inside(n)))
    }),
  )
})
