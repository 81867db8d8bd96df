import { expect, test } from 'vitest'
import { itHolds } from './campaign.ts'

// The second half of the seeds of sim.test.ts.

const SEEDS = process.env['SLOW'] === '1' ? 1_000 : 100
const HOUR = 3_600_000

test(
  'nothing is lost, nothing comes twice, and every fault is met, in other stories',
  async () => {
    expect(await itHolds(SEEDS + 1, 2 * SEEDS)).toEqual([])
  },
  HOUR,
)
