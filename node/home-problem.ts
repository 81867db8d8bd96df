// What went wrong with a folder, in the words of the interface.

import { HomeError } from '../net/platform/home-error.ts'
import { SottoError } from './errors.ts'

/** Always throws: SottoError for a `HomeError`, anything else as it is. */
export function homeProblem(cause: unknown): never {
  if (!(cause instanceof HomeError)) throw cause
  throw translate(cause)
}

function translate(cause: HomeError): SottoError {
  const holder = cause.pid === undefined ? '' : ` (process ${cause.pid})`
  switch (cause.code) {
    case 'ERR_NOT_FOUND':
      return new SottoError('PROFILE_NOT_FOUND', 'there is no identity in this folder', {
        cause,
        hint: 'make one: sotto init',
      })
    case 'ERR_EXISTS':
      return new SottoError('PROFILE_EXISTS', 'there is an identity in this folder already', {
        cause,
        hint: 'choose another folder with --home, or use the one that is there',
      })
    case 'ERR_LOCKED':
      return new SottoError('STORE_LOCKED', `another process has this folder open${holder}`, {
        cause,
        hint: 'stop it first: sotto down',
        retryable: true,
      })
    case 'ERR_ELSEWHERE':
      return new SottoError('STORE_LOCKED', `a copy of it is in use: ${cause.dir ?? 'elsewhere'}`, {
        cause,
        hint: 'two with one identity lose mail: stop one of them, for good',
      })
    case 'ERR_PASSPHRASE_NEEDED':
      return new SottoError('BAD_PASSPHRASE', 'this profile is protected by a passphrase', {
        cause,
        hint: 'give it at the prompt or with --passphrase-file',
      })
    case 'ERR_BAD_PASSPHRASE':
      return new SottoError('BAD_PASSPHRASE', 'wrong passphrase', {
        cause,
        hint: 'try again; nothing was changed',
      })
    case 'ERR_NO_KEY_FILE':
      return new SottoError('BAD_PASSPHRASE', 'this profile is protected by a key file', {
        cause,
        hint: 'name the file, which must be there: --key-file FILE',
      })
    case 'ERR_NO_KEY_STORE':
      return new SottoError('BAD_PASSPHRASE', 'the key store of this system does not answer', {
        cause,
        hint: 'log in to a session that has one; on Linux secret-tool must be installed',
      })
    case 'ERR_BAD_KEY':
      return new SottoError('BAD_PASSPHRASE', 'wrong key, or none where it should be', {
        cause,
        hint: 'check the key file, or the key store of this system; nothing was changed',
      })
    case 'ERR_KEY_EXPOSED':
      return new SottoError(
        'BAD_PASSPHRASE',
        'the key file is open to everybody, or in the folder',
        {
          cause,
          hint: 'keep it elsewhere, and for you alone: chmod 600 FILE',
        },
      )
    case 'ERR_NEWER_FORMAT':
      return new SottoError('NEWER_FORMAT', 'a newer version of sotto wrote this folder', {
        cause,
        hint: 'update sotto',
      })
    case 'ERR_FULL':
      return new SottoError('DISK_FULL', 'the disk is full', {
        cause,
        hint: 'free some space and try again',
        retryable: true,
      })
    case 'ERR_READ_ONLY':
      return new SottoError('STORE_UNAVAILABLE', 'the folder cannot be written', {
        cause,
        hint: 'check its permissions, and whether the disk is read-only',
        retryable: true,
      })
    case 'ERR_TOO_MANY_FILES':
      return new SottoError('STORE_UNAVAILABLE', 'too many files are open', {
        cause,
        hint: 'raise the limit (ulimit -n, LimitNOFILE=) or try again later',
        retryable: true,
      })
    case 'ERR_CLOSED':
    case 'ERR_IO':
    case 'ERR_CORRUPT':
      return new SottoError('STORE_DAMAGED', `the folder cannot be used: ${cause.code}`, {
        cause,
        hint: 'check the permissions of the folder, and the disk',
      })
  }
}
