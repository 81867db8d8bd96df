import type { BackupSummary } from '../node/backup.ts'
import { summaryLine } from './backup-summary.ts'
import type { BackupSubject } from './backup-steps.ts'
import { shortPeer } from './render.ts'

/** Backups of a node. */
export async function nodeBackups(): Promise<BackupSubject<BackupSummary>> {
  const { createBackup, restoreBackup, verifyBackup } = await import('../node/backup.ts')
  return {
    create: ({ dir, ...options }) => createBackup({ profile: { dir }, ...options }),
    verify: verifyBackup,
    restore: ({ dir, ...options }) => restoreBackup({ profile: { dir }, ...options }),
    line: (summary, style) => {
      const { peer, contacts, messages } = summary
      const what = shortPeer(peer, style)
      return summaryLine(what, summary, `contacts ${contacts} · messages ${messages}`, style)
    },
  }
}
