import { verify, type BackupKeyFlags } from './backup-steps.ts'
import type { CliContext } from './context.ts'
import { mailboxBackups } from './mailbox-backup.ts'

/** `sotto mailbox backup verify FILE`: reads all of it. Exit code 13 for one that is damaged. */
export async function run(
  context: CliContext,
  flags: BackupKeyFlags,
  argument: string,
): Promise<number> {
  return await verify(context, await mailboxBackups(), { argument, flags })
}
