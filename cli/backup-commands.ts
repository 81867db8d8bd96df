// The trees below `sotto backup` and `sotto mailbox backup`.

import { buildCommand, buildRouteMap } from '@stricli/core'
import type { CommandFunction, RouteMap } from '@stricli/core'
import type { Load } from './app.ts'
import type { BackupCreateFlags, BackupKeyFlags, BackupRestoreFlags } from './backup-steps.ts'
import type { CliContext } from './context.ts'
import { argument, optionalText } from './parameters.ts'

type Loader<Flags extends Readonly<Partial<Record<keyof Flags, unknown>>>> = () => Promise<
  CommandFunction<Flags, [string], CliContext>
>

interface Commands {
  readonly brief: string
  /** What a backup holds, and what a restore makes. */
  readonly all: string
  readonly folder: string
  readonly create: Loader<BackupCreateFlags>
  readonly verify: Loader<BackupKeyFlags>
  readonly restore: Loader<BackupRestoreFlags>
}

/** `sotto backup` */
export function nodeBackupCommands(load: Load): RouteMap<CliContext> {
  return backupCommands({
    brief: 'Backups of an identity with its contacts and history, sealed in the age format',
    all: 'identity, contacts and history',
    folder: 'an identity',
    create: load(() => import('./backup-create.ts')),
    verify: load(() => import('./backup-verify.ts')),
    restore: load(() => import('./backup-restore.ts')),
  })
}

/** `sotto mailbox backup` */
export function mailboxBackupCommands(load: Load): RouteMap<CliContext> {
  return backupCommands({
    brief: 'Backups of a mailbox, sealed in the age format',
    all: 'all that a mailbox holds',
    folder: 'a mailbox',
    create: load(() => import('./mailbox-backup-create.ts')),
    verify: load(() => import('./mailbox-backup-verify.ts')),
    restore: load(() => import('./mailbox-backup-restore.ts')),
  })
}

/** `create`, `verify` and `restore`. */
function backupCommands(of: Commands): RouteMap<CliContext> {
  const file = { kind: 'tuple', parameters: [argument('FILE', 'The backup')] } as const
  const identity = optionalText('FILE', 'Secret keys for age, instead of a passphrase')
  return buildRouteMap<string, CliContext>({
    docs: { brief: of.brief },
    routes: {
      create: buildCommand<BackupCreateFlags, [string], CliContext>({
        docs: { brief: `Put ${of.all} into a new file` },
        loader: of.create,
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
      verify: buildCommand<BackupKeyFlags, [string], CliContext>({
        docs: { brief: 'Read a backup to its end, and say whether it is sound' },
        loader: of.verify,
        parameters: { flags: { identity }, positional: file },
      }),
      restore: buildCommand<BackupRestoreFlags, [string], CliContext>({
        docs: { brief: `Make the folder of ${of.folder} out of a backup` },
        loader: of.restore,
        parameters: {
          flags: { identity, dir: optionalText('DIR', 'The folder to make; new or empty') },
          positional: file,
        },
      }),
    },
  })
}
