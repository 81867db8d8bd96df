// The methods of the local API, one function each. The socket and a node inside a command use this same table, so both answer
// the same.

import { SottoError } from '../node/errors.ts'
import type { EventType, Node, SentMessage } from '../node/api.ts'
import type { BoundMethods } from './connection.ts'
import type { JsonObject } from './json.ts'
import { either, flag, integer, listOf, oneOf, optional, readParams, text } from './params.ts'
import { API_VERSION } from './method-types.ts'
import type { MethodName, PageView, ResultOf, SentView, WaitState } from './method-types.ts'
import { DetailedError } from './rpc-errors.ts'
import type { Session } from './session.ts'
import { contactView, historyView, mailboxView, messageView, statusView } from './views.ts'
import type { EntryView } from './views.ts'

/** Longest text of one message, in UTF-16 units; the node checks the bytes. */
const MAX_TEXT = 65_536
const MAX_REF = 256
/** A contact link has at most 176 characters, a mailbox link somewhat more. */
const MAX_LINK = 2048
const MAX_WAIT_MS = 366 * 86_400_000
const MAX_LIST = 1000
const MAX_CONSUMER = 64
/** At most 3 bytes per character: a page stays below the 1 MiB of a frame, and the longest message fits. */
const MAX_PAGE_CHARACTERS = 320 * 1024

/** What a method may use besides the node and its parameters. */
export interface MethodContext {
  readonly node: Node
  readonly session: Session
  /** Version of the program that runs the node. */
  readonly version: string
  /** Ends the node after the reply has left. */
  readonly stop: () => void
  /** Aborted when the caller cancels or leaves. */
  readonly signal: AbortSignal
}

/** The table for one client of a node. */
export function nodeMethods(
  node: Node,
  version: string,
): (client: { readonly session: Session; readonly stop: () => void }) => BoundMethods {
  return ({ session, stop }) =>
    Object.fromEntries(
      Object.entries(methods).map(([name, method]) => [
        name,
        (params: unknown, signal: AbortSignal) =>
          method({ node, version, stop, session, signal }, params),
      ]),
    )
}

type Table = {
  readonly [M in MethodName]: (context: MethodContext, params: unknown) => Promise<ResultOf<M>>
}

const ref = text(MAX_REF)
const contactOnly = { contact: ref }
const eventTypes = oneOf<EventType>(
  'message.received',
  'message.state',
  'message.gap',
  'contact.added',
  'contact.requested',
  'contact.blocked',
  'contact.unblocked',
  'node.damaged',
  'node.recovery',
  'contact.trust',
  'contact.session',
  'contact.renewal',
  'contact.irregular',
  'contact.found',
  'node.published',
  'mailbox.connected',
  'mailbox.disconnected',
  'mailbox.lost',
  'mailbox.retiring',
  'mailbox.left',
  'mailbox.broken',
  'mailbox.drained',
  'mailbox.doubted',
  'mailbox.copies',
  'clock.skew',
  'node.store',
)
const seq = integer(0, Number.MAX_SAFE_INTEGER)

/** Every method by name. Each checks its own parameters; all reject with SottoError only. */
export const methods: Table = {
  'meta.hello': async (context, params) => {
    readParams(params, {})
    const names = Object.keys(methods).sort()
    return { version: context.version, api: API_VERSION, pid: process.pid, methods: names }
  },

  'id.get': async ({ node }, params) => {
    readParams(params, {})
    const { peer, name, link } = node.id
    return { peer, name, link }
  },

  'id.card': async ({ node }, params) => {
    readParams(params, { format: optional(oneOf('link')) })
    return { link: node.id.link }
  },

  'contact.add': async ({ node, signal }, params) => {
    const { link, name } = readParams(params, {
      link: text(MAX_LINK),
      name: optional(text(MAX_REF)),
    })
    return contactView(
      await node.contacts.add(link, { ...(name === undefined ? {} : { name }), signal }),
    )
  },

  'contact.list': async ({ node }, params) => {
    readParams(params, {})
    return { contacts: node.contacts.list().map(contactView) }
  },

  'contact.get': async ({ node }, params) => {
    const { contact } = readParams(params, contactOnly)
    return contactView(node.contacts.get(contact))
  },

  'contact.safetyNumber': async ({ node }, params) => {
    const { contact } = readParams(params, contactOnly)
    const { id, name, trust } = node.contacts.get(contact)
    return { contact: { id, name, trust }, number: node.contacts.safetyNumber(id) }
  },

  'contact.confirm': async ({ node }, params) => {
    const checks = { ...contactOnly, method: oneOf('number'), value: text(MAX_REF) }
    const { contact, value } = readParams(params, checks)
    return contactView(await node.contacts.verify(contact, value))
  },

  'contact.block': async ({ node }, params) => {
    const { contact } = readParams(params, contactOnly)
    return contactView(await node.contacts.block(contact))
  },

  'contact.unblock': async ({ node }, params) => {
    const { contact } = readParams(params, contactOnly)
    return contactView(await node.contacts.unblock(contact))
  },

  'message.send': async ({ node, signal }, params) => {
    const {
      to,
      text: body,
      wait,
      timeout,
    } = readParams(params, {
      to: ref,
      text: text(MAX_TEXT),
      wait: optional(oneOf('queued', 'stored', 'delivered', 'read')),
      timeout: optional(integer(0, MAX_WAIT_MS)),
    })
    const sent = await node.conversation(to).send(body, { signal })
    await untilState(node, sent, to, wait ?? 'queued', timeout, signal)
    return sentView(node, sent.id, to)
  },

  'message.get': async ({ node }, params) => {
    const { id } = readParams(params, { id: ref })
    return messageView(await node.messages.get(id))
  },

  'message.list': async ({ node }, params) => {
    const { contact, limit, before } = readParams(params, {
      ...contactOnly,
      limit: optional(integer(1, MAX_LIST)),
      before: optional(ref),
    })
    const entries = (await node.messages.list(contact)).map(historyView)
    return lastPage(entries, before, limit ?? MAX_LIST)
  },

  'message.markRead': async ({ node }, params) => {
    const { ids } = readParams(params, { ids: listOf(ref, MAX_LIST) })
    await node.messages.markRead(ids)
    return { marked: ids.length }
  },

  'mailbox.use': async ({ node, signal }, params) => {
    const { link } = readParams(params, { link: text(MAX_LINK) })
    return mailboxView(await node.mailbox.use(link, { signal }))
  },

  'mailbox.move': async ({ node, signal }, params) => {
    const checks = { link: text(MAX_LINK), from: optional(text(MAX_LINK)) }
    const { link, from } = readParams(params, checks)
    const options = from === undefined ? { signal } : { from, signal }
    return mailboxView(await node.mailbox.move(link, options))
  },

  'mailbox.leave': async ({ node }, params) => {
    const { mailbox, now } = readParams(params, { mailbox: text(MAX_LINK), now: optional(flag) })
    await node.mailbox.leave(mailbox, now === undefined ? {} : { now })
    return { leaving: true }
  },

  'mailbox.test': async ({ node, signal }, params) => {
    readParams(params, {})
    return { mailboxes: await node.mailbox.test({ signal }) }
  },

  'mailbox.list': async ({ node }, params) => {
    readParams(params, {})
    return { mailboxes: node.mailbox.list().map(mailboxView) }
  },

  'node.status': async ({ node }, params) => {
    readParams(params, {})
    return statusView(node.status)
  },

  'node.clock': async ({ node }, params) => {
    const { confirm } = readParams(params, { confirm: optional(flag) })
    if (confirm === true) await node.confirmClock()
    return { clock: node.status.clock }
  },

  'node.rotate': async ({ node }, params) => {
    readParams(params, {})
    await node.rotateKeys()
    return statusView(node.status).bundle
  },

  'node.stop': async ({ stop }, params) => {
    readParams(params, {})
    stop()
    return { stopping: true }
  },

  'event.subscribe': async ({ node, session }, params) => {
    const { types, consumer, from } = readParams(params, {
      types: optional(listOf(eventTypes, 32)),
      consumer: optional(text(MAX_CONSUMER)),
      from: optional(either(oneOf('now', 'start'), seq)),
    })
    const subscription = session.subscribe(node, {
      ...(types === undefined ? {} : { types }),
      ...(consumer === undefined ? {} : { consumer }),
      ...(from === undefined ? {} : { from }),
    })
    return { subscription }
  },

  'event.ack': async ({ session }, params) => {
    const read = readParams(params, {
      consumer: optional(text(MAX_CONSUMER)),
      subscription: optional(seq),
      seq,
    })
    if (read.subscription !== undefined) {
      await session.acknowledge({ subscription: read.subscription }, read.seq)
    } else if (read.consumer !== undefined) {
      await session.acknowledge({ consumer: read.consumer }, read.seq)
    } else {
      throw new SottoError('INVALID_ARGUMENT', 'event.ack needs a consumer or a subscription')
    }
    return { acknowledged: read.seq }
  },
}

/** True when `name` is a method; nothing inherited counts. */
export function isMethod(name: string): name is MethodName {
  return Object.hasOwn(methods, name)
}

/** The newest entries before a message, as many as fit into one frame. */
function lastPage(
  entries: readonly EntryView[],
  before: string | undefined,
  limit: number,
): PageView {
  const end = before === undefined ? entries.length : positionOf(entries, before)
  let start = end
  let room = MAX_PAGE_CHARACTERS
  while (start > 0 && end - start < limit) {
    room -= JSON.stringify(entries[start - 1]).length
    if (room < 0) break
    start--
  }
  return { messages: entries.slice(start, end), more: start > 0 }
}

function positionOf(entries: readonly EntryView[], id: string): number {
  const position = entries.findIndex((entry) => entry.kind === 'text' && entry.id === id)
  if (position >= 0) return position
  throw new SottoError('MESSAGE_NOT_FOUND', 'no such message in this conversation')
}

/** Waits for the state. A miss is an error that carries the message, which stays queued or stored. */
async function untilState(
  node: Node,
  sent: SentMessage,
  to: string,
  state: WaitState,
  timeout: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (state === 'queued') return
  try {
    await sent.until(state, { signal, ...(timeout === undefined ? {} : { timeout }) })
  } catch (cause) {
    if (!(cause instanceof SottoError)) throw cause
    const { code, message, hint, retryable } = cause
    const details = asJson({ message: await sentView(node, sent.id, to) })
    throw new DetailedError(code, message, details, {
      ...{ cause, hint, retryable },
    })
  }
}

async function sentView(node: Node, id: string, to: string): Promise<SentView> {
  const message = messageView(await node.messages.get(id))
  const { id: contactId, name, trust, path } = node.contacts.get(to)
  return { ...message, to: { id: contactId, name, trust, path } }
}

/** What the other end of the socket would read. */
function asJson(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject
}
