import { expect, test } from 'vitest'
import { Dice } from '../campaign/dice.ts'
import { soak, type Pair } from '../support/soak.ts'

const SLOW = process.env['SLOW'] === '1'
const SECONDS = SLOW ? 60 : 1

const FEW: readonly Pair[] = [
  ['ada', 'bob', 100],
  ['bob', 'cleo', 100],
]

/** Whether anything grows cannot be seen in seconds: `npm run campaign -- soak` is for that. */
test('two who chat while others come and go lose nothing, double nothing and are measured', async () => {
  const report = await soak({
    ...{ ms: SECONDS * 1_000, sampleMs: 250, churnMs: 600, pace: 1 },
    ...(SLOW ? {} : { pairs: FEW }),
    below: (name) => {
      const dice = new Dice(name)
      return (limit) => dice.below(limit)
    },
  })
  expect(report).toMatchObject({ lost: 0, doubled: 0, foreign: 0, queued: 0, faults: [] })
  expect(report.accepted).toBeGreaterThan(5 * SECONDS)
  expect(report.churn.restarts).toBeGreaterThan(0)
  expect([...report.samples.keys()].sort()).toEqual(['ada', 'bob', 'box'])
  for (const samples of report.samples.values()) {
    const last = samples.at(-1)
    const { heap, code, external, native, descriptors, threads, resources } = last ?? {}
    for (const figure of [heap, code, external, native, descriptors, threads, resources]) {
      expect(figure).toBeGreaterThan(0)
    }
    expect(last?.anonymous).toBeGreaterThan(last?.native ?? 0)
    expect(last?.resident).toBeGreaterThan(last?.anonymous ?? 0)
  }
}, 600_000)
