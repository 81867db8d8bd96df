import type { CliContext } from './context.ts'
import { configOfFlags, loadConfig } from './mailbox-config.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { runMailbox } from './mailbox-run.ts'
import { commandFor } from './profile.ts'
import { shortPeer } from './render.ts'

/** Over the configuration. */
export interface MailboxHostFlags extends ConfigFlags {
  readonly public?: string | undefined
  readonly listen?: readonly string[] | undefined
  readonly announce?: readonly string[] | undefined
  readonly bootstrap?: readonly string[] | undefined
  readonly replication?: number | undefined
  readonly metrics?: string | undefined
  /** With a level, a log is written. */
  readonly log?: string | undefined
}

/** `sotto mailbox host`: holds messages for its members until a signal. The first line of stdout is its link, the others are its log. */
export async function run(context: CliContext, flags: MailboxHostFlags): Promise<void> {
  const { output } = context
  const over = overConfig(flags)
  const load = () => loadConfig(context, flags, over)
  const loaded = await load()
  await runMailbox(context, {
    ...{ loaded, load, invite: true, log: flags.log !== undefined },
    onUp: async ({ link, peer, addresses }, { monitor }) => {
      const { dir: home, config } = loaded
      const result = { link, peer, addresses, ...monitor, home, pid: process.pid }
      await output.result(result, link)
      output.talk(`mailbox ${shortPeer(peer, output.talkStyle)} is up, in ${home}`)
      output.hint(
        config.policy.join === 'invite'
          ? 'sotto mailbox use LINK   for everyone who may use it: who has the link can join'
          : 'sotto mailbox use LINK   for everyone who may use it',
        `${commandFor(context.flags, 'mailbox invite new')}   a link for one person`,
      )
    },
  })
}

function overConfig(flags: MailboxHostFlags): Readonly<Record<string, unknown>> {
  const { listen, announce, bootstrap, replication, metrics, log } = flags
  return configOfFlags([
    ['--listen', 'host.listen', full(listen)],
    ['--announce', 'host.announce', full(announce)],
    ['--bootstrap', 'host.bootstrap', full(bootstrap)],
    ['--replication', 'host.replication', replication],
    ['--public', 'host.public', flags.public],
    ['--metrics', 'metrics.listen', metrics],
    ['--log', 'log.level', log],
  ])
}

function full(values: readonly string[] | undefined): readonly string[] | undefined {
  return values === undefined || values.length === 0 ? undefined : values
}
