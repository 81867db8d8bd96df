import { expect, test } from 'vitest'
import { itHolds } from './campaign.ts'
import { run } from './run.ts'

// Whatever happens to people, mailboxes and what is between them: see run.ts for what happens, watch.ts and invariants.ts for what
// must hold. The other half is in sim-more.test.ts, which runs beside this.

const SEEDS = process.env['SLOW'] === '1' ? 1_000 : 100
const HOUR = 3_600_000

test(
  'nothing is lost, nothing comes twice, and every fault is met',
  async () => {
    expect(await itHolds(1, SEEDS)).toEqual([])
  },
  HOUR,
)

test('the same seed is the same run', async () => {
  for (const seed of [3, 5, 8]) expect(await run(seed)).toEqual(await run(seed))
})
