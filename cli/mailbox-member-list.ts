import type { CliContext } from './context.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { memberTable } from './mailbox-words.ts'
import { withMailbox } from './with-mailbox.ts'

/** `sotto mailbox member list`: members by ids that name nobody. */
export async function run(context: CliContext, flags: ConfigFlags): Promise<void> {
  await withMailbox(context, flags, async (mailbox) => {
    const { members } = await mailbox.call('member.list', {})
    await context.output.result(
      { members },
      members.length === 0 ? 'no member' : memberTable(members),
    )
  })
}
