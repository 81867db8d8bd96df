import type { ContactView, MailboxView } from '../daemon/views.ts'
import type { CliContext } from './context.ts'
import { commandFor } from './profile.ts'
import { renderBytes, renderDoubt, renderRetiring, renderTable, shortPeer } from './render.ts'
import type { Style } from './render.ts'
import { withNode } from './with-node.ts'

/** `sotto mailbox list`: mailboxes of ours, and those of contacts that may have lost something. */
export async function run(context: CliContext): Promise<void> {
  const { output, flags } = context
  await withNode(context, async (node) => {
    const { mailboxes } = await node.call('mailbox.list', {})
    const { contacts } = await node.call('contact.list', {})
    const doubted = contacts.flatMap(({ id, name, doubted: list }) =>
      list.map((one) => ({ contact: { id, name }, ...one })),
    )
    const data = { mailboxes, doubted }
    if (mailboxes.length === 0 && !output.json) {
      output.talk(`No mailbox yet. Use one: ${commandFor(flags, 'mailbox use LINK')}`)
      if (doubted.length === 0) return
    }
    await output.result(data, render(mailboxes, contacts, output.style))
  })
}

function render(
  mailboxes: readonly MailboxView[],
  contacts: readonly ContactView[],
  style: Style,
): string {
  const plain = { ...style, colour: false }
  const rows = mailboxes.map(({ peer, connected, usedBytes, maxBytes, waiting, ...state }) => [
    peer,
    connected ? 'connected' : 'not connected',
    usedBytes === null || maxBytes === null
      ? '?'
      : `${renderBytes(usedBytes)} of ${renderBytes(maxBytes)}`,
    waiting === null ? '?' : String(waiting),
    wordOf(state),
  ])
  const header = ['MAILBOX', 'CONNECTION', 'USED', 'WAITING', 'STATE']
  const doubts = contacts.flatMap(({ name, doubted }) =>
    doubted.map((one) => renderDoubt(shortPeer(one.mailbox, plain), name, one.messages)),
  )
  const notices = mailboxes.flatMap(({ peer, retiring }) =>
    retiring === null ? [] : [renderRetiring(peer, retiring.successor)],
  )
  return [
    ...(rows.length === 0 ? [] : [renderTable([header, ...rows])]),
    ...notices,
    ...doubts,
  ].join('\n')
}

function wordOf({
  leavingAt,
  broken,
  restoredAt,
  lost,
  retiring,
}: Pick<MailboxView, 'leavingAt' | 'broken' | 'restoredAt' | 'lost' | 'retiring'>): string {
  if (leavingAt !== null) return `to be left from ${leavingAt.slice(0, 10)} on, once it is empty`
  if (retiring !== null) return 'will end: takes no new messages, move to another'
  if (lost) return 'lost: not reached for a day, move to another'
  if (broken) return 'gave a one-time key away twice: not named to others'
  return restoredAt === null
    ? 'in use'
    : `in use, restored from a backup on ${restoredAt.slice(0, 10)}`
}
