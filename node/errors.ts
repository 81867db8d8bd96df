// One error class for the people who use the library: a stable code, what to do, and whether trying again can help.

export type SottoErrorCode =
  | 'INTERNAL'
  | 'INVALID_ARGUMENT'
  | 'CONTACT_NOT_FOUND'
  | 'CONTACT_AMBIGUOUS'
  | 'MESSAGE_NOT_FOUND'
  | 'MAILBOX_NOT_FOUND'
  | 'PROFILE_NOT_FOUND'
  | 'MEMBER_NOT_FOUND'
  | 'INVITATION_NOT_FOUND'
  | 'PROFILE_EXISTS'
  | 'KEY_CHANGED'
  | 'SAFETY_NUMBER_MISMATCH'
  | 'NOT_VERIFIED'
  | 'PEER_UNREACHABLE'
  | 'WAIT_TIMEOUT'
  | 'QUOTA_EXCEEDED'
  | 'NOT_ALLOWED'
  | 'TOO_LARGE'
  | 'NODE_STOPPED'
  | 'STORE_LOCKED'
  | 'DISK_FULL'
  | 'STORE_UNAVAILABLE'
  | 'STORE_DAMAGED'
  | 'NEWER_FORMAT'
  | 'BAD_PASSPHRASE'
  | 'CONFIG_INVALID'
  | 'RATE_LIMITED'

export interface SottoErrorOptions extends ErrorOptions {
  /** What to do now, one line. */
  readonly hint?: string
  /** Whether the same call may succeed later. @default false */
  readonly retryable?: boolean
}

/** What every public function of the node rejects with. `message` never holds secrets or message text. */
export class SottoError extends Error {
  static override readonly name = 'SottoError'
  override readonly name = 'SottoError'
  readonly code: SottoErrorCode
  readonly hint: string
  readonly retryable: boolean

  constructor(code: SottoErrorCode, message: string, options: SottoErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause })
    this.code = code
    this.hint = options.hint ?? ''
    this.retryable = options.retryable ?? false
  }

  static is(error: unknown, code?: SottoErrorCode): error is SottoError {
    return error instanceof SottoError && (code === undefined || error.code === code)
  }
}

/** What is asked for does not go with a block. */
export function contactBlocked(): SottoError {
  return new SottoError('NOT_ALLOWED', 'this contact is blocked', {
    hint: 'let them in again: sotto contact unblock NAME',
  })
}
