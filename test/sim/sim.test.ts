import { expect, test } from 'vitest'
import { addReport, NO_FIGURES, rareFaults, replayCommand, runSafely } from './campaign.ts'
import { run, type RunReport } from './run.ts'

// Whatever happens to people, mailboxes and what is between them: see run.ts for what happens, watch.ts and invariants.ts for what
// must hold.

const SEEDS = process.env['SLOW'] === '1' ? 2_000 : 80
const HOUR = 3_600_000

test(
  'nothing is lost, nothing comes twice, and every fault is met',
  async () => {
    const reports: RunReport[] = []
    for (let seed = 1; seed <= SEEDS; seed++) reports.push(await runSafely(seed))
    const wrong = reports.filter(({ problems }) => problems.length > 0)
    expect(wrong.map(({ seed, problems }) => [replayCommand(seed), ...problems])).toEqual([])
    expect(rareFaults(reports.reduce(addReport, NO_FIGURES))).toEqual([])
  },
  HOUR,
)

test('the same seed is the same run', async () => {
  for (const seed of [3, 5, 8]) expect(await run(seed)).toEqual(await run(seed))
})
