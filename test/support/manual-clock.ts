// A clock that stands still until a test moves it.
import type { Clock, Timer } from '../../net/ports.ts'

interface Due {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Time as the test says. Timers run in the order of their time, then in the order they were set. */
export class ManualClock implements Clock {
  /** What timers go by. */
  #now: number
  /** How far the computer's clock is from that. */
  #skew = 0
  #order = 0
  readonly #due = new Set<Due>()

  constructor(now = 1_800_000_000_000) {
    this.#now = now
  }

  now(): number {
    return this.#now + this.#skew
  }

  /** What would be the time if nobody had changed the clock. */
  get trueTime(): number {
    return this.#now
  }

  after(ms: number, run: () => void): Timer {
    const due: Due = { at: this.#now + Math.max(0, ms), order: this.#order++, run }
    this.#due.add(due)
    return { cancel: () => void this.#due.delete(due) }
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#due.size
  }

  /** Moves time, running what falls due and, between timers, the microtasks and I/O they set off. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#due.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
      await settle(4)
    }
    this.#now = end
    await settle()
  }

  /** Sets the time: a computer's clock that was changed. Timers do not notice. */
  jump(to: number): void {
    this.#skew = to - this.#now
  }

  #next(end: number): Due | undefined {
    let first: Due | undefined
    for (const due of this.#due) {
      if (due.at > end) continue
      if (
        first === undefined ||
        due.at < first.at ||
        (due.at === first.at && due.order < first.order)
      ) {
        first = due
      }
    }
    return first
  }
}

/** Lets everything run that needs no time: microtasks and the callbacks of in-memory stores. */
export async function settle(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

/** Waits, turn by turn, until something is so; for conditions that real I/O brings about. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  turns = 100_000,
): Promise<void> {
  for (let turn = 0; !(await condition()); turn++) {
    if (turn === turns) throw new Error(`never came true: ${condition}`)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}
