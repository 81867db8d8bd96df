// The real clock, with a lever: what waits for more than a minute waits until a test jumps there.
import { systemClock } from '../../net/platform/clock.ts'
import { settle } from './manual-clock.ts'
import type { Clock, Timer } from '../../net/ports.ts'

const LONG_MS = 60_000

interface Due {
  readonly at: number
  readonly run: () => void
}

/** For parts that run beside a real network: short timers are real, long ones are the test's. */
export class JumpClock implements Clock {
  #ahead = 0
  readonly #due = new Set<Due>()

  now(): number {
    return systemClock.now() + this.#ahead
  }

  after(ms: number, run: () => void): Timer {
    if (ms <= LONG_MS) return systemClock.after(ms, run)
    const due = { at: this.now() + ms, run }
    this.#due.add(due)
    return { cancel: () => void this.#due.delete(due) }
  }

  /** Runs what falls due on the way, in order. */
  async jump(ms: number): Promise<void> {
    const end = this.now() + ms
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#due.delete(next)
      this.#ahead += Math.max(0, next.at - this.now())
      next.run()
      await settle(4)
    }
    this.#ahead += Math.max(0, end - this.now())
  }

  #next(end: number): Due | undefined {
    return [...this.#due].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
  }
}
