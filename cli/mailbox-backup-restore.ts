import { restore, type BackupRestoreFlags } from './backup-steps.ts'
import type { CliContext } from './context.ts'
import { mailboxBackups } from './mailbox-backup.ts'
import { mailboxHomeOf } from './profile.ts'

/** `sotto mailbox backup restore FILE`: makes the folder of a mailbox out of a backup. */
export async function run(
  context: CliContext,
  flags: BackupRestoreFlags,
  argument: string,
): Promise<void> {
  const { output } = context
  const home = mailboxHomeOf(context.flags)
  const subject = await mailboxBackups()
  const { dir, createdAt } = await restore(context, subject, { home, argument, flags })
  for (const line of warnings(createdAt)) output.talk(line)
  output.hint(`sotto --home ${dir} mailbox host   serve from it`)
}

function warnings(createdAt: number): readonly string[] {
  const since = new Date(createdAt).toISOString()
  return [
    'The mailbox that this is a backup of must never run again: two with one identity lose mail and give keys away twice.',
    `What happened since ${since} is forgotten: mail that came, and who joined, left or was suspended.`,
    'One-time keys and delivery tokens are not restored: the nodes of the members bring new ones.',
  ]
}
