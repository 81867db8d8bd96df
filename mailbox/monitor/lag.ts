// How late the event loop is: a timer that looks how much later than asked it runs.

const EVERY_MS = 250

/** The largest lateness of so many timers is remembered, so that somebody who asks now and then sees it. */
const REMEMBERED = 60

export class LoopLag {
  readonly #recent: number[] = []
  #timer: NodeJS.Timeout | undefined

  start(): void {
    let due = performance.now() + EVERY_MS
    this.#timer = setInterval(() => {
      const now = performance.now()
      this.#recent.push(Math.max(0, now - due))
      if (this.#recent.length > REMEMBERED) this.#recent.shift()
      due = now + EVERY_MS
    }, EVERY_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Of the last timer, in ms. */
  get last(): number {
    return this.#recent.at(-1) ?? 0
  }

  /** Of the last 15 seconds, in ms. */
  get worst(): number {
    return Math.max(0, ...this.#recent)
  }
}
