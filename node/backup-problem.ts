// What went wrong with a backup, in the words of the interface.

import { BackupError, type BackupErrorCode } from '../net/platform/backup/backup-error.ts'
import type { BackupWord } from '../net/backup/format.ts'
import { HomeError } from '../net/platform/home-error.ts'
import { SottoError, type SottoErrorCode } from './errors.ts'
import { homeProblem } from './home-problem.ts'

type Problem = readonly [SottoErrorCode, string, string]

/** WORD is `node` or `mailbox`. */
const PROBLEMS: Readonly<Record<BackupErrorCode, Problem>> = {
  ERR_NOTHING: [
    'PROFILE_NOT_FOUND',
    'there is no WORD in this folder',
    'name the folder of the WORD with --home',
  ],
  ERR_NO_SOCKET: [
    'STORE_LOCKED',
    'a WORD runs from this folder, whose name is too long for a socket',
    'stop it first, or move the folder',
  ],
  ERR_INTERRUPTED: [
    'STORE_LOCKED',
    'the WORD ended, or makes another backup at this moment',
    'try again',
  ],
  ERR_NO_FILE: [
    'INVALID_ARGUMENT',
    'there is no such file, or no folder to make it in',
    'check the name of the backup',
  ],
  ERR_NOT_A_BACKUP: [
    'STORE_DAMAGED',
    'this file is not in the age format, or its head is damaged',
    'a file with ASCII armour has to be taken out of it first: age --decrypt, age --encrypt',
  ],
  ERR_NO_KEY: [
    'BAD_PASSPHRASE',
    'this does not open the backup: another passphrase or key, or its head is damaged',
    'give --passphrase-file for a passphrase, --identity for a key',
  ],
  ERR_BAD_RECIPIENT: [
    'INVALID_ARGUMENT',
    '--recipient is not a public key for age',
    'it begins with age1: age-keygen prints it',
  ],
  ERR_BAD_IDENTITY: [
    'INVALID_ARGUMENT',
    'the --identity file does not hold secret keys for age',
    'its lines begin with AGE-SECRET-KEY-1: age-keygen writes it',
  ],
  ERR_DAMAGED: [
    'STORE_DAMAGED',
    'the backup is damaged: it was cut short or changed, or is not one of a WORD',
    'use another backup; nothing of this one was used',
  ],
  ERR_NEWER_FORMAT: ['NEWER_FORMAT', 'a newer version of sotto wrote this backup', 'update sotto'],
}

/** What is called for when something is in the way. */
export type Taken = 'file' | 'folder'

/** Always throws: SottoError for errors of backups and folders, anything else as it is. */
export function backupProblem(cause: unknown, taken: Taken, word: BackupWord): never {
  if (cause instanceof HomeError && cause.code === 'ERR_EXISTS') throw inTheWay(taken, cause)
  const code = codeOf(cause)
  if (code === undefined) homeProblem(cause)
  const [kind, message, hint] = about(word, PROBLEMS[code])
  throw new SottoError(kind, message, { cause, hint })
}

function about(word: BackupWord, [kind, message, hint]: Problem): Problem {
  return [kind, message.replace('WORD', word), hint.replace('WORD', word)]
}

function codeOf(cause: unknown): BackupErrorCode | undefined {
  if (cause instanceof BackupError) return cause.code
  const isMissing = cause instanceof HomeError && cause.code === 'ERR_NOT_FOUND'
  return isMissing ? 'ERR_NOTHING' : undefined
}

function inTheWay(taken: Taken, cause: HomeError): SottoError {
  return taken === 'file'
    ? new SottoError('PROFILE_EXISTS', 'there is a file of this name already', {
        cause,
        hint: 'a backup never replaces another one: choose a new name',
      })
    : new SottoError('PROFILE_EXISTS', 'the folder is not empty', {
        cause,
        hint: 'restore into a new folder, named with --dir',
      })
}
