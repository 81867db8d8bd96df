// What one reader of the event log waits for: that there are more records, that something was announced, or the end.

import type { NodeEvent } from './api.ts'

/** Announced events that wait for a slow reader; the oldest go first, nothing in the log depends on them. */
const MAX_EPHEMERAL = 256

export class EventStream {
  #ephemeral: NodeEvent[] = []
  #wake: (() => void) | undefined
  #woken = false
  ended = false

  /** Hands over an event that is not in the log. */
  push(event: NodeEvent): void {
    this.#ephemeral.push(event)
    if (this.#ephemeral.length > MAX_EPHEMERAL) this.#ephemeral.shift()
    this.wake()
  }

  /** What was handed over since the last time. */
  take(): readonly NodeEvent[] {
    const taken = this.#ephemeral
    this.#ephemeral = []
    return taken
  }

  /** There may be something new. */
  wake(): void {
    this.#woken = true
    this.#wake?.()
  }

  end(): void {
    this.ended = true
    this.wake()
  }

  /** Until the next `wake`, or at once when there was one since the last `wait`. One waiter only. */
  async wait(): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#woken = false
    this.#wake = undefined
  }
}
