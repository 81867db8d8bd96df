import { restore, type BackupRestoreFlags } from './backup-steps.ts'
import type { CliContext } from './context.ts'
import { nodeBackups } from './node-backup.ts'
import { commandFor, homeOf } from './profile.ts'

/** `sotto backup restore FILE`: makes an identity's folder out of a backup. */
export async function run(
  context: CliContext,
  flags: BackupRestoreFlags,
  argument: string,
): Promise<void> {
  const { output } = context
  const home = homeOf(context.flags)
  const { dir, createdAt } = await restore(context, await nodeBackups(), { home, argument, flags })
  for (const line of warnings(createdAt)) output.talk(line)
  const named = flags.dir === undefined ? context.flags : { ...context.flags, home: dir }
  output.hint(`${commandFor(named, 'up')}   start it: it begins again with its contacts`)
}

function warnings(createdAt: number): readonly string[] {
  const since = new Date(createdAt).toISOString()
  return [
    'The node that this is a backup of must never run again: two with one identity disturb each other.',
    `What was said since ${since} is forgotten here. Whatever its sender has no receipt for comes again.`,
    'Contacts see that you have started afresh; those who had verified you are asked to compare numbers again.',
  ]
}
