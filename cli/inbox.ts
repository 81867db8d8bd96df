import { streamEvents } from '../daemon/caller.ts'
import type { Caller, ReceivedEvent } from '../daemon/caller.ts'
import type { ContactView, EntryView } from '../daemon/views.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { conversationLine } from './conversation-line.ts'
import { safeJson, sanitizeLine } from './sanitize.ts'
import { settled } from './settled.ts'
import { withNode } from './with-node.ts'

export interface InboxFlags {
  readonly follow: boolean
  readonly consumer?: string | undefined
  readonly keepUnread: boolean
}

type Entry = EntryView

const PAGE = 200

/** `sotto inbox`: what is unread; with --follow the stream of what arrives. What was shown counts as read. */
export async function run(context: CliContext, flags: InboxFlags): Promise<void> {
  if (flags.consumer !== undefined && !flags.follow) {
    throw new SottoError('INVALID_ARGUMENT', '--consumer belongs to --follow')
  }
  await withNode(context, async (node) => {
    if (flags.follow) return follow(context, node, flags)
    await settled(context, node)
    await showUnread(context, node, flags)
  })
}

/**
 * A record counts as handled only after it was written to stdout and flushed: it may come again after a crash, with the same
 * `seq`, and none is left out.
 */
async function follow(context: CliContext, node: Caller, flags: InboxFlags): Promise<void> {
  const consumer = flags.consumer === undefined ? {} : { consumer: flags.consumer }
  const wanted = { types: ['message.received'], ...consumer } as const
  for await (const received of streamEvents(node, wanted, { signal: context.signal })) {
    await writeRecord(context, received)
    if (!flags.keepUnread) await markRead(node, received)
    await received.ack()
  }
}

async function writeRecord({ output }: CliContext, { event }: ReceivedEvent): Promise<void> {
  if (output.json) return output.line(safeJson(event))
  if (event.type !== 'message.received') return
  const { contact, message } = event
  await output.line(conversationLine(contact.name, message.sentAt, message.text))
}

async function markRead(node: Caller, { event }: ReceivedEvent): Promise<void> {
  if (event.type !== 'message.received') return
  await node.call('message.markRead', { ids: [event.message.id] })
}

async function showUnread(context: CliContext, node: Caller, flags: InboxFlags): Promise<void> {
  const { output } = context
  const { contacts } = await node.call('contact.list', {})
  const found = []
  for (const contact of contacts) found.push({ contact, entries: await unreadOf(node, contact) })

  const messages = found.flatMap(({ contact, entries }) =>
    entries.map((message) => ({ contact: short(contact), message })),
  )
  if (messages.length === 0 && !output.json) {
    output.talk('Nothing new.')
    return
  }
  await output.result({ messages }, messages.map(renderEntry).join('\n'))
  if (!flags.keepUnread)
    await markAllRead(
      node,
      messages.map(({ message }) => message),
    )
}

/** Unread messages and the gaps between them, oldest first. */
async function unreadOf(node: Caller, { id }: ContactView): Promise<readonly Entry[]> {
  const pages: (readonly Entry[])[] = []
  for (let before: { before?: string } = {}; ;) {
    const page = await node.call('message.list', { contact: id, limit: PAGE, ...before })
    const oldest = page.messages.find((entry) => entry.kind === 'text')
    pages.unshift(page.messages.filter((entry) => entry.kind !== 'text' || isUnread(entry)))
    if (!page.more || !page.messages.some(isUnread) || oldest === undefined) break
    before = { before: oldest.id }
  }
  // Old gaps were shown with the messages around them: only those beside news count.
  const entries = pages.flat()
  const first = entries.findIndex(isUnread)
  if (first < 0) return []
  return entries.slice(entries[first - 1]?.kind === 'text' ? first : Math.max(0, first - 1))
}

function isUnread(entry: Entry): boolean {
  return entry.kind === 'text' && entry.direction === 'in' && entry.state === 'delivered'
}

async function markAllRead(node: Caller, entries: readonly Entry[]): Promise<void> {
  const ids = entries.flatMap((entry) => (entry.kind === 'text' ? [entry.id] : []))
  for (let at = 0; at < ids.length; at += PAGE) {
    await node.call('message.markRead', { ids: ids.slice(at, at + PAGE) })
  }
}

function short({ id, name, trust }: ContactView): Pick<ContactView, 'id' | 'name' | 'trust'> {
  return { id, name, trust }
}

function renderEntry(item: {
  readonly contact: { readonly name: string }
  readonly message: Entry
}): string {
  const { contact, message } = item
  if (message.kind === 'text') return conversationLine(contact.name, message.sentAt, message.text)
  if (message.kind === 'damaged') return '       (a message that the disk does not give back)'
  const count = message.to - message.from + 1
  const fate = message.state === 'open' ? 'did not arrive yet' : 'will not arrive'
  return `       (${count} of ${sanitizeLine(contact.name, 32)}'s messages ${fate})`
}
