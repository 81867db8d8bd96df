import { create, type BackupCreateFlags } from './backup-steps.ts'
import type { CliContext } from './context.ts'
import { nodeBackups } from './node-backup.ts'
import { requireProfile } from './profile.ts'

/** `sotto backup create FILE`: account, contacts and history, sealed. The node may be up. */
export async function run(
  context: CliContext,
  flags: BackupCreateFlags,
  argument: string,
): Promise<void> {
  const dir = await requireProfile(context.flags)
  await create(context, await nodeBackups(), { dir, argument, flags })
}
