// One life of a mailbox that is killed again and again, and what its kills have met.
import type { Expiring, RunningMailbox } from './killed-mailbox.ts'

/** What the kills had to do with expiry. */
export interface ExpiryCounts {
  /** Kills of a mailbox that had let go of something in that life. */
  readonly after: number
  /** Kills while something was being let go of. */
  readonly during: number
  readonly mail: number
  readonly pairs: number
}

export interface LifeInit {
  readonly box: RunningMailbox
  /** The life ends after so many, */
  readonly answers: number
  /** or, where it waits for that, when something begins to expire after them; */
  readonly waits: boolean
  /** but not later than after so many times as many. */
  readonly patience: number
}

/** One run of the mailbox. */
export class Life {
  readonly box: RunningMailbox
  readonly #over = new AbortController()
  readonly #waits: boolean
  readonly #last: number
  #left: number

  constructor({ box, answers, waits, patience }: LifeInit) {
    this.box = box
    this.#waits = waits
    this.#left = answers
    this.#last = answers - answers * patience
  }

  get signal(): AbortSignal {
    return this.#over.signal
  }

  get over(): boolean {
    return this.#over.signal.aborted
  }

  /** Something was answered. */
  count(): void {
    this.#left--
    if (this.#left <= (this.#waits ? this.#last : 0)) this.end()
  }

  /** Something has begun to expire. */
  expiring(): void {
    if (this.#waits && this.#left <= 0) this.end()
  }

  end(): void {
    this.#over.abort(new Error('killed'))
  }
}

/** Adds up what a mailbox tells of expiry until it is killed. */
export class ExpiryWatch {
  #counts: ExpiryCounts = { after: 0, during: 0, mail: 0, pairs: 0 }
  #begun = 0
  #done = 0

  get counts(): ExpiryCounts {
    return this.#counts
  }

  tell({ kind, count, done }: Expiring): void {
    if (done) this.#done++
    else this.#begun++
    if (done && kind === 'pairs') this.#counts = { ...this.#counts, pairs: this.pairs + count }
  }

  /** Those that are known to be gone. */
  get pairs(): number {
    return this.#counts.pairs
  }

  /** By the mailbox's own count, which is durable. */
  counted(mail: number): void {
    this.#counts = { ...this.#counts, mail }
  }

  killed(): void {
    const { after, during } = this.#counts
    this.#counts = {
      ...this.#counts,
      after: after + (this.#done > 0 ? 1 : 0),
      during: during + (this.#begun > this.#done ? 1 : 0),
    }
    this.#begun = 0
    this.#done = 0
  }
}
