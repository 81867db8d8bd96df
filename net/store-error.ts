export type StoreErrorCode =
  'ERR_FULL' | 'ERR_READ_ONLY' | 'ERR_TOO_MANY_FILES' | 'ERR_CLOSED' | 'ERR_IO' | 'ERR_CORRUPT'

interface StoreErrorOptions extends ErrorOptions {
  readonly key?: string
  readonly bytes?: number
}

/**
 * The store could not do it. For a commit: nothing of it was written, and nothing that was queued behind it. `key` is set
 * with `ERR_CORRUPT`: the one record that is damaged, and `bytes`: how long its value was, if nothing of it is missing.
 */
export class StoreError extends Error {
  static override readonly name = 'StoreError'
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode
  readonly key: string | undefined
  readonly bytes: number | undefined

  constructor(code: StoreErrorCode, options?: StoreErrorOptions) {
    super(code, options)
    this.code = code
    this.key = options?.key
    this.bytes = options?.bytes
  }
}

/** Somebody else's write into the log of the database was cut short. Nothing of this one was begun; the database must be opened again. */
export class TornLogError extends Error {
  static override readonly name = 'TornLogError'
  override readonly name = 'TornLogError'

  constructor(options: ErrorOptions) {
    super('a write into the log has failed', options)
  }
}

/** LevelDB reports the system's text, not its number: strerror(3) of Linux, macOS and Windows. */
const TEXTS: readonly (readonly [RegExp, StoreErrorCode])[] = [
  // A file size limit and a quota are full disks to us.
  [/No space left|not enough space|quota exceeded|File too large|QuotaExceeded/i, 'ERR_FULL'],
  [/Read-only file system|Permission denied|Access is denied/i, 'ERR_READ_ONLY'],
  [/Too many open files/i, 'ERR_TOO_MANY_FILES'],
  [/corrupt/i, 'ERR_CORRUPT'],
]

/** A database that is closed ends the iterators over it. */
const CLOSED = new Set(['LEVEL_DATABASE_NOT_OPEN', 'LEVEL_ITERATOR_NOT_OPEN'])

/** What a database error means for us. */
export function storeError(cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause
  if (CLOSED.has(codeOf(cause) ?? '')) return new StoreError('ERR_CLOSED', { cause })
  const text = textOf(cause)
  const found = TEXTS.find(([pattern]) => pattern.test(text))
  return new StoreError(found?.[1] ?? 'ERR_IO', { cause })
}

function textOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  return `${cause.name} ${codeOf(cause) ?? ''} ${cause.message} ${cause.cause === undefined ? '' : textOf(cause.cause)}`
}

function codeOf(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || !('code' in cause)) return undefined
  return typeof cause.code === 'string' ? cause.code : undefined
}
