// Whose mail a mailbox holds: by the slot of the delivery token that an envelope came with, else by its tag. A mailbox may lie about
// slots; it costs one comparison more, and the tag decides.

import type { Envelope } from '../protocol/envelope.ts'
import type { Conversation } from './conversation.ts'

export interface MailRouteInit {
  readonly all: () => readonly Conversation[]
  /** Who has which slot. */
  readonly owners: ReadonlyMap<number, Conversation>
}

/** After so many comparisons of an envelope with a conversation, the rest of a run from a mailbox has to come again. */
const MAX_COMPARISONS = 20_000

/** For one run of envelopes. */
export class MailRoute {
  readonly #init: MailRouteInit
  #comparisons = 0
  #last: Conversation | undefined

  constructor(init: MailRouteInit) {
    this.#init = init
  }

  /** The owner of a slot; 0 has none. */
  ownerOf(slot: number): Conversation | undefined {
    return this.#init.owners.get(slot)
  }

  /** The conversation that an envelope belongs to; 'store-full': not looked for, it has to come again. */
  find(envelope: Envelope, slot: number): Conversation | 'store-full' | undefined {
    const found = this.#likely(envelope, slot) ?? this.#anybody(envelope)
    if (typeof found !== 'string') this.#last = found ?? this.#last
    return found
  }

  /** Whom the slot names, or who had the envelope before: mail comes in runs. */
  #likely(envelope: Envelope, slot: number): Conversation | undefined {
    return [this.ownerOf(slot), this.#last].find((one) => one?.recognises(envelope))
  }

  #anybody(envelope: Envelope): Conversation | 'store-full' | undefined {
    if (this.#comparisons >= MAX_COMPARISONS) return 'store-full'
    return this.#init.all().find((conversation) => {
      this.#comparisons++
      return conversation.recognises(envelope)
    })
  }
}
