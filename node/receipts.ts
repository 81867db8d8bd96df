// Receipts for what came by way of a mailbox: gathered for a moment, with jitter, so that they neither cost a message each
// nor show when the recipient came online (docs/protocol.md, "Delivery").

import { between } from '../net/backoff.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Clock, Timer } from '../net/ports.ts'
import type { Conversation } from './conversation.ts'

export interface ReceiptsInit {
  readonly clock: Clock
  readonly random: RandomBytes
}

const GATHER = 100
const JITTER = 400
/** After a failure of the store. */
const RETRY = 5_000

export class Receipts {
  readonly #init: ReceiptsInit
  readonly #timers = new Map<Conversation, Timer>()
  #stopped = false

  constructor(init: ReceiptsInit) {
    this.#init = init
  }

  /** Receipts are due, and will be queued in a moment. */
  due(conversation: Conversation): void {
    this.#plan(conversation, between(GATHER, GATHER + JITTER, this.#init.random))
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  #plan(conversation: Conversation, delay: number): void {
    if (this.#stopped || this.#timers.has(conversation)) return
    const send = (): void => {
      this.#timers.delete(conversation)
      conversation.sendReceipts().catch(() => this.#plan(conversation, RETRY)) // what is due stays due
    }
    this.#timers.set(conversation, this.#init.clock.after(delay, send))
  }
}
