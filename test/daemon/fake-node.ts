// A node without network and store, for tests of the local API and of the commands: contacts, messages and events in memory.

import { Damages } from '../../node/damage.ts'
import { NO_IRREGULARITIES } from '../../node/irregular.ts'
import { SottoError } from '../../node/errors.ts'
import type {
  Contact,
  ContactShort,
  DeliveryState,
  EventsOptions,
  MailboxInfo,
  Message,
  Node,
  NodeEvent,
  SentMessage,
} from '../../node/api.ts'
import type { PeerName } from '../../net/ports.ts'

/** A fixed time, so that what is printed can be compared. */
export const NOW = Date.UTC(2026, 10, 21, 10, 41, 7, 312)
export const NUMBER = '284179033561208771245098213466890712453066197028437551938206'

const ORDER: readonly DeliveryState[] = ['queued', 'stored', 'delivered', 'read']
const peer = (name: string): PeerName => `12D3KooW${name}` as PeerName

type Streamed = NodeEvent & { ack(): Promise<void> }

export class FakeNode implements Node {
  readonly id = { peer: peer('Ada'), name: 'ada', link: 'SOTTO:C/1/ADA' }
  readonly cursors = new Map<string, number>()
  stopped = false
  clock: Node['status']['clock'] = 'agreed'
  rotations = 0
  broken = false
  readonly damages = new Damages()
  copies = 0
  recovery: Node['status']['recovery'] = null
  store: Node['status']['store'] = null
  /** When the mailbox was restored from a backup. */
  restoredAt: number | null = null
  /** What a message reaches at once. */
  reach: DeliveryState = 'delivered'
  readonly #contacts = new Map<string, Contact>()
  readonly #messages = new Map<string, Message>()
  readonly #log: NodeEvent[] = []
  readonly #mailboxes: MailboxInfo[] = []
  #news = Promise.withResolvers<void>()

  get status(): Node['status'] {
    return {
      id: this.id,
      startedAt: NOW,
      addresses: ['/ip4/127.0.0.1/tcp/4601'],
      connections: 2,
      bundle: { sequence: this.rotations + 3, expiresAt: NOW + 86_400_000, holders: [peer('Dht')] },
      keys: 'passphrase',
      clock: this.clock,
      mailboxes: this.#mailboxes,
      queue: [],
      contacts: { total: this.#contacts.size, online: 0, unverified: 1, changed: 0 },
      damaged: this.damages.counts,
      store: this.store,
      recovery: this.recovery,
    }
  }

  readonly contacts: Node['contacts'] = {
    add: async (address, options = {}) => {
      if (!address.startsWith('SOTTO:C/')) {
        throw new SottoError('INVALID_ARGUMENT', 'this is no contact link', { hint: 'ask again' })
      }
      return this.#put(options.name ?? address.slice(10).toLowerCase())
    },
    list: () => [...this.#contacts.values()],
    get: (ref) => this.#contact(ref),
    safetyNumber: (ref) => (this.#contact(ref), NUMBER),
    verify: async (ref, number) => {
      if (number.replaceAll(' ', '') !== NUMBER) {
        throw new SottoError('SAFETY_NUMBER_MISMATCH', 'the numbers differ')
      }
      return this.#change(ref, { trust: 'verified', verifiedAt: NOW })
    },
    block: async (ref) => this.#change(ref, { state: 'blocked' }),
    unblock: async (ref) => this.#change(ref, { state: 'accepted' }),
  }

  #change(ref: string, change: Partial<Contact>): Contact {
    const contact: Contact = { ...this.#contact(ref), ...change }
    this.#contacts.set(contact.name, contact)
    return contact
  }

  readonly messages: Node['messages'] = {
    get: async (id) => {
      const message = this.#messages.get(id)
      if (message === undefined) throw new SottoError('MESSAGE_NOT_FOUND', 'no such message')
      return message
    },
    list: async (ref, options = {}) => {
      const { id } = this.#contact(ref)
      const all = [...this.#messages.values()].filter((message) => message.contact === id)
      return all.slice(-(options.limit ?? all.length))
    },
    markRead: async (ids) => {
      for (const id of ids) {
        const message = await this.messages.get(id)
        this.#messages.set(id, { ...message, state: 'read' })
      }
    },
  }

  /** Of a mailbox that is used from now on. */
  lost = false
  retiring: MailboxInfo['retiring'] = null

  readonly mailbox: Node['mailbox'] = {
    use: async (link) => {
      if (!link.startsWith('SOTTO:M/')) throw new SottoError('INVALID_ARGUMENT', 'no mailbox link')
      const info: MailboxInfo = {
        ...{ peer: peer('Box'), addresses: ['/ip4/127.0.0.1/tcp/9'], connected: true },
        ...{ usedBytes: 0, maxBytes: 52_428_800, waiting: 0, oneTimePairs: 100 },
        otherCopies: this.copies,
        broken: this.broken,
        ...{ leavingAt: null, lost: this.lost, retiring: this.retiring },
        restoredAt: this.restoredAt,
      }
      this.#mailboxes.push(info)
      return info
    },
    list: () => this.#mailboxes,
    move: async (link) => {
      const [old] = this.#mailboxes
      if (old === undefined) throw new SottoError('MAILBOX_NOT_FOUND', 'no mailbox of yours')
      this.#mailboxes[0] = { ...old, leavingAt: NOW + 7 * 86_400_000 }
      return this.mailbox.use(link)
    },
    leave: async (ref, { now = false } = {}) => {
      const at = this.#mailboxes.findIndex(({ peer: name }) => name.endsWith(ref))
      const old = this.#mailboxes[at]
      if (old === undefined) throw new SottoError('MAILBOX_NOT_FOUND', 'no mailbox of yours')
      this.#mailboxes[at] = { ...old, leavingAt: NOW + (now ? 0 : 7 * 86_400_000) }
    },
    test: async () =>
      this.#mailboxes.map(({ peer: mailbox }) => ({
        ...{ mailbox, roundTrip: this.broken ? null : 12 },
        serves: this.broken ? 'unreachable' : 'current',
      })),
  }

  async rotateKeys(): Promise<void> {
    this.rotations += 1
  }

  async confirmClock(): Promise<void> {
    this.clock = 'agreed'
  }

  conversation(ref: string): ReturnType<Node['conversation']> {
    const contact = this.#contact(ref)
    return {
      contact,
      send: async (text) => this.#sent(this.#record(contact, text, 'out', this.reach)),
      history: () => {
        throw new Error('not used')
      },
    }
  }

  /** A message arrives. */
  receive(from: string, text: string): Message {
    const contact = this.#contact(from)
    const message = this.#record(contact, text, 'in', 'delivered')
    this.emit({ type: 'message.received', contact: short(contact), message })
    return message
  }

  /** Appends to the event log and tells the readers. */
  emit(
    event: Extract<NodeEvent, { type: `message.${string}` | `contact.${string}` }> extends infer E
      ? E extends unknown
        ? Omit<E, 'v' | 'seq' | 'at'>
        : never
      : never,
  ): void {
    this.#log.push({ v: 1, seq: this.#log.length + 1, at: NOW, ...event })
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }

  async *events(options: EventsOptions = {}): AsyncGenerator<Streamed> {
    let position = this.#start(options)
    for (;;) {
      const event = this.#log[position++]
      if (event !== undefined) {
        if (options.types?.includes(event.type) ?? true) {
          yield { ...event, ack: async () => this.#ack(options.consumer, event.seq ?? 0) }
        }
        continue
      }
      position--
      await Promise.race([this.#news.promise, aborted(options.signal)])
      if (options.signal?.aborted === true) return
    }
  }

  on(): void {
    throw new Error('not used')
  }

  async stop(): Promise<void> {
    this.stopped = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #start({ consumer, from }: EventsOptions): number {
    if (consumer !== undefined) return this.cursors.get(consumer) ?? 0
    if (typeof from === 'number') return from
    return from === 'start' ? 0 : this.#log.length
  }

  #ack(consumer: string | undefined, seq: number): void {
    if (consumer !== undefined) this.cursors.set(consumer, seq)
  }

  #contact(ref: string): Contact {
    const found = [...this.#contacts.values()].find(({ id, name }) => id === ref || name === ref)
    if (found !== undefined) return found
    throw new SottoError('CONTACT_NOT_FOUND', `there is no contact ${ref}`, {
      hint: 'see them with: sotto contact list',
    })
  }

  #put(name: string): Contact {
    const contact: Contact = {
      ...{ id: `c_${name}`, name, peer: peer(name), trust: 'unverified', state: 'accepted' },
      ...{ path: 'direct', addedAt: NOW, verifiedAt: null, bundle: null, session: null, queued: 0 },
      irregularities: NO_IRREGULARITIES,
      doubted: [],
    }
    this.#contacts.set(name, contact)
    return contact
  }

  #record(contact: Contact, text: string, direction: 'in' | 'out', state: DeliveryState): Message {
    const number = this.#messages.size + 1
    const states = ORDER.slice(0, ORDER.indexOf(state) + 1).map((reached) => ({
      ...{ state: reached, at: reached === 'queued' ? NOW : NOW + 84 },
      ...(reached === 'stored' ? { keptUntil: NOW + 14 * 86_400_000 } : {}),
    }))
    const message: Message = {
      ...{ kind: 'text', id: `m_${number}`, contact: contact.id, direction, seq: number },
      ...{ counter: number, text, sentAt: NOW, recordedAt: NOW, state, states, late: false },
      protection: null,
    }
    this.#messages.set(message.id, message)
    return message
  }

  #sent(message: Message): SentMessage {
    const sent: SentMessage = {
      ...{ id: message.id, seq: message.seq, state: message.state },
      until: async (state, { timeout, signal } = {}) => {
        if (ORDER.indexOf(message.state) >= ORDER.indexOf(state)) return sent
        if (timeout !== undefined) {
          throw new SottoError('WAIT_TIMEOUT', `still not ${state}`, { retryable: true })
        }
        return new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
        })
      },
    }
    return sent
  }
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve()
    signal?.addEventListener('abort', () => resolve(), { once: true })
  })
}

function short({ id, name, trust }: Contact): ContactShort {
  return { id, name, trust }
}
