// What went wrong in the store, in the words of the interface.

import { StoreError } from '../net/store-error.ts'
import { SottoError } from './errors.ts'

/** The result of `work`; a `StoreError` becomes a SottoError: DISK_FULL, NODE_STOPPED, STORE_DAMAGED. */
export async function plainly<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause
    throw storeProblem(cause)
  }
}

/** DISK_FULL, NODE_STOPPED or STORE_DAMAGED. */
export function storeProblem(cause: StoreError): SottoError {
  if (cause.code === 'ERR_FULL') {
    return new SottoError('DISK_FULL', 'the disk is full; nothing was accepted', {
      cause,
      hint: 'free some space and try again',
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
