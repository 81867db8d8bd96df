// The messages of one conversation as the store has them, and our own as they are now, also when their last change is not in
// the store yet.

import type { CounterRange } from '../protocol/content.ts'
import type { Records } from '../net/records.ts'
import type { ContactId } from './api.ts'
import { readPointer } from './compose.ts'
import { soundly } from './damage.ts'
import { keys } from './keys.ts'
import { decodeMessage, type StoredMessage } from './message.ts'
import type { UnwrittenMessages } from './unwritten-messages.ts'

export class StoredMessages {
  readonly #contact: ContactId
  readonly #records: Records
  readonly #unwritten: UnwrittenMessages

  constructor(contact: ContactId, records: Records, unwritten: UnwrittenMessages) {
    this.#contact = contact
    this.#records = records
    this.#unwritten = unwritten
  }

  /** A message of ours, undefined when there is none that can be read. */
  async sent(id: Uint8Array): Promise<StoredMessage | undefined> {
    const unwritten = this.#unwritten.get(id)
    if (unwritten !== undefined) return unwritten
    const value = await soundly(this.#records, keys.sentId(id))
    if (value === undefined || value === 'damaged') return undefined
    const { contact, counter } = readPointer(value)
    if (contact !== this.#contact) return undefined
    const stored = await soundly(this.#records, keys.sentMessage(contact, counter))
    return stored === undefined || stored === 'damaged' ? undefined : decodeMessage(stored)
  }

  /** The message, or a newer form of it that is not in the store yet. */
  current(message: StoredMessage): StoredMessage {
    return this.#unwritten.get(message.id) ?? message
  }

  /** Messages of ours with these counters, rising; what does not open is left out. */
  async *sentBetween({ first, last }: CounterRange): AsyncGenerator<StoredMessage, void, void> {
    const from = keys.sentMessage(this.#contact, first)
    const damaged = (): void => undefined // it cannot be sent
    for await (const { value } of this.#records.range(keys.sent(this.#contact), {
      from,
      damaged,
    })) {
      const message = decodeMessage(value)
      if (message.counter > last) return
      yield this.current(message)
    }
  }

  /** Whether their message with this id is stored. */
  async wasReceived(id: Uint8Array): Promise<boolean> {
    return (await soundly(this.#records, keys.receivedId(this.#contact, id))) !== undefined
  }
}
