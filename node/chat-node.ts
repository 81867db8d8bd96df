// The public face of a node: plain frozen values over the core (core.ts). api.ts says what each member promises.

import { encodeContactLink } from '../protocol/link.ts'
import { addressBytes } from '../net/address.ts'
import { accountOf, peerName } from '../net/peer-name.ts'
import type {
  Contacts,
  Conversation,
  EventOf,
  EventsOptions,
  EventType,
  Identity,
  KeyProtection,
  Mailboxes,
  Messages,
  Node,
  Status,
} from './api.ts'
import { contactShort } from './contact.ts'
import { ContactsFace } from './contacts-face.ts'
import type { ChatCore } from './core.ts'
import type { DeliveredEvent } from './event-log.ts'
import { history } from './history.ts'
import { MailboxFace } from './mailbox-face.ts'
import { MessagesFace } from './messages-face.ts'
import { plainly, PROBLEMS } from './plainly.ts'

export interface ChatNodeInit {
  readonly core: ChatCore
  /** Null: only whoever made the node knows. @default null */
  readonly protection?: KeyProtection | null
  /** Multiaddrs under which we can be reached, with or without /p2p/. */
  readonly addresses: () => readonly string[]
  /** Open connections of any kind. */
  readonly connections: () => number
  /** Ends what runs below the core. */
  readonly close: () => Promise<void>
}

/** Addresses of ours in a link; it is kept short enough for a QR code. */
const LINK_ADDRESSES = 2

export class ChatNode implements Node {
  readonly contacts: Contacts
  readonly messages: Messages
  readonly mailbox: Mailboxes
  readonly #core: ChatCore
  readonly #init: ChatNodeInit
  readonly #contacts: ContactsFace
  readonly #messages: MessagesFace
  readonly #startedAt: number
  #stopping: Promise<void> | undefined

  constructor(init: ChatNodeInit) {
    const { core } = init
    this.#init = init
    this.#core = core
    this.#startedAt = core.clock.now()
    this.contacts = this.#contacts = new ContactsFace(core)
    this.messages = this.#messages = new MessagesFace(core)
    this.mailbox = new MailboxFace(core)
  }

  get id(): Identity {
    const { name, account } = this.#core
    return { peer: peerName(account.key), name, link: this.#link() }
  }

  get status(): Status {
    const contacts = this.contacts.list()
    const { bundle } = this.#core.ownKeys
    return {
      id: this.id,
      startedAt: this.#startedAt,
      addresses: this.#init.addresses(),
      connections: this.#init.connections(),
      bundle: {
        sequence: bundle.sequence,
        expiresAt: bundle.expiresAt,
        holders: this.#core.publisher.last?.holders ?? [],
      },
      keys: this.#init.protection ?? null,
      clock: this.#core.clockState,
      store: this.#trouble(),
      mailboxes: this.mailbox.list(),
      queue: this.#queue(),
      contacts: {
        total: contacts.length,
        online: contacts.filter(({ path }) => path.startsWith('direct')).length,
        unverified: contacts.filter(({ trust }) => trust === 'unverified').length,
        changed: contacts.filter(({ trust }) => trust === 'changed').length,
      },
      damaged: this.#core.damages.counts,
      recovery: this.#recovery(),
    }
  }

  #trouble(): Status['store'] {
    const { trouble } = this.#core.records
    return trouble === undefined
      ? null
      : { problem: PROBLEMS[trouble.error.code], since: trouble.since }
  }

  #recovery(): Status['recovery'] {
    const { last } = this.#core.continuity
    if (last === undefined) return null
    const waiting = this.#core.book
      .all()
      .filter(({ contact }) => contact.renewal.wanted?.reason === 'recovery')
    return { ...last, waiting: waiting.length }
  }

  rotateKeys(): Promise<void> {
    return plainly(this.#core.rotate())
  }

  confirmClock(): Promise<void> {
    return plainly(this.#core.confirmClock())
  }

  conversation(ref: string): Conversation {
    const { records, damages, book } = this.#core
    const conversation = book.find(ref)
    const describe = (): Conversation['contact'] => this.#contacts.describe(conversation)
    return {
      get contact() {
        return describe()
      },
      send: (text, options) => this.#messages.send(conversation, text, options),
      history: ({ signal } = {}) => history(records, conversation, { damages, signal }),
    }
  }

  events(options?: EventsOptions): AsyncIterable<DeliveredEvent> {
    return this.#core.events.events(options)
  }

  on<T extends EventType>(
    type: T,
    listener: (event: EventOf<T>) => void,
    options?: { readonly signal?: AbortSignal },
  ): void {
    this.#core.events.on(type, listener, options)
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    try {
      await this.#core.stop()
    } finally {
      await this.#init.close()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #link(): string {
    const mailboxes = this.mailbox
      .list()
      .flatMap(({ peer, addresses: [address], broken, leavingAt }) => {
        if (address === undefined || broken || leavingAt !== null) return []
        return [{ account: accountOf(peer), address: linkBytes(address) }]
      })
    const addresses = this.#init.addresses().slice(0, LINK_ADDRESSES).map(linkBytes)
    return encodeContactLink({ account: this.#core.account.key, mailboxes, addresses })
  }

  #queue(): Status['queue'] {
    return this.#core.book.all().flatMap((conversation) => {
      const waiting = conversation.waiting()
      const [oldest] = waiting
      if (oldest === undefined) return []
      const contact = contactShort(conversation.contact)
      return [{ contact, count: waiting.length, oldestAt: oldest.createdAt }]
    })
  }
}

/** An address as it stands in a link: without the peer at its end. */
function linkBytes(address: string): Uint8Array {
  return addressBytes(address.replace(/\/p2p\/[^/]+$/, ''))
}
