import type { CliContext } from './context.ts'
import { readLink } from './link-argument.ts'
import { renderDone } from './render.ts'
import { withNode } from './with-node.ts'

export interface MailboxLeaveFlags {
  readonly now: boolean
}

/** `sotto mailbox leave MAILBOX [--now]`: others are told of it no more; what is there is fetched, then it is left. */
export async function run(
  context: CliContext,
  { now }: MailboxLeaveFlags,
  argument: string,
): Promise<void> {
  const { output } = context
  const mailbox = await readLink(context, argument)
  const result = await withNode(context, (node) => node.call('mailbox.leave', { mailbox, now }))
  const when = now ? 'as soon as it is empty' : 'after a week, once it is empty'
  await output.result(result, `${renderDone(output.style)} the mailbox will be left ${when}`)
}
