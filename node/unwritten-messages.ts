// Messages of ours that changed lately. A change may still wait to be written, and a read of the store would not see it yet.

import { toHex } from '../protocol/bytes.ts'
import type { StoredMessage } from './message.ts'

/** Far more than can change within the time a change waits to be written. */
const MAX_RECENT = 4096

export class RecentMessages {
  readonly #messages = new Map<string, StoredMessage>()

  get(id: Uint8Array): StoredMessage | undefined {
    return this.#messages.get(toHex(id))
  }

  set(message: StoredMessage): void {
    const key = toHex(message.id)
    this.#messages.delete(key)
    this.#messages.set(key, message)
    if (this.#messages.size <= MAX_RECENT) return
    for (const oldest of this.#messages.keys()) {
      this.#messages.delete(oldest)
      return
    }
  }
}
