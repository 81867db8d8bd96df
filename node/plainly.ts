// What went wrong in the store, in the words of the interface.

import { StoreError, type StoreErrorCode } from '../net/store-error.ts'
import type { StoreProblem } from './api.ts'
import { SottoError } from './errors.ts'

/** The result of `work`; a `StoreError` becomes a SottoError: DISK_FULL, STORE_UNAVAILABLE, NODE_STOPPED, STORE_DAMAGED. */
export async function plainly<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause
    throw storeProblem(cause)
  }
}

/** Why nothing can be written, as the status says it. */
export const PROBLEMS: Readonly<Record<StoreErrorCode, StoreProblem>> = {
  ERR_FULL: 'full',
  ERR_READ_ONLY: 'read-only',
  ERR_TOO_MANY_FILES: 'too-many-files',
  ERR_CLOSED: 'failing',
  ERR_IO: 'failing',
  ERR_CORRUPT: 'failing',
}

/** DISK_FULL, STORE_UNAVAILABLE, NODE_STOPPED or STORE_DAMAGED. */
export function storeProblem(cause: StoreError): SottoError {
  if (cause.code === 'ERR_FULL') {
    return new SottoError('DISK_FULL', 'the disk is full; nothing was accepted', {
      cause,
      hint: 'free some space and try again',
      retryable: true,
    })
  }
  if (cause.code === 'ERR_READ_ONLY') {
    return new SottoError('STORE_UNAVAILABLE', 'the folder is read-only; nothing was accepted', {
      cause,
      hint: 'make it writable and try again',
      retryable: true,
    })
  }
  if (cause.code === 'ERR_TOO_MANY_FILES') {
    return new SottoError('STORE_UNAVAILABLE', 'too many files are open; nothing was accepted', {
      cause,
      hint: 'raise the limit (ulimit -n, LimitNOFILE=) or try again later',
      retryable: true,
    })
  }
  if (cause.code === 'ERR_CLOSED') {
    return new SottoError('NODE_STOPPED', 'the node has stopped', { cause })
  }
  return new SottoError('STORE_DAMAGED', `the store could not be used: ${cause.code}`, {
    cause,
    hint: 'check the disk and the permissions of the folder',
  })
}
