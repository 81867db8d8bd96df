// Messages of ours whose last change still waits to be written: a read of the store would not see it yet.

import { toHex } from '../protocol/bytes.ts'
import type { StoredMessage } from './message.ts'

export class UnwrittenMessages {
  readonly #messages = new Map<string, StoredMessage>()

  get(id: Uint8Array): StoredMessage | undefined {
    return this.#messages.get(toHex(id))
  }

  get size(): number {
    return this.#messages.size
  }

  /** The message is as it is given, and will be in the store after what is queued before it. */
  set(message: StoredMessage): void {
    this.#messages.set(toHex(message.id), message)
  }

  /** This form of the message is in the store; a newer one may still wait. */
  written(message: StoredMessage): void {
    const key = toHex(message.id)
    if (this.#messages.get(key) === message) this.#messages.delete(key)
  }

  clear(): void {
    this.#messages.clear()
  }
}
