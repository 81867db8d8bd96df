import { resolve } from 'node:path'
import { readKey } from './backup-key.ts'
import { summaryLine } from './backup-summary.ts'
import type { CliContext } from './context.ts'
import type { MailboxBackupKeyFlags } from './mailbox-backup-verify.ts'
import { readPassphrase } from './passphrase.ts'
import { mailboxHomeOf } from './profile.ts'

export interface MailboxBackupRestoreFlags extends MailboxBackupKeyFlags {
  readonly dir?: string | undefined
}

/** `sotto mailbox backup restore FILE`: makes the folder of a mailbox out of a backup. */
export async function run(
  context: CliContext,
  { identity, dir: named }: MailboxBackupRestoreFlags,
  argument: string,
): Promise<void> {
  const { output, interrupted: signal } = context
  const { restoreBackup } = await import('../mailbox/backup/backup.ts')
  const { backupProblem } = await import('./backup-problem.ts')
  const file = resolve(argument)
  const dir = named === undefined ? mailboxHomeOf(context.flags) : resolve(named)
  const key = await readKey(context, identity)
  const passphrase = async (): Promise<string> =>
    'passphrase' in key ? key.passphrase : readPassphrase(context)
  try {
    const summary = await restoreBackup({ file, key, dir, passphrase, signal })
    await output.result({ file, home: dir, ...summary }, summaryLine(summary, output.style))
    for (const line of warnings(summary.createdAt)) output.talk(line)
    output.hint(`sotto --home ${dir} mailbox host   serve from it`)
  } catch (cause) {
    signal.throwIfAborted()
    backupProblem(cause, 'folder')
  }
}

function warnings(createdAt: number): readonly string[] {
  const since = new Date(createdAt).toISOString()
  return [
    'The mailbox that this is a backup of must never run again: two with one identity lose mail and give keys away twice.',
    `What happened since ${since} is forgotten: mail that came, and who joined, left or was suspended.`,
    'One-time keys and delivery tokens are not restored: the nodes of the members bring new ones.',
  ]
}
