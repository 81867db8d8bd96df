import { expect, test } from 'vitest'
import { Dice } from '../campaign/dice.ts'
import { killNodes } from '../support/node-kills.ts'

const KILLS = process.env['SLOW'] === '1' ? 200 : 20

test(`nothing is lost and nothing doubled when two who chat and their mailbox are killed ${KILLS} times`, async () => {
  const dice = new Dice('node kills')
  const report = await killNodes(KILLS, (limit) => dice.below(limit))
  expect(report).toMatchObject({ kills: KILLS, lost: 0, doubled: 0, faults: [] })
  expect(report.accepted).toBeGreaterThan(KILLS)
}, 600_000)
