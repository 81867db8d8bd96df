import { expect, test } from 'vitest'
import { Dice } from '../campaign/dice.ts'
import { flatness, LEAST_VALUES } from './flatness.ts'

const dice = new Dice('flatness')

/** `at(0)` to `at(1)`, and up to `noise` above it. */
function series(at: (part: number) => number, noise = 10): readonly number[] {
  return Array.from({ length: 360 }, (_, i) => at(i / 359) + dice.below(noise))
}

function isFlat(values: readonly number[], bound = 5): boolean {
  return flatness({ name: 'figure', values, bound }).isFlat
}

test('what only wavers is flat', () => {
  expect(isFlat(series(() => 100))).toBe(true)
})

test('what grows a little all the time is not, although it wavers more', () => {
  expect(isFlat(series((part) => 100 + 12 * part))).toBe(false)
})

test('a warm-up is no growth', () => {
  expect(isFlat(series((part) => (part < 1 / 6 ? 100 * part : 100)))).toBe(true)
})

test('peaks do not count, at the end neither', () => {
  const values = series(() => 100).map((value, at) => (at % 12 === 11 ? value * 10 : value))
  expect(flatness({ name: 'figure', values, bound: 5 })).toMatchObject({ isFlat: true })
  expect(Math.max(...values)).toBeGreaterThan(900)
})

test('one step up that stays is growth', () => {
  expect(isFlat(series((part) => (part < 0.5 ? 100 : 110)))).toBe(false)
})

test('what shrinks is flat', () => {
  expect(isFlat(series((part) => 200 - 100 * part))).toBe(true)
})

test('of too few values nothing is said', () => {
  const values = Array.from({ length: LEAST_VALUES - 1 }, () => 1)
  expect(() => isFlat(values)).toThrow(RangeError)
  expect(isFlat([...values, 1])).toBe(true)
})
