// Sessions that the store had when the node started send nothing until all mailboxes of ours have told how far the store was, for
// 2 s after the first of them and for 10 s at most (docs/durability.md): a whole folder that was put back agrees with itself, and
// only what stands elsewhere can tell. Where one of them tells so, also later, no time ends it before that is dealt with.

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
  #patience: Timer | undefined
  /** One has answered, and this is for the others. */
  #grace: Timer | undefined
  #stopped = false

  constructor(init: StartHoldInit) {
    this.#init = init
  }

  /** From here on nothing is sent in these sessions. */
  begin(sessions: readonly Session[]): void {
    this.#hold(sessions)
    this.#patience = this.#init.clock.after(PATIENCE, () => this.end())
  }

  /** Whether nothing may be sent in this session yet. */
  readonly holds = ({ id }: Session): boolean => this.#held?.has(toHex(id)) ?? false

  /** A mailbox has answered, and there are others: they have until the grace of the first is over, or the patience with all. */
  endSoon(): void {
    if (this.#held === undefined || this.#stopped) return
    this.#grace ??= this.#init.clock.after(GRACE, () => this.end())
  }

  /** All mailboxes have answered, or there is none to wait for. */
  end(): void {
    if (this.#held === undefined || this.#stopped) return
    this.#cancel()
    this.#held = undefined
    this.#init.onEnd()
  }

  /**
   * A mailbox has told that the store went back, perhaps long after the start: nothing is sent in these sessions, and time alone does not
   * end it, before that is dealt with.
   */
  keep(sessions: readonly Session[]): void {
    this.#cancel()
    if (this.#held === undefined) this.#hold(sessions)
  }

  /** The node stops: nothing ends it any more. */
  stop(): void {
    this.#cancel()
    this.#stopped = true
  }

  #hold(sessions: readonly Session[]): void {
    this.#held = new Set(sessions.map(({ id }) => toHex(id)))
  }

  #cancel(): void {
    this.#patience?.cancel()
    this.#grace?.cancel()
    this.#grace = undefined
  }
}
