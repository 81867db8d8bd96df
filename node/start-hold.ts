// Sessions that the store had when the node started send nothing until a mailbox of ours has told how far the store was, and for 10 s
// at most (docs/durability.md): a whole folder that was put back agrees with itself, and only what stands elsewhere can tell.

import { toHex } from '../protocol/bytes.ts'
import type { Session } from '../protocol/session.ts'
import type { Clock, Timer } from '../net/ports.ts'

/** Who cannot reach any mailbox for so long would else not be able to write to a contact beside it. */
const PATIENCE = 10_000

/** For the other mailboxes, when one has answered: what it was left last may be older than what they were. */
const GRACE = 2_000

export interface StartHoldInit {
  readonly clock: Clock
  /** What waited may be encrypted now. */
  readonly onEnd: () => void
}

export class StartHold {
  readonly #init: StartHoldInit
  #held: ReadonlySet<string> | undefined
  /** Unix ms. */
  #deadline = 0
  #timer: Timer | undefined
  /** One has answered, and the timer is for the others. */
  #isEnding = false
  #stopped = false

  constructor(init: StartHoldInit) {
    this.#init = init
  }

  /** From here on nothing is sent in these sessions. */
  begin(sessions: readonly Session[]): void {
    this.#held = new Set(sessions.map(({ id }) => toHex(id)))
    this.#deadline = this.#init.clock.now() + PATIENCE
    this.#timer = this.#init.clock.after(PATIENCE, () => this.end())
  }

  /** Whether nothing may be sent in this session yet. */
  readonly holds = ({ id }: Session): boolean => this.#held?.has(toHex(id)) ?? false

  /** A mailbox has answered, and there are others: they have until the grace of the first is over, or the patience with all. */
  endSoon(): void {
    if (this.#held === undefined || this.#isEnding || this.#stopped) return
    const { clock } = this.#init
    this.#timer?.cancel()
    this.#isEnding = true
    const left = Math.max(0, this.#deadline - clock.now())
    this.#timer = clock.after(Math.min(GRACE, left), () => this.end())
  }

  /** All mailboxes have answered, or there is none to wait for. */
  end(): void {
    if (this.#held === undefined || this.#stopped) return
    this.keep()
    this.#held = undefined
    this.#init.onEnd()
  }

  /** A mailbox has told that the store went back: time alone does not end it, before that is dealt with. */
  keep(): void {
    this.#timer?.cancel()
    this.#isEnding = false
  }

  /** The node stops: nothing ends it any more. */
  stop(): void {
    this.keep()
    this.#stopped = true
  }
}
