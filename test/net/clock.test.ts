import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { systemClock } from '../../net/platform/clock.ts'

const DAY = 86_400_000
const TIMERS = 20_000

test('timers that are cancelled leave nothing behind, whatever they were set to', () => {
  for (let i = 0; i < TIMERS; i++) systemClock.after(DAY + i, () => undefined).cancel()
  const before = heap()
  for (let i = 0; i < TIMERS; i++) systemClock.after(2 * DAY + i, () => undefined).cancel()
  expect((heap() - before) / TIMERS).toBeLessThan(50) // bytes
})

test('a timer that is cancelled does not run, and cancelling it again or in its own run changes nothing', async () => {
  const ran: string[] = []
  const never = systemClock.after(1, () => ran.push('never'))
  never.cancel()
  never.cancel()
  const { promise, resolve } = Promise.withResolvers<void>()
  const once = systemClock.after(2, () => {
    ran.push('once')
    once.cancel()
    systemClock.after(1, resolve)
  })
  await promise
  expect(ran).toEqual(['once'])
})

test('time that has come already runs in the next turn', async () => {
  const ran: string[] = []
  systemClock.after(0, () => ran.push('cancelled')).cancel()
  const turn = new Promise<void>((resolve) => systemClock.after(0, resolve))
  expect(ran).toEqual([])
  await turn
  expect(ran).toEqual([])
})

/** Bytes in use. */
function heap(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}
