// The tree below `sotto mailbox backup`.

import { buildCommand, buildRouteMap } from '@stricli/core'
import type { RouteMap } from '@stricli/core'
import type { Load } from './app.ts'
import type { CliContext } from './context.ts'
import type { MailboxBackupCreateFlags } from './mailbox-backup-create.ts'
import type { MailboxBackupRestoreFlags } from './mailbox-backup-restore.ts'
import type { MailboxBackupKeyFlags } from './mailbox-backup-verify.ts'
import { argument, optionalText } from './parameters.ts'

/** `create`, `verify` and `restore`. */
export function backupCommands(load: Load): RouteMap<CliContext> {
  const file = { kind: 'tuple', parameters: [argument('FILE', 'The backup')] } as const
  const identity = optionalText('FILE', 'Secret keys for age, instead of a passphrase')
  return buildRouteMap<string, CliContext>({
    docs: { brief: 'Backups of a mailbox, sealed in the age format' },
    routes: {
      create: buildCommand<MailboxBackupCreateFlags, [string], CliContext>({
        docs: { brief: 'Put all that a mailbox holds into a new file' },
        loader: load(() => import('./mailbox-backup-create.ts')),
        parameters: {
          flags: {
            recipient: {
              kind: 'parsed',
              optional: true,
              variadic: true,
              parse: (key: string): string => key,
              placeholder: 'KEY',
              brief: 'Public key for age, age1…, instead of a passphrase (may be repeated)',
            },
          },
          positional: file,
        },
      }),
      verify: buildCommand<MailboxBackupKeyFlags, [string], CliContext>({
        docs: { brief: 'Read a backup to its end, and say whether it is sound' },
        loader: load(() => import('./mailbox-backup-verify.ts')),
        parameters: { flags: { identity }, positional: file },
      }),
      restore: buildCommand<MailboxBackupRestoreFlags, [string], CliContext>({
        docs: { brief: 'Make the folder of a mailbox out of a backup' },
        loader: load(() => import('./mailbox-backup-restore.ts')),
        parameters: {
          flags: { identity, dir: optionalText('DIR', 'The folder to make; new or empty') },
          positional: file,
        },
      }),
    },
  })
}
