import { expect, test } from 'vitest'
import { withDeadline } from '../../node/deadline.ts'
import { ManualClock } from '../support/manual-clock.ts'

const never = (): Promise<never> => new Promise(() => undefined)

test('a task in time gives its result, and its timer is gone', async () => {
  const clock = new ManualClock()
  expect(await withDeadline({ clock, timeout: 10 }, () => Promise.resolve('done'))).toBe('done')
  expect(clock.pending).toBe(0)
})

test('a task that takes too long is rejected and told, even when it does not listen', async () => {
  const clock = new ManualClock()
  let told: AbortSignal | undefined
  const late = withDeadline({ clock, timeout: 10 }, (signal) => {
    told = signal
    return never()
  })
  const outcome = expect(late).rejects.toMatchObject({ name: 'TimeoutError' })
  await clock.advance(9)
  expect(told?.aborted).toBe(false)
  await clock.advance(1)
  await outcome
  expect(told?.aborted).toBe(true)
})

test('the caller can give up, before and during', async () => {
  const clock = new ManualClock()
  const stop = new AbortController()
  const running = withDeadline({ clock, timeout: 10, signal: stop.signal }, never)
  const outcome = expect(running).rejects.toThrow('enough')
  stop.abort(new Error('enough'))
  await outcome
  const later = withDeadline({ clock, timeout: 10, signal: stop.signal }, () => Promise.resolve(1))
  await expect(later).rejects.toThrow('enough')
  expect(clock.pending).toBe(0)
})

test('the error of the task is passed on', async () => {
  const failing = withDeadline({ clock: new ManualClock(), timeout: 10 }, () =>
    Promise.reject(new Error('no')),
  )
  await expect(failing).rejects.toThrow('no')
})
