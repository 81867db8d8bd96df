// The one way in which a request fails with an answer.

import { FAILURE } from '../net/mailbox-messages.ts'
import type { FailureCode } from '../net/mailbox-messages.ts'

export type RefusalReason = keyof typeof FAILURE

/** A request is answered with a code of the protocol. The peer learns the code and nothing else. */
export class Refusal extends Error {
  static override readonly name = 'Refusal'
  override readonly name = 'Refusal'
  readonly reason: RefusalReason

  constructor(reason: RefusalReason, options?: ErrorOptions) {
    super(reason, options)
    this.reason = reason
  }

  get failure(): FailureCode {
    return FAILURE[this.reason]
  }
}
