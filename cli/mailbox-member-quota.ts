import type { CliContext } from './context.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { sizeOf } from './mailbox-invite-new.ts'
import { renderBytes, renderDone } from './render.ts'
import { withMailbox } from './with-mailbox.ts'

export interface MemberQuotaFlags extends ConfigFlags {
  readonly messages?: number | undefined
}

/** `sotto mailbox member quota ID SIZE|default`: how much may wait for one member. */
export async function run(
  context: CliContext,
  flags: MemberQuotaFlags,
  id: string,
  size: string,
): Promise<void> {
  const { output } = context
  const { messages } = flags
  const bytes = size === 'default' ? undefined : sizeOf('the quota', size)
  const quota =
    bytes === undefined ? null : { bytes, ...(messages === undefined ? {} : { messages }) }
  await withMailbox(context, flags, async (mailbox) => {
    const member = await mailbox.call('member.quota', { id, quota })
    const room = `${renderBytes(member.maxBytes)} and ${member.maxMessages} messages`
    await output.result({ member }, `${renderDone(output.style)} member ${member.id} has ${room}`)
  })
}
