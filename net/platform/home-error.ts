import { StoreError, storeError } from '../store-error.ts'
import type { StoreErrorCode } from '../store-error.ts'

export type HomeErrorCode =
  | 'ERR_NOT_FOUND' // no identity in this folder
  | 'ERR_EXISTS' // there is one already
  | 'ERR_LOCKED' // another process has it open
  | 'ERR_ELSEWHERE' // another copy of it is in use
  | 'ERR_PASSPHRASE_NEEDED' // sealed, and nobody was there to ask
  | 'ERR_BAD_PASSPHRASE'
  | 'ERR_NO_KEY_FILE' // sealed by a key file, and none was named, or it is not there
  | 'ERR_NO_KEY_STORE' // sealed by a key of the platform's key store, which is not there or refuses
  | 'ERR_BAD_KEY' // neither of these holds a key, or not this one
  | 'ERR_KEY_EXPOSED' // the key file lies in the folder, or anybody may read it
  | 'ERR_NEWER_FORMAT'
  | StoreErrorCode

interface HomeErrorOptions extends ErrorOptions {
  readonly pid?: number | undefined
  readonly dir?: string | undefined
}

/** The folder could not be opened or made. Nothing in it was changed by the attempt. */
export class HomeError extends Error {
  static override readonly name = 'HomeError'
  override readonly name = 'HomeError'
  readonly code: HomeErrorCode
  /** With `ERR_LOCKED`: the process that has it open, if that can be told. */
  readonly pid: number | undefined
  /** With `ERR_ELSEWHERE`: the folder of the copy, or its address. */
  readonly dir: string | undefined

  constructor(code: HomeErrorCode, options?: HomeErrorOptions) {
    super(code, options)
    this.code = code
    this.pid = options?.pid
    this.dir = options?.dir
  }
}

const SYSTEM_CODES: ReadonlyMap<string, HomeErrorCode> = new Map([
  ['ENOENT', 'ERR_NOT_FOUND'],
  ['ENOTDIR', 'ERR_NOT_FOUND'],
  ['EEXIST', 'ERR_EXISTS'],
  ['ENOSPC', 'ERR_FULL'],
  ['EDQUOT', 'ERR_FULL'],
  ['EFBIG', 'ERR_FULL'],
  ['EROFS', 'ERR_READ_ONLY'],
  ['EACCES', 'ERR_READ_ONLY'],
  ['EPERM', 'ERR_READ_ONLY'],
  ['EMFILE', 'ERR_TOO_MANY_FILES'],
  ['ENFILE', 'ERR_TOO_MANY_FILES'],
])

/** What an error of the file system or of LevelDB means for the folder. */
export function homeError(cause: unknown): HomeError {
  if (cause instanceof HomeError) return cause
  const code = SYSTEM_CODES.get(systemCode(cause) ?? '')
  return new HomeError(code ?? (cause instanceof StoreError ? cause : storeError(cause)).code, {
    cause,
  })
}

/** The `code` that Node and LevelDB give their errors. */
export function systemCode(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || !('code' in cause)) return undefined
  return typeof cause.code === 'string' ? cause.code : undefined
}
