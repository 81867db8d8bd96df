import { expect, test } from 'vitest'
import { success } from '../../bench/oracle/guesser.ts'
import { Dice } from '../campaign/dice.ts'

const dice = new Dice('guesser')

/** Times as they are: most near a value, some far above it. */
function times(around: number): readonly number[] {
  return Array.from({ length: 1000 }, () => {
    const late = dice.onceIn(20) ? dice.below(1000) : 0
    return around + dice.below(100) / 100 + late
  })
}

test('who sees the same thing twice guesses', () => {
  expect(Math.abs(success(times(5), times(5)) - 0.5)).toBeLessThan(0.08)
})

test('who sees what differs by all of its usual range knows, whichever is slower', () => {
  expect(success(times(5), times(6))).toBeGreaterThan(0.9)
  expect(success(times(6), times(5))).toBeGreaterThan(0.9)
})

test('a tenth of the usual range is noticed a little', () => {
  const share = success(times(5), times(5.2))
  expect(share).toBeGreaterThan(0.53)
  expect(share).toBeLessThan(0.7)
})
