import type { BackupSummary } from '../mailbox/backup/backup.ts'
import type { BackupSubject } from './backup-steps.ts'
import { shortPeer } from './render.ts'
import { summaryLine } from './backup-summary.ts'

/** Backups of a mailbox. */
export async function mailboxBackups(): Promise<BackupSubject<BackupSummary>> {
  const { createBackup, restoreBackup, verifyBackup } = await import('../mailbox/backup/backup.ts')
  const { backupProblem } = await import('../node/backup-problem.ts')
  const file = (cause: unknown): never => backupProblem(cause, 'file', 'mailbox')
  const folder = (cause: unknown): never => backupProblem(cause, 'folder', 'mailbox')
  return {
    create: (options) => createBackup(options).catch(file),
    verify: (options) => verifyBackup(options).catch(file),
    restore: (options) => restoreBackup(options).catch(folder),
    line: (summary, style) => {
      const { peer, members, messages } = summary
      const what = `mailbox ${shortPeer(peer, style)}`
      return summaryLine(what, summary, `members ${members} · messages ${messages}`, style)
    },
  }
}
