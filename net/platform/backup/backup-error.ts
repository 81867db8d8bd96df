import { DecodeError } from '../../../protocol/errors.ts'
import { AgeError } from '../age-file.ts'
import { HomeError, homeError, systemCode } from '../home-error.ts'
import { StoreError } from '../../store-error.ts'
import { NewerBackupError } from '../../backup/format.ts'

export type BackupErrorCode =
  | 'ERR_NOTHING' // the folder holds nothing of this kind
  | 'ERR_NO_SOCKET' // the path of the folder is too long for a socket
  | 'ERR_INTERRUPTED' // whoever has the folder open ended the snapshot, or serves another one
  | 'ERR_NO_FILE' // there is no such file, or no folder to make it in
  | 'ERR_NOT_A_BACKUP' // the file is none in the age format
  | 'ERR_NO_KEY' // neither passphrase nor key opens the file, or its head is damaged
  | 'ERR_BAD_RECIPIENT' // not a public key for age
  | 'ERR_BAD_IDENTITY' // not a secret key for age
  | 'ERR_DAMAGED' // the file was cut short or changed, or is a backup of something else
  | 'ERR_NEWER_FORMAT' // a newer version of sotto wrote it

/** A backup could not be made or read. What was there is as it was. */
export class BackupError extends Error {
  static override readonly name = 'BackupError'
  override readonly name = 'BackupError'
  readonly code: BackupErrorCode

  constructor(code: BackupErrorCode, options?: ErrorOptions) {
    super(code, options)
    this.code = code
  }
}

/** `ENOSPC` and the like, not `ERR_INVALID_ARG_TYPE`. */
const SYSTEM_CODE = /^E[A-Z0-9]+$/

/** What went wrong, in the terms of a backup or of the folder; the reason of an abort, and faults of ours, as they are. */
export function backupError(cause: unknown): unknown {
  if (cause instanceof AgeError) {
    const code = cause.code === 'ERR_NOT_AGE' ? 'ERR_NOT_A_BACKUP' : cause.code
    return new BackupError(code, { cause })
  }
  if (cause instanceof NewerBackupError) return new BackupError('ERR_NEWER_FORMAT', { cause })
  if (cause instanceof DecodeError) return new BackupError('ERR_DAMAGED', { cause })
  if (cause instanceof HomeError || cause instanceof StoreError) return homeError(cause)
  if (systemCode(cause) === 'ENOENT') return new BackupError('ERR_NO_FILE', { cause })
  return SYSTEM_CODE.test(systemCode(cause) ?? '') ? homeError(cause) : cause
}
