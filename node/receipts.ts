// Receipts for what came by way of a mailbox: gathered for a moment, with jitter, so that they neither cost a message each
// nor show when the recipient came online (docs/protocol.md, "Delivery").

import type { RandomBytes } from '../protocol/bytes.ts'
import type { Clock, Timer } from '../net/ports.ts'
import type { Conversation } from './conversation.ts'

export interface ReceiptsInit {
  readonly clock: Clock
  readonly random: RandomBytes
}

const GATHER = 100
const JITTER = 400

export class Receipts {
  readonly #init: ReceiptsInit
  readonly #timers = new Map<Conversation, Timer>()

  constructor(init: ReceiptsInit) {
    this.#init = init
  }

  due(conversation: Conversation): void {
    if (this.#timers.has(conversation)) return
    const [byte = 0] = this.#init.random(1)
    const delay = GATHER + Math.floor((JITTER * byte) / 256)
    this.#timers.set(
      conversation,
      this.#init.clock.after(delay, () => {
        this.#timers.delete(conversation)
        conversation.sendReceipts().catch(() => {
          this.due(conversation) // the store refused: what is due stays due
        })
      }),
    )
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }
}
