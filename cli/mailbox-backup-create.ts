import { create, type BackupCreateFlags } from './backup-steps.ts'
import type { CliContext } from './context.ts'
import { mailboxBackups } from './mailbox-backup.ts'
import { mailboxHomeOf } from './profile.ts'

/** `sotto mailbox backup create FILE`: everything that the mailbox holds but for what must not come back, sealed. */
export async function run(
  context: CliContext,
  flags: BackupCreateFlags,
  argument: string,
): Promise<void> {
  const dir = mailboxHomeOf(context.flags)
  await create(context, await mailboxBackups(), { dir, argument, flags })
}
