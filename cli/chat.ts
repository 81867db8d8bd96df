import { streamEvents } from '../daemon/caller.ts'
import type { Caller } from '../daemon/caller.ts'
import type { ContactView, EventView } from '../daemon/views.ts'
import type { DeliveryState } from '../node/api.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { conversationLine } from './conversation-line.ts'
import { commandFor } from './profile.ts'
import {
  renderDivergence,
  renderReported,
  renderFreshStart,
  renderState,
  renderTrust,
} from './render.ts'
import { sanitizeLine } from './sanitize.ts'
import { withNode } from './with-node.ts'

/** Earlier messages shown when a chat begins. */
const EARLIER = 10

/** After the last line of a pipe: how long its messages may take to leave this machine. */
const LEAVE_MS = 10_000

/** `sotto chat CONTACT`: line mode. Lines of stdin are sent, arriving messages and new states are printed as lines. */
export async function run(context: CliContext, _flags: object, argument?: string): Promise<void> {
  if (context.output.json) {
    throw new SottoError('INVALID_ARGUMENT', 'chat is for people; it has no --json', {
      hint: 'programs use: sotto send, sotto inbox --follow --json',
    })
  }
  await withNode(context, async (node) => {
    const contact = await choose(node, argument)
    await new Chat(context, node, contact).run()
  })
}

async function choose(node: Caller, argument: string | undefined): Promise<ContactView> {
  if (argument !== undefined) return node.call('contact.get', { contact: argument })
  const { contacts } = await node.call('contact.list', {})
  const [only] = contacts
  if (only !== undefined && contacts.length === 1) return only
  throw new SottoError('INVALID_ARGUMENT', 'with whom?', { hint: 'name one: sotto chat CONTACT' })
}

class Chat {
  readonly #context: CliContext
  readonly #node: Caller
  readonly #contact: ContactView
  readonly #stop = new AbortController()
  /** Our messages whose state may still change in a way a person wants to see. */
  readonly #open = new Map<string, DeliveryState>()
  #settled = Promise.withResolvers<void>()

  constructor(context: CliContext, node: Caller, contact: ContactView) {
    this.#context = context
    this.#node = node
    this.#contact = contact
  }

  async run(): Promise<void> {
    await this.#showEarlier()
    const events = this.#watch()
    // The stream ends with the chat; a node that goes away ends the chat.
    events.catch(() => this.#stop.abort())
    try {
      await this.#sendLines()
    } finally {
      this.#stop.abort(new ChatEnded())
    }
    await events.catch((error: unknown) => {
      if (!(error instanceof ChatEnded)) throw error
    })
  }

  async #showEarlier(): Promise<void> {
    const { output, flags } = this.#context
    const { id, name, trust, path, session } = this.#contact
    const title = `${sanitizeLine(name, 32)}  ${renderTrust(trust, output.style)}  ${path}`
    await output.line(`${title}   (/quit ends, /help lists the rest)`)
    const { messages } = await this.#node.call('message.list', { contact: id, limit: EARLIER })
    const unread: string[] = []
    for (const message of messages) {
      if (message.kind !== 'text') continue
      await this.#show(message.direction === 'in' ? name : 'you', message.sentAt, message.text)
      if (message.direction === 'in' && message.state === 'delivered') unread.push(message.id)
    }
    if (unread.length > 0) await this.#node.call('message.markRead', { ids: unread })
    if (session?.freshStart === true) await this.#warn(renderFreshStart(name))
    if (trust !== 'verified') {
      output.hint(commandFor(flags, `contact verify ${sanitizeLine(name, 32)}`))
    }
  }

  async #sendLines(): Promise<void> {
    const { input } = this.#context
    const signal = AbortSignal.any([this.#context.signal, this.#stop.signal])
    const lines = input.lines('the chat')
    const close = (): void => lines.close()
    signal.addEventListener('abort', close, { once: true })
    for await (const line of lines) {
      if (line.startsWith('/')) {
        if (line.trim() === '/quit') return
        await this.#command(line.trim())
      } else if (line.trim() !== '') await this.#send(line)
    }
    signal.removeEventListener('abort', close)
    if (!signal.aborted) await this.#untilLeft()
  }

  async #command(line: string): Promise<void> {
    const { output } = this.#context
    if (line === '/help')
      await output.line('/quit   /status   a line is sent; // sends a leading /')
    else if (line.startsWith('//')) await this.#send(line.slice(1))
    else if (line === '/status') {
      const { path, queued } = await this.#node.call('contact.get', { contact: this.#contact.id })
      await output.line(`path: ${path}   queued: ${queued}`)
    } else await output.line(`unknown: ${sanitizeLine(line, 40)}   /help lists what there is`)
  }

  async #send(text: string): Promise<void> {
    try {
      const sent = await this.#node.call('message.send', { to: this.#contact.id, text })
      if (this.#open.get(sent.id) === undefined) this.#open.set(sent.id, sent.state)
      this.#settle(sent.id, sent.state)
    } catch (error) {
      // A message that is refused does not end the conversation: say why and read on.
      if (!(error instanceof SottoError) || error.code === 'NODE_STOPPED') throw error
      await this.#context.output.line(
        `${renderState('failed', this.#context.output.style)}: ${sanitizeLine(error.message)}`,
      )
    }
  }

  async #watch(): Promise<void> {
    const types = [
      'message.received',
      'message.state',
      'contact.session',
      'contact.renewal',
    ] as const
    const signal = AbortSignal.any([this.#context.signal, this.#stop.signal])
    for await (const received of streamEvents(this.#node, { types }, { signal })) {
      await this.#event(received.event)
      await received.ack()
    }
  }

  async #event(event: EventView): Promise<void> {
    if (!('contact' in event) || event.contact?.id !== this.#contact.id) return
    if (event.type === 'message.received') {
      await this.#show(event.contact.name, event.message.sentAt, event.message.text)
      await this.#node.call('message.markRead', { ids: [event.message.id] })
    } else if (event.type === 'message.state') {
      const { output } = this.#context
      if (event.to !== 'queued') {
        await output.line(`       ${renderState(event.to, output.style, event.reason)}`)
      }
      this.#settle(event.messageId, event.to)
    } else if (event.type === 'contact.session' && event.session.freshStart) {
      await this.#warn(renderFreshStart(event.contact.name))
    } else if (event.type === 'contact.renewal' && event.reason === 'diverged') {
      await this.#warn(renderDivergence(event.contact.name))
    } else if (event.type === 'contact.irregular' && event.what === 'reported') {
      await this.#warn(renderReported(event.contact.name))
    }
  }

  async #warn(line: string): Promise<void> {
    await this.#context.output.line(`       ${line}`)
  }

  async #show(name: string, sentAt: string, text: string): Promise<void> {
    await this.#context.output.line(conversationLine(name, sentAt, text))
  }

  #settle(id: string, state: DeliveryState): void {
    if (state === 'queued') this.#open.set(id, state)
    else this.#open.delete(id)
    if (this.#open.size > 0) return
    this.#settled.resolve()
    this.#settled = Promise.withResolvers()
  }

  async #untilLeft(): Promise<void> {
    if (this.#open.size === 0) return
    const limit = AbortSignal.timeout(this.#context.flags.timeout ?? LEAVE_MS)
    const late = new Promise<void>((resolve) => {
      limit.addEventListener('abort', () => resolve(), { once: true })
    })
    await Promise.race([this.#settled.promise, late])
    if (this.#open.size > 0) this.#context.output.talk(`${this.#open.size} messages stay queued.`)
  }
}

/** Why the event stream was ended: the person is done. */
class ChatEnded extends Error {}
