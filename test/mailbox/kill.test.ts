import { beforeAll, expect, test } from 'vitest'
import { ready } from '../../protocol/crypto.ts'
import { Dice } from '../campaign/dice.ts'
import { killMailbox } from '../support/mailbox-kills.ts'

const KILLS = process.env['SLOW'] === '1' ? 200 : 20

beforeAll(() => ready)

test(`whatever was promised survives ${KILLS} kills, what was acknowledged is gone, and no pair is given twice`, async () => {
  const dice = new Dice('kills')
  const report = await killMailbox(KILLS, (limit) => dice.below(limit))
  expect(report.faults).toEqual([])
  expect(report.promised).toBeGreaterThan(KILLS)
  expect(report.settled).toBeGreaterThan(KILLS)
  expect(report.pairs).toBeGreaterThan(KILLS)
  const { during, after, mail, pairs } = report.expiry
  expect([during, after, mail, pairs].every((count) => count > 0)).toBe(true)
  expect(report.received + report.expired).toBeGreaterThanOrEqual(report.promised)
}, 600_000)
