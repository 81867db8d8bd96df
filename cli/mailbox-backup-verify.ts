import { resolve } from 'node:path'
import { SottoError } from '../node/errors.ts'
import { readKey } from './backup-key.ts'
import { summaryLine } from './backup-summary.ts'
import type { CliContext } from './context.ts'
import { EXIT } from './exit-codes.ts'
import { renderFailure } from './render.ts'

export interface MailboxBackupKeyFlags {
  readonly identity?: string | undefined
}

/** `sotto mailbox backup verify FILE`: reads all of it. Exit code 13 for one that is damaged. */
export async function run(
  context: CliContext,
  flags: MailboxBackupKeyFlags,
  argument: string,
): Promise<number> {
  const { output, interrupted: signal } = context
  const { verifyBackup } = await import('../mailbox/backup/backup.ts')
  const { backupProblem } = await import('./backup-problem.ts')
  const file = resolve(argument)
  const key = await readKey(context, flags.identity)
  try {
    const summary = await verifyBackup({ file, key, signal })
    await output.result({ file, sound: true, ...summary }, summaryLine(summary, output.style))
    return EXIT.ok
  } catch (cause) {
    signal.throwIfAborted()
    const problem = problemOf(() => backupProblem(cause, 'file'))
    if (!SottoError.is(problem, 'STORE_DAMAGED')) throw problem
    const { message } = problem
    await output.result({ file, sound: false, problem: message }, failed(message, output.style))
    return EXIT.checkFailed
  }
}

function failed(message: string, style: Parameters<typeof renderFailure>[0]): string {
  return `${renderFailure(style)} ${message}`
}

function problemOf(fail: () => never): unknown {
  try {
    return fail()
  } catch (problem) {
    return problem
  }
}
