// Asks for what is missing when its time has come, and a random moment later: who asks shows that it is online.

import { between } from '../net/backoff.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Clock, Timer } from '../net/ports.ts'
import type { Conversation } from './conversation.ts'
import { gapsDueAt } from './missing.ts'

export interface GapAskerInit {
  readonly clock: Clock
  readonly random: RandomBytes
}

const JITTER = 60_000

export class GapAsker {
  readonly #init: GapAskerInit
  readonly #timers = new Map<Conversation, { readonly at: number; readonly timer: Timer }>()
  #stopped = false

  constructor(init: GapAskerInit) {
    this.#init = init
  }

  /** The conversation has changed: there may be something to ask for, earlier or no more. */
  look(conversation: Conversation): void {
    if (this.#stopped) return
    const at = gapsDueAt(conversation.contact, conversation.sessions)
    const planned = this.#timers.get(conversation)
    if (planned?.at === at) return
    planned?.timer.cancel()
    this.#timers.delete(conversation)
    if (at !== undefined) this.#plan(conversation, at)
  }

  stop(): void {
    this.#stopped = true
    for (const { timer } of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  #plan(conversation: Conversation, at: number): void {
    const { clock, random } = this.#init
    const wait = Math.max(0, at - clock.now()) + between(0, JITTER, random)
    const timer = clock.after(wait, () => {
      this.#timers.delete(conversation)
      // A failure of the store: the hourly look comes back to it.
      conversation.tend().catch(() => undefined)
    })
    this.#timers.set(conversation, { at, timer })
  }
}
