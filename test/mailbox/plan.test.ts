import { expect, test } from 'vitest'
import { planFor } from '../../mailbox/plan.ts'

const TEAM = { members: 500, messagesPerDay: 60, averageBytes: 2048, offline: 0.3, days: 1 }

test('a plan is what the measured constants make of the numbers', () => {
  const plan = planFor(TEAM)
  expect(plan).toMatchObject({ connections: 350, waiting: 9000, diskBytes: 9000 * 2688 * 2 })
  expect(plan.memoryBytes / 2 ** 20).toBe(200 + 350 / 4)
  expect(plan.depositsPerSecond).toBeCloseTo(1.04, 2)
})

test('nobody who is away leaves nothing waiting, and everybody away connects nobody', () => {
  expect(planFor({ ...TEAM, offline: 0 })).toMatchObject({ waiting: 0, diskBytes: 0 })
  expect(planFor({ ...TEAM, offline: 1 })).toMatchObject({ connections: 0, waiting: 30_000 })
})
