// One courier for each contact, made when there is something to deliver.

import type { Conversation } from './conversation.ts'
import { Courier, type CourierInit } from './courier.ts'

export class Couriers {
  readonly #init: Omit<CourierInit, 'conversation'>
  readonly #couriers = new Map<Conversation, Courier>()

  constructor(init: Omit<CourierInit, 'conversation'>) {
    this.#init = init
  }

  of(conversation: Conversation): Courier {
    const known = this.#couriers.get(conversation)
    if (known !== undefined) return known
    const courier = new Courier({ ...this.#init, conversation })
    this.#couriers.set(conversation, courier)
    return courier
  }

  stop(): void {
    for (const courier of this.#couriers.values()) courier.stop()
  }
}
