import type { CliContext } from './context.ts'
import { readLink } from './link-argument.ts'
import { commandFor } from './profile.ts'
import { renderDone, shortPeer } from './render.ts'
import { withNode } from './with-node.ts'

export interface MailboxMoveFlags {
  readonly from?: string | undefined
}

/** `sotto mailbox move LINK|- [--from OLD]`: another mailbox in the place of one, which is left once senders know of it. */
export async function run(
  context: CliContext,
  { from }: MailboxMoveFlags,
  argument: string,
): Promise<void> {
  const { output } = context
  const link = await readLink(context, argument)
  const params = from === undefined ? { link } : { link, from }
  const mailbox = await withNode(context, (node) =>
    node.call('mailbox.move', params, { signal: context.signal }),
  )
  const done = renderDone(output.style)
  const name = shortPeer(mailbox.peer, output.style)
  await output.result({ mailbox }, `${done} mailbox ${name} holds your messages from now on`)
  const list = commandFor(context.flags, 'mailbox list')
  output.hint(`the old one is fetched from for a week more, then left; see   ${list}`)
}
