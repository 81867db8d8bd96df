// The commands about mailboxes, for those who use one and those who run one.

import { buildCommand, buildRouteMap } from '@stricli/core'
import type { RouteMap } from '@stricli/core'
import type { Load } from './app.ts'
import { mailboxBackupCommands } from './backup-commands.ts'
import type { CliContext } from './context.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import type { MailboxDrainFlags } from './mailbox-drain.ts'
import type { MailboxHostFlags } from './mailbox-host.ts'
import type { MailboxInitFlags } from './mailbox-init.ts'
import type { InviteNewFlags } from './mailbox-invite-new.ts'
import type { MailboxLeaveFlags } from './mailbox-leave.ts'
import type { MemberEndFlags } from './mailbox-member-change.ts'
import type { MemberQuotaFlags } from './mailbox-member-quota.ts'
import type { MailboxMoveFlags } from './mailbox-move.ts'
import type { MailboxPlanFlags } from './mailbox-plan.ts'
import { addressFlags, argument, count, monitorFlags, numberOf, off } from './parameters.ts'
import { optionalText, textOr } from './parameters.ts'

const configFlags = { config: optionalText('FILE', 'The configuration (SOTTO_CONFIG)') } as const
const member = argument('ID', 'Of the member, as `member list` shows it, or how it begins')

export function mailboxCommands(load: Load): RouteMap<CliContext> {
  return buildRouteMap<string, CliContext>({
    docs: { brief: 'Mailboxes: host one, use one' },
    routes: {
      ...hostCommands(load),
      ...ownMailboxCommands(load),
      backup: mailboxBackupCommands(load),
      invite: inviteCommands(load),
      member: memberCommands(load),
      policy: sectionCommands(load, {
        brief: 'Who may join',
        show: () => import('./mailbox-policy-show.ts'),
        set: () => import('./mailbox-policy-set.ts'),
      }),
      quota: sectionCommands(load, {
        brief: 'How much may wait, and for how long',
        show: () => import('./mailbox-quota-show.ts'),
        set: () => import('./mailbox-quota-set.ts'),
      }),
    },
  })
}

/** Of people who run one: the mailbox itself. */
function hostCommands(load: Load) {
  const publicName = optionalText('NAME', 'DNS name under which it is reached')
  return {
    host: buildCommand<MailboxHostFlags, [], CliContext>({
      docs: { brief: 'Hold messages for people who are away; runs until a signal' },
      loader: load(() => import('./mailbox-host.ts')),
      parameters: {
        flags: { public: publicName, ...addressFlags, ...monitorFlags, ...configFlags },
      },
    }),
    init: buildCommand<MailboxInitFlags, [], CliContext>({
      docs: { brief: 'Make the folder of a mailbox, with its configuration' },
      loader: load(() => import('./mailbox-init.ts')),
      parameters: {
        flags: {
          public: publicName,
          join: {
            kind: 'enum',
            values: ['invite', 'allow-list', 'open'],
            optional: true,
            brief: 'Who may join',
          },
          diskBudget: optionalText('SIZE', 'Most that all mail may fill'),
          keys: {
            kind: 'enum',
            values: ['passphrase', 'none'],
            optional: true,
            brief: 'How the keys are protected',
          },
          yes: off('Ask nothing, take what is proposed'),
          printConfig: off('Print the configuration and write nothing'),
          ...configFlags,
        },
      },
    }),
    serve: buildCommand<ConfigFlags, [], CliContext>({
      docs: { brief: 'The same as a service: asks nothing, writes a log' },
      loader: load(() => import('./mailbox-serve.ts')),
      parameters: { flags: configFlags },
    }),
    status: buildCommand<ConfigFlags, [], CliContext>({
      docs: { brief: 'How the mailbox is; exit code 0 while it serves and is well' },
      loader: load(() => import('./mailbox-status.ts')),
      parameters: { flags: configFlags },
    }),
    drain: buildCommand<MailboxDrainFlags, [], CliContext>({
      docs: { brief: 'Take nothing new before the mailbox ends, and tell its members' },
      loader: load(() => import('./mailbox-drain.ts')),
      parameters: {
        flags: {
          to: optionalText('LINK', 'The mailbox that takes its place, or - to read it from stdin'),
          off: off('Go on after all'),
          ...configFlags,
        },
      },
    }),
    check: buildCommand<ConfigFlags, [], CliContext>({
      docs: { brief: 'Whether disk, ports, clock and addresses are right' },
      loader: load(() => import('./mailbox-check.ts')),
      parameters: { flags: configFlags },
    }),
    plan: buildCommand<MailboxPlanFlags, [], CliContext>({
      docs: { brief: 'How much memory and disk a mailbox would want' },
      loader: load(() => import('./mailbox-plan.ts')),
      parameters: {
        flags: {
          members: count('Members', '20'),
          messagesPerDay: count('Messages that each gets in a day', '60'),
          avg: textOr('SIZE', 'Of a message', '2KiB'),
          offline: textOr('SHARE', 'Of the time, that members are away', '30%'),
          away: textOr('DUR', 'For how long at a time', '1d'),
        },
      },
    }),
  }
}

function inviteCommands(load: Load): RouteMap<CliContext> {
  return buildRouteMap<string, CliContext>({
    docs: { brief: 'Invitations: make, list, revoke' },
    aliases: { ls: 'list' },
    routes: {
      new: buildCommand<InviteNewFlags, [], CliContext>({
        docs: { brief: 'A link that lets people join, shown this once' },
        loader: load(() => import('./mailbox-invite-new.ts')),
        parameters: {
          flags: {
            uses: textOr('N', 'How many may join by it, or any', '1'),
            expires: textOr('DUR', 'Until when, such as 12h or 7d, or never', '7d'),
            quota: optionalText('SIZE', 'How much may wait for each of them'),
            label: optionalText('TEXT', 'For your eyes'),
            ...configFlags,
          },
        },
      }),
      list: buildCommand<ConfigFlags, [], CliContext>({
        docs: { brief: 'Invitations and how often they were used' },
        loader: load(() => import('./mailbox-invite-list.ts')),
        parameters: { flags: configFlags },
      }),
      revoke: buildCommand<ConfigFlags, [string], CliContext>({
        docs: { brief: 'Nobody joins by it any more' },
        loader: load(() => import('./mailbox-invite-revoke.ts')),
        parameters: {
          flags: configFlags,
          positional: {
            kind: 'tuple',
            parameters: [argument('ID', 'Its number, as `invite list` shows it')],
          },
        },
      }),
    },
  })
}

function memberCommands(load: Load): RouteMap<CliContext> {
  const one = { kind: 'tuple', parameters: [member] } as const
  const ending = { flags: { yes: off('Do not ask'), ...configFlags }, positional: one } as const
  return buildRouteMap<string, CliContext>({
    docs: { brief: 'Members: list, limit, suspend, remove' },
    aliases: { ls: 'list', rm: 'remove' },
    routes: {
      list: buildCommand<ConfigFlags, [], CliContext>({
        docs: { brief: 'Members, by ids that name nobody' },
        loader: load(() => import('./mailbox-member-list.ts')),
        parameters: { flags: configFlags },
      }),
      quota: buildCommand<MemberQuotaFlags, [string, string], CliContext>({
        docs: { brief: 'How much may wait for one member' },
        loader: load(() => import('./mailbox-member-quota.ts')),
        parameters: {
          flags: { messages: numberOf('N', 'How many messages'), ...configFlags },
          positional: {
            kind: 'tuple',
            parameters: [member, argument('SIZE', 'Such as 200MiB, or default')],
          },
        },
      }),
      suspend: buildCommand<ConfigFlags, [string], CliContext>({
        docs: { brief: 'No new mail for a member; what waits can be fetched' },
        loader: load(() => import('./mailbox-member-suspend.ts')),
        parameters: { flags: configFlags, positional: one },
      }),
      resume: buildCommand<ConfigFlags, [string], CliContext>({
        docs: { brief: 'Mail again for a member' },
        loader: load(() => import('./mailbox-member-resume.ts')),
        parameters: { flags: configFlags, positional: one },
      }),
      wipe: buildCommand<MemberEndFlags, [string], CliContext>({
        docs: { brief: 'Delete what waits for a member, unread' },
        loader: load(() => import('./mailbox-member-wipe.ts')),
        parameters: ending,
      }),
      remove: buildCommand<MemberEndFlags, [string], CliContext>({
        docs: { brief: 'End a membership, with all that is kept for it' },
        loader: load(() => import('./mailbox-member-remove.ts')),
        parameters: ending,
      }),
    },
  })
}

type SectionModule<Args extends readonly unknown[]> = () => Promise<{
  readonly run: (context: CliContext, flags: ConfigFlags, ...args: Args) => Promise<void>
}>

function sectionCommands(
  load: Load,
  section: {
    readonly brief: string
    readonly show: SectionModule<[]>
    readonly set: SectionModule<[string, string]>
  },
): RouteMap<CliContext> {
  return buildRouteMap<string, CliContext>({
    docs: { brief: section.brief },
    routes: {
      show: buildCommand<ConfigFlags, [], CliContext>({
        docs: { brief: 'What counts now, and where it comes from' },
        loader: load(section.show),
        parameters: { flags: configFlags },
      }),
      set: buildCommand<ConfigFlags, [string, string], CliContext>({
        docs: { brief: 'Set one key in the configuration; a mailbox that serves takes it at once' },
        loader: load(section.set),
        parameters: {
          flags: configFlags,
          positional: {
            kind: 'tuple',
            parameters: [
              argument('KEY', 'As in the file'),
              argument('VALUE', 'As in the file; lists as in JSON'),
            ],
          },
        },
      }),
    },
  })
}

/** Of people who use a mailbox. */
function ownMailboxCommands(load: Load) {
  return {
    use: buildCommand<object, [string], CliContext>({
      docs: { brief: 'Let a mailbox hold my messages while I am away' },
      loader: load(() => import('./mailbox-use.ts')),
      parameters: {
        positional: {
          kind: 'tuple',
          parameters: [argument('LINK', 'Link of the mailbox, or - to read it from stdin')],
        },
      },
    }),
    list: buildCommand<object, [], CliContext>({
      docs: { brief: 'My mailboxes, and what is to be known of them' },
      loader: load(() => import('./mailbox-list.ts')),
      parameters: {},
    }),
    move: buildCommand<MailboxMoveFlags, [string], CliContext>({
      docs: { brief: 'Another mailbox in the place of one' },
      loader: load(() => import('./mailbox-move.ts')),
      parameters: {
        flags: { from: optionalText('MAILBOX', 'The one to leave, if there are several') },
        positional: {
          kind: 'tuple',
          parameters: [argument('LINK', 'Link of the new one, or - to read it from stdin')],
        },
      },
    }),
    leave: buildCommand<MailboxLeaveFlags, [string], CliContext>({
      docs: { brief: 'Use a mailbox no more' },
      loader: load(() => import('./mailbox-leave.ts')),
      parameters: {
        flags: { now: off('As soon as it is empty, not after a week') },
        positional: {
          kind: 'tuple',
          parameters: [argument('MAILBOX', 'PeerId, the end of it, or the link')],
        },
      },
    }),
    test: buildCommand<object, [], CliContext>({
      docs: { brief: 'Whether my mailboxes answer me and others' },
      loader: load(() => import('./mailbox-test.ts')),
      parameters: {},
    }),
  }
}
