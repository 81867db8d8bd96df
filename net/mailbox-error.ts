import { FAILURE } from './mailbox-messages.ts'

export type MailboxErrorCode =
  | 'ERR_UNAVAILABLE' // unknown, full or forbidden: strangers are not told which
  | 'ERR_QUOTA'
  | 'ERR_REFUSED'
  | 'ERR_LOGIN'
  | 'ERR_JOIN'
  | 'ERR_LATER'
  | 'ERR_TOO_LARGE'
  | 'ERR_RETIRING' // it takes no new mail and no new members
  | 'ERR_PROTOCOL' // the mailbox broke the protocol, or showed a receipt or record that does not hold
  | 'ERR_CLOSED' // no stream, or it ended before the answer

/** A mailbox refused, broke the protocol or went away. With the last two nobody knows whether it did what was asked. */
export class MailboxError extends Error {
  static override readonly name = 'MailboxError'
  override readonly name = 'MailboxError'
  readonly code: MailboxErrorCode

  constructor(code: MailboxErrorCode, options?: ErrorOptions) {
    super(code, options)
    this.code = code
  }
}

const CODES: ReadonlyMap<number, MailboxErrorCode> = new Map([
  [FAILURE.badRequest, 'ERR_REFUSED'],
  [FAILURE.unavailable, 'ERR_UNAVAILABLE'],
  [FAILURE.quota, 'ERR_QUOTA'],
  [FAILURE.loginNeeded, 'ERR_LOGIN'],
  [FAILURE.joinRefused, 'ERR_JOIN'],
  [FAILURE.tryLater, 'ERR_LATER'],
  [FAILURE.tooLarge, 'ERR_TOO_LARGE'],
  [FAILURE.retiring, 'ERR_RETIRING'],
])

/** The error for a failure code; codes of later versions are plain refusals. */
export function failureError(code: number): MailboxError {
  return new MailboxError(CODES.get(code) ?? 'ERR_REFUSED')
}
