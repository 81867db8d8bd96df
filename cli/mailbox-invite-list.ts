import type { CliContext } from './context.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { invitationTable } from './mailbox-words.ts'
import { withMailbox } from './with-mailbox.ts'

/** `sotto mailbox invite list`: invitations and how often they were used. */
export async function run(context: CliContext, flags: ConfigFlags): Promise<void> {
  await withMailbox(context, flags, async (mailbox) => {
    const { invitations } = await mailbox.call('invite.list', {})
    const text = invitations.length === 0 ? 'no invitation' : invitationTable(invitations)
    await context.output.result({ invitations }, text)
  })
}
