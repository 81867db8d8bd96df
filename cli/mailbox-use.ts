import type { CliContext } from './context.ts'
import { readLink } from './link-argument.ts'
import { renderBytes, renderDone, shortPeer } from './render.ts'
import { withNode } from './with-node.ts'

/** `sotto mailbox use LINK|-`: enrols, so that messages wait there while this node is away. */
export async function run(context: CliContext, _flags: object, argument: string): Promise<void> {
  const { output } = context
  const link = await readLink(context, argument)
  const mailbox = await withNode(context, (node) =>
    node.call('mailbox.use', { link }, { signal: context.signal }),
  )
  const room = mailbox.maxBytes === null ? '' : `   room for ${renderBytes(mailbox.maxBytes)}`
  await output.result(
    { mailbox },
    `${renderDone(output.style)} mailbox ${shortPeer(mailbox.peer, output.style)} holds your messages while you are away${room}`,
  )
}
