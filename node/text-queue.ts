// Texts that were given and not taken into a step yet. Those that are given while a commit is on its way share the next one.

import { composeText, encryptWaiting, type Composer } from './compose.ts'
import type { Draft } from './draft.ts'
import type { StoredMessage } from './message.ts'

export interface TextQueueInit {
  readonly composer: Composer
  readonly step: (run: (draft: Draft) => void) => Promise<void>
}

interface PendingText {
  readonly text: string
  readonly resolve: (message: StoredMessage) => void
  readonly reject: (error: unknown) => void
}

/** Texts that share one step. */
const MAX_TEXTS_A_STEP = 256

export class TextQueue {
  readonly #init: TextQueueInit
  readonly #texts: PendingText[] = []

  constructor(init: TextQueueInit) {
    this.#init = init
  }

  get size(): number {
    return this.#texts.length
  }

  /** Resolves when the text is on the disk, rejects as the step does. */
  send(text: string): Promise<StoredMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<StoredMessage>()
    this.#texts.push({ text, resolve, reject })
    if (this.#texts.length === 1) this.#schedule()
    return promise
  }

  #schedule(): void {
    const { composer, step } = this.#init
    let texts: readonly PendingText[] | undefined
    step((draft) => {
      texts = this.#texts.splice(0, MAX_TEXTS_A_STEP)
      if (this.#texts.length > 0) this.#schedule()
      for (const { text, resolve } of texts) composeText(draft, composer, text, resolve)
      encryptWaiting(draft, composer)
    }).catch((error: unknown) => {
      // A store that cannot be read lets no step begin: then nobody else tells those who wait.
      for (const { reject } of texts ?? this.#texts.splice(0)) reject(error)
    })
  }
}
