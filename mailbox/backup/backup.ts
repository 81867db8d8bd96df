// Backups of a mailbox: what goes into them is refit.ts, how they are made and read net/platform/backup/.

import * as general from '../../net/platform/backup/backup.ts'
import { checked, insteadOf, isKept, Refit } from './refit.ts'
import type {
  BackupBasics,
  BackupKind,
  CreateBackupOptions,
  ReadBackupOptions,
  RestoreBackupOptions,
  Restored,
} from '../../net/platform/backup/backup.ts'
import type { MailboxCounts } from './refit.ts'

/** What a backup of a mailbox is made of. */
export const MAILBOX_BACKUP: BackupKind<MailboxCounts> = {
  ...{ word: 'mailbox', prefix: 'mailbox/', isKept, insteadOf, pack: checked },
  refit: (init) => new Refit(init),
}

/** What is in a backup. */
export type BackupSummary = BackupBasics & MailboxCounts

/** Puts all that a mailbox holds into a new file. Rejects with `BackupError` or `HomeError`; there is no file then. */
export function createBackup(options: CreateBackupOptions): Promise<BackupSummary> {
  return general.createBackup(MAILBOX_BACKUP, options)
}

/** Reads all of a backup and keeps nothing. Rejects with `BackupError`, or `HomeError` as the disk fails. */
export function verifyBackup(options: ReadBackupOptions): Promise<BackupSummary> {
  return general.verifyBackup(MAILBOX_BACKUP, options)
}

/** Makes the folder of a mailbox out of a backup. Rejects with `BackupError` or `HomeError`; the folder is as it was then. */
export function restoreBackup(options: RestoreBackupOptions): Promise<BackupSummary & Restored> {
  return general.restoreBackup(MAILBOX_BACKUP, options)
}
