// The tree of commands: names, flags and help. What a command does is loaded when it runs.

import { buildApplication, buildCommand, buildRouteMap } from '@stricli/core'
import type { Application, BaseArgs, CommandFunction, RouteMap } from '@stricli/core'
import { nodeBackupCommands } from './backup-commands.ts'
import { COMMON_FLAGS_HELP } from './common-flags.ts'
import type { CliContext } from './context.ts'
import type { ContactAddFlags } from './contact-add.ts'
import type { ContactVerifyFlags } from './contact-verify.ts'
import type { DemoFlags } from './demo.ts'
import { mailboxCommands } from './app-mailbox.ts'
import type { IdFlags } from './id.ts'
import type { InboxFlags } from './inbox.ts'
import type { InitFlags } from './init.ts'
import type { NodeClockFlags } from './node-clock.ts'
import type { NodeKeysFlags } from './node-keys.ts'
import type { SendFlags } from './send.ts'
import type { TestnetUpFlags } from './testnet.ts'
import type { UpFlags } from './up.ts'
import { argument, count, networkFlags, off, optionalText } from './parameters.ts'

/** What a command did: its exit code, or why it failed. Empty when only help was shown or the line was not understood. */
export interface Outcome {
  exitCode?: number
  error?: Error
}

interface CommandModule<Flags, Args extends BaseArgs> {
  readonly run: (context: CliContext, flags: Flags, ...args: Args) => Promise<number | void>
}

/** Turns a module with `run` into what the parser calls, loaded then. */
export type Load = <
  Flags extends Readonly<Partial<Record<keyof Flags, unknown>>>,
  Args extends BaseArgs,
>(
  module: () => Promise<CommandModule<Flags, Args>>,
) => () => Promise<CommandFunction<Flags, Args, CliContext>>

/** Words that stand before another word. */
export const NOUNS: readonly string[] = [
  ...['backup', 'contact', 'mailbox', 'node', 'testnet'],
  ...['backup', 'invite', 'member', 'policy', 'quota'].map((noun) => `mailbox ${noun}`),
]

/** Builds the application; `outcome` tells afterwards what happened. */
export function buildApp(outcome: Outcome): Application<CliContext> {
  const load: Load = (module) => async () =>
    async function (flags, ...args) {
      try {
        const { run } = await module()
        outcome.exitCode = (await run(this, flags, ...args)) ?? 0
      } catch (error) {
        outcome.error = error instanceof Error ? error : new Error('not an error', { cause: error })
      }
    }
  return buildApplication(root(load), {
    name: 'sotto',
    scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
    documentation: { disableAnsiColor: true },
  })
}

function root(load: Load): RouteMap<CliContext> {
  return buildRouteMap<string, CliContext>({
    docs: {
      brief: 'Encrypted chat between your machines and those of your friends',
      fullDescription: ROOT_HELP,
    },
    aliases: { rx: 'inbox', tx: 'send' },
    routes: {
      ...identityCommands(load),
      contact: contactCommands(load),
      ...messageCommands(load),
      mailbox: mailboxCommands(load),
      node: nodeCommands(load),
      backup: nodeBackupCommands(load),
      ...networkCommands(load),
    },
  })
}

const ROOT_HELP = `Encrypted chat between your machines and those of your friends.

  sotto init                      create an identity
  sotto send bob "lunch at one?"  exit code 0 once bob or a mailbox has it

${COMMON_FLAGS_HELP}`

function identityCommands(load: Load) {
  return {
    init: buildCommand<InitFlags, [], CliContext>({
      docs: { brief: 'Create an identity' },
      loader: load(() => import('./init.ts')),
      parameters: {
        flags: {
          name: optionalText('NAME', 'Your name, as contacts see it'),
          keys: {
            kind: 'enum',
            values: ['passphrase', 'key-file', 'key-store', 'none'],
            optional: true,
            brief: 'How the keys are protected',
          },
          ...networkFlags,
        },
      },
    }),
    up: buildCommand<UpFlags, [], CliContext>({
      docs: { brief: 'Run the node' },
      loader: load(() => import('./up.ts')),
      parameters: { flags: { detach: off('Run in the background'), ...networkFlags } },
    }),
    down: buildCommand<object, [], CliContext>({
      docs: { brief: 'Stop the node that is up' },
      loader: load(() => import('./down.ts')),
      parameters: {},
    }),
    status: buildCommand<object, [], CliContext>({
      docs: { brief: 'Me, reachability, mailbox, queue, contacts' },
      loader: load(() => import('./status.ts')),
      parameters: {},
    }),
    id: buildCommand<IdFlags, [], CliContext>({
      docs: { brief: 'What others need to write to me' },
      loader: load(() => import('./id.ts')),
      parameters: { flags: { link: off('Only the link'), qr: off('Also as a QR code') } },
    }),
  }
}

function contactCommands(load: Load): RouteMap<CliContext> {
  return buildRouteMap<string, CliContext>({
    docs: { brief: 'People: add, list, verify, block' },
    aliases: { ls: 'list' },
    routes: {
      add: buildCommand<ContactAddFlags, [string], CliContext>({
        docs: { brief: 'Add a contact by link' },
        loader: load(() => import('./contact-add.ts')),
        parameters: {
          flags: { name: optionalText('NAME', 'What to call them') },
          positional: {
            kind: 'tuple',
            parameters: [argument('LINK', 'Their link, or - to read it from stdin')],
          },
        },
      }),
      list: buildCommand<object, [], CliContext>({
        docs: { brief: 'List contacts' },
        loader: load(() => import('./contact-list.ts')),
        parameters: {},
      }),
      verify: buildCommand<ContactVerifyFlags, [string], CliContext>({
        docs: { brief: 'Compare safety numbers' },
        loader: load(() => import('./contact-verify.ts')),
        parameters: {
          flags: { number: optionalText('DIGITS', 'The number the other side shows') },
          positional: { kind: 'tuple', parameters: [argument('CONTACT', 'Name, id or peer')] },
        },
      }),
      block: buildCommand<object, [string], CliContext>({
        docs: { brief: 'Take nothing from a contact any more' },
        loader: load(() => import('./contact-block.ts')),
        parameters: {
          positional: { kind: 'tuple', parameters: [argument('CONTACT', 'Name, id or peer')] },
        },
      }),
      unblock: buildCommand<object, [string], CliContext>({
        docs: { brief: 'Let a blocked contact in again' },
        loader: load(() => import('./contact-unblock.ts')),
        parameters: {
          positional: { kind: 'tuple', parameters: [argument('CONTACT', 'Name, id or peer')] },
        },
      }),
    },
  })
}

function messageCommands(load: Load) {
  return {
    send: buildCommand<SendFlags, [string, string], CliContext>({
      docs: { brief: 'Send a text' },
      loader: load(() => import('./send.ts')),
      parameters: {
        flags: {
          wait: {
            kind: 'enum',
            values: ['queued', 'stored', 'delivered', 'read'],
            default: 'stored',
            brief: 'State to wait for',
          },
        },
        positional: {
          kind: 'tuple',
          parameters: [
            argument('CONTACT', 'Name, id or peer'),
            argument('TEXT', 'The text, or - to read it from stdin'),
          ],
        },
      },
    }),
    inbox: buildCommand<InboxFlags, [], CliContext>({
      docs: { brief: 'Unread messages; --follow streams what arrives' },
      loader: load(() => import('./inbox.ts')),
      parameters: {
        flags: {
          follow: off('Print messages as they arrive, one record per line'),
          consumer: optionalText('NAME', 'With --follow: go on where this name stopped'),
          keepUnread: off('Do not mark what is shown as read'),
        },
      },
    }),
    chat: buildCommand<object, [string?], CliContext>({
      docs: { brief: 'Talk, line by line' },
      loader: load(() => import('./chat.ts')),
      parameters: {
        positional: {
          kind: 'tuple',
          parameters: [{ ...argument('CONTACT', 'Name, id or peer'), optional: true }],
        },
      },
    }),
  }
}

function nodeCommands(load: Load): RouteMap<CliContext> {
  return buildRouteMap<string, CliContext>({
    docs: { brief: 'This node: its clock, its keys' },
    routes: {
      clock: buildCommand<NodeClockFlags, [], CliContext>({
        docs: { brief: 'Whether our clock is believed' },
        loader: load(() => import('./node-clock.ts')),
        parameters: { flags: { confirm: off('It is right: go on destroying old keys by it') } },
      }),
      keys: buildCommand<NodeKeysFlags, [], CliContext>({
        docs: { brief: 'What protects the keys on the disk, and changing it' },
        loader: load(() => import('./node-keys.ts')),
        parameters: {
          flags: {
            keys: {
              kind: 'enum',
              values: ['passphrase', 'key-file', 'key-store', 'none'],
              optional: true,
              brief: 'What protects them from now on',
            },
            newPassphraseFile: optionalText('FILE', 'The new passphrase, - is stdin'),
            newKeyFile: optionalText('FILE', 'The new key file, made where there is none'),
          },
        },
      }),
      rotate: buildCommand<object, [], CliContext>({
        docs: { brief: 'New prekeys now, for instance after a theft of the folder' },
        loader: load(() => import('./node-rotate.ts')),
        parameters: {},
      }),
    },
  })
}

function networkCommands(load: Load) {
  return {
    testnet: buildRouteMap<string, CliContext>({
      docs: { brief: 'Networks of many nodes on this machine' },
      routes: {
        up: buildCommand<TestnetUpFlags, [], CliContext>({
          docs: {
            brief: 'Start nodes and mailboxes as processes on loopback; runs until a signal',
          },
          loader: load(() => import('./testnet.ts')),
          parameters: {
            flags: { nodes: count('Chat nodes', '8'), mailboxes: count('Mailboxes', '1') },
          },
        }),
      },
    }),
    demo: buildCommand<DemoFlags, [], CliContext>({
      docs: { brief: 'Watch two nodes find each other, chat, crash and lose nothing' },
      loader: load(() => import('./demo.ts')),
      parameters: { flags: { keep: off('Leave the folders of all nodes where they are') } },
    }),
  }
}
