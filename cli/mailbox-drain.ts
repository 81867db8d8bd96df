import type { CliContext } from './context.ts'
import { readLink } from './link-argument.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { renderDone } from './render.ts'
import { withMailbox } from './with-mailbox.ts'

export interface MailboxDrainFlags extends ConfigFlags {
  readonly to?: string | undefined
  readonly off: boolean
}

/** `sotto mailbox drain [--to LINK|-] [--off]`: nothing and nobody new, members are told, what is there can be fetched. */
export async function run(
  context: CliContext,
  { to, off, ...flags }: MailboxDrainFlags,
): Promise<void> {
  const { output } = context
  const link = to === undefined ? {} : { to: await readLink(context, to) }
  await withMailbox(context, flags, async (mailbox) => {
    const { draining, waiting } = await mailbox.call('mailbox.drain', { off, ...link })
    const said = draining
      ? `the mailbox drains: ${waiting} messages wait to be fetched, and members are told to move`
      : 'the mailbox takes new messages and members again'
    await output.result({ draining, waiting }, `${renderDone(output.style)} ${said}`)
  })
}
