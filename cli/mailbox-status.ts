import type { MailboxStatusView } from '../daemon/mailbox-types.ts'
import type { CliContext } from './context.ts'
import { formatDuration } from './duration.ts'
import { EXIT } from './exit-codes.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { renderBytes, renderDone, renderFailure } from './render.ts'
import type { Style } from './render.ts'
import { sanitizeLine } from './sanitize.ts'
import { withMailbox } from './with-mailbox.ts'

/** `sotto mailbox status`: 0 while it serves and is well, 8 when it does not serve, 13 when somebody should look at it. */
export async function run(context: CliContext, flags: ConfigFlags): Promise<number> {
  const { output } = context
  return await withMailbox(context, flags, async (mailbox) => {
    const status = await mailbox.call('mailbox.status', {})
    await output.result({ status }, render(status, output.style))
    if (status.problems.length > 0) return EXIT.checkFailed
    return status.up ? EXIT.ok : EXIT.node
  })
}

function drainWords(waiting: number): string {
  if (waiting === 0) return 'nothing waits any more: it can stop'
  return `${waiting} still wait to be fetched, for 21 days at most: do not stop it yet`
}

function render(status: MailboxStatusView, style: Style): string {
  const { peer, startedAt, addresses, waiting, waitingBytes, budgetBytes } = status
  const since = startedAt === null ? '' : ` ${formatDuration(Date.now() - Date.parse(startedAt))}`
  const filled = `${renderBytes(waitingBytes)} of ${renderBytes(budgetBytes)}`
  const problems = status.problems.map((each) => `${renderFailure(style)} ${sanitizeLine(each)}`)
  return [
    `${peer}   ${status.up ? `serves${since}` : 'does not serve'}`,
    `Reach      ${addresses.length === 0 ? 'no address' : addresses.join(' · ')}`,
    `Members    ${status.members} of ${status.maxMembers} · ${status.channels} visits`,
    `Mail       ${waiting} waiting · ${filled}`,
    ...(status.draining ? [`Draining   ${drainWords(waiting)}`] : []),
    `Keys       ${status.oneTimePairs} one-time keys`,
    `Ever       ${status.accepted} taken · ${status.removed} gone, ${status.expired} of them expired`,
    ...(problems.length === 0 ? [`${renderDone(style)} well`] : problems),
  ].join('\n')
}
