import { expect, test } from 'vitest'
import { Dice } from '../campaign/dice.ts'
import { soak } from '../support/soak.ts'

const SECONDS = process.env['SLOW'] === '1' ? 60 : 3

/** Whether anything grows cannot be seen in seconds: `npm run campaign -- soak` is for that. */
test('two who chat while others come and go lose nothing, double nothing and are measured', async () => {
  const report = await soak({
    ...{ ms: SECONDS * 1_000, sampleMs: 500, churnMs: 800, pace: 4 },
    below: (name) => {
      const dice = new Dice(name)
      return (limit) => dice.below(limit)
    },
  })
  expect(report).toMatchObject({ lost: 0, doubled: 0, foreign: 0, queued: 0, faults: [] })
  expect(report.accepted).toBeGreaterThan(10 * SECONDS)
  expect(report.churn.restarts).toBeGreaterThan(0)
  expect([...report.samples.keys()].sort()).toEqual(['ada', 'bob', 'box'])
  for (const samples of report.samples.values()) {
    const { heap, external, resident, anonymous, descriptors, threads, resources } =
      samples.at(-1) ?? {}
    for (const figure of [heap, external, resident, anonymous, descriptors, threads, resources]) {
      expect(figure).toBeGreaterThan(0)
    }
  }
}, 600_000)
