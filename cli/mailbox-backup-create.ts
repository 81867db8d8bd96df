import { resolve } from 'node:path'
import { readSeal } from './backup-key.ts'
import { summaryLine } from './backup-summary.ts'
import type { CliContext } from './context.ts'
import { readPassphrase } from './passphrase.ts'
import { mailboxHomeOf } from './profile.ts'

export interface MailboxBackupCreateFlags {
  readonly recipient?: readonly string[] | undefined
}

/** `sotto mailbox backup create FILE`: everything that the mailbox holds but for what must not come back, sealed. */
export async function run(
  context: CliContext,
  { recipient = [] }: MailboxBackupCreateFlags,
  argument: string,
): Promise<void> {
  const { output, interrupted: signal } = context
  const { createBackup } = await import('../mailbox/backup/backup.ts')
  const { backupProblem } = await import('./backup-problem.ts')
  const file = resolve(argument)
  const dir = mailboxHomeOf(context.flags)
  const seal = await readSeal(context, recipient)
  // One passphrase for both, so that none is asked for when a timer runs this.
  const unlock = async (): Promise<string> =>
    'passphrase' in seal && context.flags.passphraseFile !== undefined
      ? seal.passphrase
      : readPassphrase(context)
  try {
    const summary = await createBackup({ dir, file, seal, unlock, signal })
    await output.result({ file, ...summary }, summaryLine(summary, output.style))
    if (summary.damaged > 0) {
      output.talk(`${summary.damaged} records of the store are damaged and not in the backup`)
    }
  } catch (cause) {
    signal.throwIfAborted()
    backupProblem(cause, 'file')
  }
}
