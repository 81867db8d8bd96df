// Virtual time. Nothing waits for real time: what is due runs in the order of its time, then in the order it was asked for, and
// after each of it all microtasks.
import type { Clock, Timer } from '../../net/ports.ts'

interface Due {
  readonly at: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

export class SimClock implements Clock {
  #now: number
  #order = 0
  #ran = 0
  /** A binary heap, the next one first. */
  readonly #heap: Due[] = []

  constructor(now = 1_800_000_000_000) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  after(ms: number, run: () => void): Timer {
    const due = { at: this.#now + Math.max(0, ms), order: this.#order++, run, cancelled: false }
    this.#push(due)
    return { cancel: () => void (due.cancelled = true) }
  }

  /** Resolves when so much time has passed. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve))
  }

  /** What has run so far. */
  get ran(): number {
    return this.#ran
  }

  /** Lets time pass. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await turn()
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = next.at
      this.#ran++
      next.run()
      await turn()
    }
    this.#now = end
  }

  #next(end: number): Due | undefined {
    for (;;) {
      const [first] = this.#heap
      if (first === undefined || (first.at > end && !first.cancelled)) return undefined
      this.#pop()
      if (!first.cancelled) return first
    }
  }

  #push(due: Due): void {
    const heap = this.#heap
    let at = heap.push(due) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !isBefore(due, parent)) break
      heap[at] = parent
      at = above
    }
    heap[at] = due
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const [a, b] = [heap[left], heap[left + 1]]
      if (a === undefined) break
      const isRight = b !== undefined && isBefore(b, a)
      const child = isRight ? b : a
      if (!isBefore(child, last)) break
      heap[at] = child
      at = isRight ? left + 1 : left
    }
    heap[at] = last
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

let count = 0

/** Turns of the event loop that the runs of this process have taken. Where none follows, a run waits for what never comes. */
export function turns(): number {
  return count
}

/** A turn of the event loop: all microtasks run. */
function turn(): Promise<void> {
  count++
  return new Promise((resolve) => void setImmediate(resolve))
}
