// The errors of this folder, one class per layer. `code` says what happened; no text carries keys or content.

/** Why bytes could not be read. */
export type DecodeErrorCode =
  | 'ERR_TRUNCATED'
  | 'ERR_TRAILING'
  | 'ERR_TOO_LARGE'
  | 'ERR_MALFORMED'
  | 'ERR_UNKNOWN_VERSION'
  | 'ERR_NOT_CANONICAL'
  | 'ERR_CHECKSUM'

/** Bytes from outside are not what they should be. Nothing was changed. */
export class DecodeError extends Error {
  static override readonly name = 'DecodeError'
  override readonly name = 'DecodeError'
  readonly code: DecodeErrorCode

  constructor(code: DecodeErrorCode, options?: ErrorOptions) {
    super(code, options)
    this.code = code
  }
}

/** Why a signed record was refused. */
export type RecordErrorCode =
  | 'ERR_BAD_SIGNATURE'
  | 'ERR_EXPIRED'
  | 'ERR_NOT_YET_VALID'
  | 'ERR_WRONG_ACCOUNT'
  | 'ERR_BAD_KEY'
  | 'ERR_OLD_SEQUENCE'
  | 'ERR_WRONG_SUITE'

/** A signed record was readable but must not be used. */
export class RecordError extends Error {
  static override readonly name = 'RecordError'
  override readonly name = 'RecordError'
  readonly code: RecordErrorCode

  constructor(code: RecordErrorCode, options?: ErrorOptions) {
    super(code, options)
    this.code = code
  }
}

/** Why a message could not be sealed or opened. */
export type SessionErrorCode =
  | 'ERR_NO_SESSION'
  | 'ERR_DUPLICATE'
  | 'ERR_TOO_FAR_AHEAD'
  | 'ERR_NOT_AUTHENTIC'
  | 'ERR_UNKNOWN_PREKEY'
  | 'ERR_TOO_LARGE'
  | 'ERR_LIMIT'
  | 'ERR_DIVERGED'

/** A message could not be sealed or opened. The session that was passed in is still valid, unchanged. */
export class SessionError extends Error {
  static override readonly name = 'SessionError'
  override readonly name = 'SessionError'
  readonly code: SessionErrorCode

  constructor(code: SessionErrorCode, options?: ErrorOptions) {
    super(code, options)
    this.code = code
  }
}

/** Why a primitive refused its input. */
export type CryptoErrorCode =
  | 'ERR_SELF_TEST'
  | 'ERR_LOW_ORDER'
  | 'ERR_NOT_CANONICAL'
  | 'ERR_AEAD'
  | 'ERR_BAD_SIGNATURE'
  | 'ERR_LENGTH'

/** A primitive refused its input, or the self-tests have not passed (ERR_SELF_TEST). */
export class CryptoError extends Error {
  static override readonly name = 'CryptoError'
  override readonly name = 'CryptoError'
  readonly code: CryptoErrorCode

  constructor(code: CryptoErrorCode, options?: ErrorOptions) {
    super(code, options)
    this.code = code
  }
}
