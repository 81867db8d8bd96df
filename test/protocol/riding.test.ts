import { describe, expect, test } from 'vitest'
import type { Departure, Riding } from '../../protocol/riding.ts'
import {
  NEVER_RODE,
  RIDE_AGAIN_AFTER,
  STALLED_AFTER,
  hasPassed,
  heard,
  isRideDue,
  isStalled,
  passedBy,
  rode,
} from '../../protocol/riding.ts'
import { DAY, NOW } from '../support/people.ts'

describe('a part rides', () => {
  test('at once, then after 1, 2, 4, 8 ... messages of a chain', () => {
    expect(ridesIn(2000, { start: 5 })).toEqual([5, 6, 8, 12, 20, 36, 68, 132, 260, 516, 1028])
  })

  test('in the first message of every chain', () => {
    let riding = rode(NEVER_RODE, at(0, 0))
    for (let chain = 1; chain < 100; chain += 1) {
      expect(isRideDue(riding, at(chain, 0))).toBe(true)
      riding = rode(riding, at(chain, 0))
      // Within these chains of two messages it is soon carried by the first alone.
      expect(isRideDue(riding, at(chain, 1))).toBe(false)
      riding = passedBy(riding)
    }
    expect(riding).toMatchObject({ rides: 100, passed: 1, chain: 99 })
  })

  test('again when it has not done so for an hour', () => {
    const riding = { ...rode(NEVER_RODE, at(0, 0)), rides: 10 }
    const later = (time: number): boolean => isRideDue(riding, { ...at(0, 1), now: NOW + time })
    expect([RIDE_AGAIN_AFTER - 1, RIDE_AGAIN_AFTER, -RIDE_AGAIN_AFTER].map(later)).toEqual([
      false,
      true,
      true,
    ])
  })
})

test('a clock that goes back a little holds up nothing, one that goes back far is time that passed', () => {
  expect(hasPassed(100, NOW, NOW - 99)).toBe(false)
  expect(hasPassed(100, NOW, NOW - 100)).toBe(true)
  expect(hasPassed(100, NOW, NOW + 100)).toBe(true)
})

test('the course of a part is counted from its first ride', () => {
  const first = rode(NEVER_RODE, at(3, 0))
  const times = { firstAt: NOW, lastAt: NOW }
  expect(first).toEqual({ ...NEVER_RODE, ...times, rides: 1, chain: 3 })
  const passed = passedBy(first)
  expect(passed).toEqual({ ...first, passed: 1, messages: 1 })
  const again = rode(passed, { now: NOW + 5, chain: 4, number: 2 })
  expect(again).toEqual({ ...first, rides: 2, lastAt: NOW + 5, chain: 4, messages: 2 })
  expect(heard(again, undefined)).toEqual({ ...again, messages: 3 })
  expect(heard(again, 3)).toEqual({ ...again, messages: 3 })
  expect(heard(again, 4)).toEqual({ ...again, messages: 3, answeredChains: 1 })
})

test('what happens before a part has ridden is not counted', () => {
  expect(passedBy(NEVER_RODE)).toBe(NEVER_RODE)
  expect(heard(NEVER_RODE, 0)).toBe(NEVER_RODE)
})

describe('a part is stalled', () => {
  test('after eight answered chains and 200 messages', () => {
    let riding = afterChains(8)
    for (let i = riding.messages; i < 199; i += 1) riding = passedBy(riding)
    expect(isStalled(riding, NOW)).toBe(false)
    riding = passedBy(riding)
    expect(riding.messages).toBe(200)
    expect(isStalled(riding, NOW)).toBe(true)
    expect(isStalled({ ...riding, answeredChains: 7 }, NOW + 365 * DAY)).toBe(false)
  })

  test('after eight answered chains and seven days', () => {
    expect(STALLED_AFTER).toBe(7 * DAY)
    const riding = afterChains(8)
    expect(isStalled(riding, NOW + STALLED_AFTER - 1)).toBe(false)
    expect(isStalled(riding, NOW + STALLED_AFTER)).toBe(true)
    expect(isStalled(afterChains(7), NOW + STALLED_AFTER)).toBe(false)
  })

  test('not by chains that it did not ride in, and not by messages alone', () => {
    let riding = rode(NEVER_RODE, at(3, 0))
    for (let i = 0; i < 500; i += 1) riding = heard(riding, i % 2 === 0 ? 4 + i : undefined)
    expect(riding).toMatchObject({ answeredChains: 0, messages: 500 })
    expect(isStalled(riding, NOW + STALLED_AFTER)).toBe(false)
  })
})

/** The positions of a chain at which a part rides that is made before `start`. */
function ridesIn(length: number, { start }: { readonly start: number }): readonly number[] {
  const positions: number[] = []
  let riding = NEVER_RODE
  for (let number = start; number < length; number += 1) {
    const due = isRideDue(riding, at(0, number))
    if (due) positions.push(number)
    riding = due ? rode(riding, at(0, number)) : passedBy(riding)
  }
  return positions
}

function afterChains(count: number): Riding {
  let riding = NEVER_RODE
  for (let chain = 0; chain < count; chain += 1) riding = heard(rode(riding, at(chain, 0)), chain)
  return riding
}

function at(chain: number, number: number): Departure {
  return { now: NOW, chain, number }
}
