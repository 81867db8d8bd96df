import type { BackupSummary } from '../mailbox/backup/backup.ts'
import type { Style } from './render.ts'
import { renderDone, shortPeer } from './render.ts'

/** What is in a backup, in one line. */
export function summaryLine(summary: BackupSummary, style: Style): string {
  const { peer, createdAt, members, messages } = summary
  const at = new Date(createdAt).toISOString().replace(/\.\d+Z$/, 'Z')
  return `${renderDone(style)} mailbox ${shortPeer(peer, style)} as of ${at}   members ${members} · messages ${messages}`
}
