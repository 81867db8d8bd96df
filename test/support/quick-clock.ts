// A clock that goes so many times as fast as it should.
import { systemClock } from '../../net/platform/clock.ts'
import type { Clock } from '../../net/ports.ts'

export function quickClock(pace: number): Clock {
  const began = systemClock.now()
  return {
    now: () => began + (systemClock.now() - began) * pace,
    after: (ms, run) => systemClock.after(ms / pace, run),
  }
}
