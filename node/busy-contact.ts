// A contact that can take nothing at the moment, because its disk is full or it has too much to do, and when it is asked again.

import type { RandomBytes } from '../protocol/bytes.ts'
import { backoff } from '../net/backoff.ts'

const REST = { base: 2_000, max: 300_000 }

export class BusyContact {
  readonly #random: RandomBytes
  /** How often it could take nothing, since it last took something. */
  #times = 0
  #until = 0

  constructor(random: RandomBytes) {
    this.#random = random
  }

  /** It could take nothing when it was asked last: one envelope is enough to see whether it can. */
  get isDoubtful(): boolean {
    return this.#times > 0
  }

  isLeftAlone(now: number): boolean {
    return isAhead(this.#until, REST.max, now)
  }

  /** All that was on its way is refused together, and counts once. */
  refused(now: number): void {
    if (this.isLeftAlone(now)) return
    this.#until = now + backoff(this.#times++, { ...REST, random: this.#random })
  }

  took(): void {
    this.#times = 0
    this.#until = 0
  }

  /** It is worth asking now. */
  cameBack(): void {
    this.#until = 0
  }
}

/** Whether a time is still to come, and at most `most` away: what a clock said before it was set back is not waited for. */
export function isAhead(time: number, most: number, now: number): boolean {
  return time > now && time - now <= most
}
