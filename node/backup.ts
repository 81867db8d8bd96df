// Backups of a node: what goes into them is backup-records.ts, how they are made and read net/platform/backup/.

import * as general from '../net/platform/backup/backup.ts'
import { profileFolder } from './profile-folder.ts'
import type { BackupBasics, BackupKind, Restored } from '../net/platform/backup/backup.ts'
import type { AgeKey, AgeSeal } from '../net/platform/age-file.ts'
import type { Passphrase } from '../net/platform/identity-file.ts'
import { backupProblem } from './backup-problem.ts'
import { NodeRefit, pack, SELECTION, type NodeCounts } from './backup-records.ts'

/** What a backup of a node is made of. */
export const NODE_BACKUP: BackupKind<NodeCounts> = {
  ...{ ...SELECTION, word: 'node', pack },
  insteadOf: () => undefined,
  refit: (init) => new NodeRefit(init),
}

/** What is in a backup of a node. `damaged`: records that were damaged when it was made, and are not in it. */
export type BackupSummary = BackupBasics & NodeCounts

export interface CreateBackupOptions {
  /** May be in use: the node that runs from it goes on. */
  readonly profile: string | { readonly dir: string }
  /** Must not be there yet. */
  readonly file: string
  /** A passphrase, or public keys for age. */
  readonly seal: AgeSeal
  /** Asked for the passphrase of a sealed profile. */
  readonly unlock?: () => Promise<Passphrase>
  /** File with the key of a profile that was made with one. */
  readonly keyFile?: string | undefined
  readonly signal?: AbortSignal
}

export interface VerifyBackupOptions {
  readonly file: string
  /** A passphrase, or secret keys for age. */
  readonly key: AgeKey
  readonly signal?: AbortSignal
}

export interface RestoreBackupOptions extends VerifyBackupOptions {
  /** New or empty. */
  readonly profile: string | { readonly dir: string }
  /** Seals the new folder, if the one that the backup was made of was sealed. */
  readonly passphrase: () => Promise<string>
}

/**
 * Puts account, contacts and history into a new file in the age format. Rejects with SottoError: PROFILE_NOT_FOUND, PROFILE_EXISTS
 * where the file is there already, STORE_LOCKED, DISK_FULL, INVALID_ARGUMENT for keys; there is no file then.
 */
export async function createBackup(options: CreateBackupOptions): Promise<BackupSummary> {
  const { profile, ...rest } = options
  return await general
    .createBackup(NODE_BACKUP, { dir: profileFolder(profile), ...rest })
    .catch((cause: unknown) => backupProblem(cause, 'file', 'node'))
}

/** Reads all of a backup and keeps nothing. Rejects with SottoError STORE_DAMAGED for one that is not whole, BAD_PASSPHRASE. */
export async function verifyBackup(options: VerifyBackupOptions): Promise<BackupSummary> {
  return await general
    .verifyBackup(NODE_BACKUP, options)
    .catch((cause: unknown) => backupProblem(cause, 'file', 'node'))
}

/**
 * Makes a profile out of a backup. The node that starts from it has a new device key and begins again with its contacts: the one
 * that the backup is of must never run again. Rejects as `verifyBackup`, and with PROFILE_EXISTS; the folder is as it was then.
 */
export async function restoreBackup(
  options: RestoreBackupOptions,
): Promise<BackupSummary & Restored> {
  const { profile, ...rest } = options
  return await general
    .restoreBackup(NODE_BACKUP, { dir: profileFolder(profile), ...rest })
    .catch((cause: unknown) => backupProblem(cause, 'folder', 'node'))
}
