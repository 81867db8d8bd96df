// Somebody who writes at a steady pace, marks as read what comes, and counts.
import type { Node } from '../../node/api.ts'

/** Of one process, since it was started. */
export interface Counts {
  readonly sent: number
  readonly received: number
  /** Texts of ours that were delivered, by the way on which they were. */
  readonly direct: number
  readonly mailbox: number
}

export interface ChatOrder {
  readonly do: 'chat'
  readonly to: string
  /** The texts begin with it, and a number follows. */
  readonly prefix: string
  /** Ms from one to the next. */
  readonly every: number
}

/** Somebody who is away gets so many, and then one for each that is delivered. */
const MOST_QUEUED = 200

const LONGEST_TEXT = 400

const PATIENCE_MS = 60_000

export class Chatter {
  readonly #node: Node
  readonly #tell: (told: { readonly accepted: string } | { readonly shown: string }) => void
  readonly #talks: Promise<void>[] = []
  #talking = new AbortController()
  #counts = { sent: 0, received: 0, direct: 0, mailbox: 0 }

  constructor(
    node: Node,
    tell: (told: { readonly accepted: string } | { readonly shown: string }) => void,
  ) {
    this.#node = node
    this.#tell = tell
    node.on('message.state', ({ to, path }) => {
      if (to === 'delivered' && path !== undefined) this.#counts[path]++
    })
  }

  get counts(): Counts {
    return this.#counts
  }

  /** Marks as read what comes, until the node stops. */
  async read(): Promise<void> {
    const events = this.#node.events({ types: ['message.received'], consumer: 'reader' })
    for await (const event of events) {
      if (event.type !== 'message.received') continue
      this.#counts.received++
      this.#tell({ shown: event.message.text })
      await this.#node.messages.markRead([event.message.id])
      await event.ack()
    }
  }

  chat(order: ChatOrder): void {
    this.#talks.push(this.#talk(order, this.#talking.signal))
  }

  /** Says no more; resolves when nothing is being said. */
  async hush(): Promise<void> {
    this.#talking.abort()
    await Promise.all(this.#talks.splice(0))
    this.#talking = new AbortController()
  }

  /** Says something, and waits until it is delivered. */
  async say(to: string, texts: readonly string[]): Promise<void> {
    for (const text of texts) {
      const sent = await this.#send(to, text)
      await sent.until('delivered', { timeout: PATIENCE_MS })
    }
  }

  async #talk({ to, prefix, every }: ChatOrder, hushed: AbortSignal): Promise<void> {
    for (let serial = 0; !hushed.aborted; serial++) {
      const filling = '.'.repeat((serial * 37) % LONGEST_TEXT)
      await this.#send(to, `${prefix}${serial} ${filling}`)
      do await pause(every)
      while (!hushed.aborted && this.#node.contacts.get(to).queued > MOST_QUEUED)
    }
  }

  async #send(to: string, text: string) {
    const sent = await this.#node.conversation(to).send(text)
    this.#counts.sent++
    this.#tell({ accepted: text })
    return sent
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
