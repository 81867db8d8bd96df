import type { ContactView } from '../daemon/views.ts'
import type { CliContext } from './context.ts'
import { commandFor } from './profile.ts'
import { renderTable, renderTrust, shortPeer } from './render.ts'
import type { Style } from './render.ts'
import { withNode } from './with-node.ts'

/** `sotto contact list` */
export async function run(context: CliContext): Promise<void> {
  const { output } = context
  const { contacts } = await withNode(context, (node) => node.call('contact.list', {}))
  if (contacts.length === 0 && !output.json) {
    output.talk(`No contacts yet. Add one: ${commandFor(context.flags, 'contact add LINK')}`)
    return
  }
  await output.result({ contacts }, renderContacts(contacts, output.style))
}

/** Colour would count as width, so the table is plain: the trust column has its word. */
function renderContacts(contacts: readonly ContactView[], style: Style): string {
  const plain = { ...style, colour: false }
  const header = ['NAME', 'TRUST', 'PATH', 'QUEUE', 'STATE', 'PEER']
  const rows = contacts.map(({ name, trust, path, queued, state, session, peer }) => [
    ...[name, renderTrust(trust, plain), path, String(queued)],
    session?.freshStart === true ? `${state}, started afresh` : state,
    shortPeer(peer, plain),
  ])
  return renderTable([header, ...rows])
}
