// The public face of a node: checks what callers give, and hands out plain frozen values. Everything it does is done by the
// core (core.ts); see api.ts for what each member promises.

import { MAX_TEXT_BYTES } from '../protocol/content.ts'
import { encodeContactLink } from '../protocol/link.ts'
import { safetyNumber } from '../protocol/safety-number.ts'
import { addressBytes } from '../net/address.ts'
import { accountOf, peerName } from '../net/peer-name.ts'
import type { Operation } from '../net/records.ts'
import { StoreError } from '../net/store-error.ts'
import type {
  Contact,
  ContactId,
  Contacts,
  Conversation as PublicConversation,
  EventOf,
  EventsOptions,
  EventType,
  HistoryEntry,
  Identity,
  Mailboxes,
  MessageId,
  Messages,
  Node,
  SendOptions,
  SentMessage,
  Status,
} from './api.ts'
import { parseAddress } from './address.ts'
import { composeReceipts, encryptWaiting } from './compose.ts'
import { contactShort, defaultName, trustNumber } from './contact.ts'
import type { Conversation } from './conversation.ts'
import type { ChatCore } from './core.ts'
import { SottoError } from './errors.ts'
import type { DeliveredEvent } from './event-log.ts'
import { history } from './history.ts'
import { keys } from './keys.ts'
import { advance, encodeMessage, messageIdText, stateOf, type StoredMessage } from './message.ts'
import { MAX_OUTBOX_ENTRIES } from './outbox.ts'
import { describeSession } from './session-info.ts'

export interface ChatNodeInit {
  readonly core: ChatCore
  /** Multiaddrs under which we can be reached, with or without /p2p/. */
  readonly addresses: () => readonly string[]
  /** Open connections of any kind. */
  readonly connections: () => number
  /** Ends what runs below the core. */
  readonly close: () => Promise<void>
}

/** A name is shown in lists and prompts. */
const MAX_NAME_CHARACTERS = 64

/** Addresses of ours in a link; it is kept short enough for a QR code. */
const LINK_ADDRESSES = 2

export class ChatNode implements Node {
  readonly contacts: Contacts
  readonly messages: Messages
  readonly mailbox: Mailboxes
  readonly #core: ChatCore
  readonly #init: ChatNodeInit
  readonly #startedAt: number
  #stopping: Promise<void> | undefined

  constructor(init: ChatNodeInit) {
    this.#init = init
    this.#core = init.core
    this.#startedAt = init.core.clock.now()
    this.contacts = {
      add: (address, options) => this.#add(address, options?.name),
      list: () => this.#core.book.all().map((conversation) => this.#contact(conversation)),
      get: (ref) => this.#contact(this.#core.book.find(ref)),
      safetyNumber: (ref) => this.#safetyNumber(this.#core.book.find(ref)),
      verify: (ref, number) => this.#verify(this.#core.book.find(ref), number),
    }
    this.messages = {
      get: (id) => plainly(this.#core.reader.message(id)),
      list: (ref, options) => this.#list(ref, options?.limit),
      markRead: (ids) => this.#markRead(ids),
    }
    this.mailbox = {
      use: (link, options) => plainly(this.#core.ownMailboxes.use(link, options ?? {})),
      list: () => this.#core.ownMailboxes.list(),
    }
  }

  get id(): Identity {
    const { core } = this.#init
    const peer = peerName(core.account.key)
    return { peer, name: core.name, link: this.#link() }
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
      mailboxes: this.mailbox.list(),
      queue: this.#queue(),
      contacts: {
        total: contacts.length,
        online: contacts.filter(({ path }) => path.startsWith('direct')).length,
        unverified: contacts.filter(({ trust }) => trust === 'unverified').length,
        changed: contacts.filter(({ trust }) => trust === 'changed').length,
      },
    }
  }

  conversation(ref: string): PublicConversation {
    const conversation = this.#core.book.find(ref)
    const describe = (): Contact => this.#contact(conversation)
    return {
      get contact() {
        return describe()
      },
      send: (text, options) => this.#send(conversation, text, options ?? {}),
      history: () => history(this.#core.records, conversation.id),
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
    this.#stopping ??= this.#core.stop().then(() => this.#init.close())
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #link(): string {
    const mailboxes = this.#core.ownMailboxes.list().flatMap(({ peer, addresses: [address] }) => {
      return address === undefined
        ? []
        : [{ account: accountOf(peer), address: linkBytes(address) }]
    })
    const addresses = this.#init.addresses().slice(0, LINK_ADDRESSES).map(linkBytes)
    return encodeContactLink({ account: this.#core.account.key, mailboxes, addresses })
  }

  #queue(): Status['queue'] {
    return this.#core.book.all().flatMap((conversation) => {
      const waiting = waitingOf(conversation)
      const [oldest] = waiting
      if (oldest === undefined) return []
      const contact = contactShort(conversation.contact)
      return [{ contact, count: waiting.length, oldestAt: oldest.createdAt }]
    })
  }

  #contact(conversation: Conversation): Contact {
    const { contact } = conversation
    const { bundle } = contact
    return Object.freeze({
      id: contact.id,
      name: contact.name,
      peer: contact.peer,
      trust: contact.trust,
      state: contact.state,
      path: this.#path(conversation),
      addedAt: contact.addedAt,
      verifiedAt: contact.verifiedAt === 0 ? null : contact.verifiedAt,
      bundle:
        bundle === undefined
          ? null
          : {
              sequence: bundle.verified.sequence,
              path: bundle.path,
              from: bundle.from,
              mailboxes: bundle.verified.mailboxes.length,
            },
      session: describeSession(conversation.sessions),
      queued: waitingOf(conversation).length,
    })
  }

  #path({ contact }: Conversation): Contact['path'] {
    if (this.#core.wire.isConnected(contact.peer)) return 'direct'
    const mailboxes = contact.bundle?.verified.mailboxes.length ?? contact.mailboxes.length
    return mailboxes > 0 ? 'mailbox only' : 'offline'
  }

  async #add(address: string, name: string | undefined): Promise<Contact> {
    const parsed = parseAddress(address)
    if (peerName(parsed.account) === peerName(this.#core.account.key)) {
      throw new SottoError('INVALID_ARGUMENT', 'this address is your own', {
        hint: 'ask the other person for the output of: sotto id',
      })
    }
    if (name !== undefined) this.#checkName(name, parsed.account)
    const known = this.#core.book.byAccount(parsed.account)
    const conversation =
      known ??
      this.#core.book.fresh({
        ...parsed,
        name: name ?? defaultName(peerName(parsed.account)),
        state: 'accepted',
      })
    await plainly(
      conversation.step((draft) => {
        const before = draft.contact
        draft.patch({
          state: 'accepted',
          name: name ?? before.name,
          addresses: parsed.addresses.length > 0 ? parsed.addresses : before.addresses,
          mailboxes: parsed.mailboxes.length > 0 ? parsed.mailboxes : before.mailboxes,
        })
        if (known === undefined || before.state === 'requested') {
          draft.events.push({ event: { type: 'contact.added', at: draft.now, contact: before.id } })
        }
      }),
    )
    this.#core.welcome(conversation)
    return this.#contact(conversation)
  }

  #checkName(name: string, account: Uint8Array): void {
    if (name.trim() === '' || name.length > MAX_NAME_CHARACTERS || /^(c_|12D3KooW)/.test(name)) {
      throw new SottoError('INVALID_ARGUMENT', 'this is no usable name', {
        hint: `a name has 1 to ${MAX_NAME_CHARACTERS} characters and does not look like an id`,
      })
    }
    const other = this.#core.book.all().find(({ contact }) => contact.name === name)
    if (
      other !== undefined &&
      other.contact.peer !== peerName(accountOf(peerName(account as never)))
    ) {
      throw new SottoError('INVALID_ARGUMENT', 'another contact already has this name', {
        hint: 'choose another with --name',
      })
    }
  }

  #safetyNumber({ contact }: Conversation): string {
    return safetyNumber(this.#core.account.key, contact.account)
  }

  async #verify(conversation: Conversation, number: string): Promise<Contact> {
    if (number.replace(/\s/g, '') !== this.#safetyNumber(conversation)) {
      throw new SottoError('SAFETY_NUMBER_MISMATCH', 'the safety numbers differ', {
        hint: 'compare again, digit by digit; if they still differ, this may not be the person you think',
      })
    }
    await plainly(
      conversation.step((draft) => {
        const { trust, id } = draft.contact
        draft.patch({ trust: 'verified', verifiedAt: draft.now })
        encryptWaiting(draft, conversation)
        if (trust === 'verified') return
        draft.events.push({
          event: {
            type: 'contact.trust',
            at: draft.now,
            contact: id,
            trustFrom: trustNumber(trust),
            trustTo: trustNumber('verified'),
          },
        })
      }),
    )
    return this.#contact(conversation)
  }

  async #send(
    conversation: Conversation,
    text: string,
    options: SendOptions,
  ): Promise<SentMessage> {
    options.signal?.throwIfAborted()
    checkText(text)
    checkTrust(conversation, options.requireVerified ?? false)
    if (conversation.outbox.size >= MAX_OUTBOX_ENTRIES) {
      throw new SottoError('QUOTA_EXCEEDED', 'too many messages wait for this contact', {
        hint: 'wait until the contact has been online, or give both of you a mailbox',
        retryable: true,
      })
    }
    return this.#sent(await plainly(conversation.send(text)))
  }

  #sent(message: StoredMessage): SentMessage {
    const { waiters } = this.#core
    return Object.freeze({
      id: messageIdText(message.id),
      seq: message.seq,
      state: stateOf(message),
      until: async (state, options = {}) => {
        const { message: now } = await this.#core.reader.find(messageIdText(message.id))
        return this.#sent(await waiters.until(now, state, options))
      },
    } satisfies SentMessage)
  }

  async #list(ref: string, limit: number | undefined): Promise<readonly HistoryEntry[]> {
    const { id } = this.#core.book.find(ref)
    const entries: HistoryEntry[] = []
    for await (const entry of history(this.#core.records, id)) {
      entries.push(entry)
      if (limit !== undefined && entries.length > limit) entries.shift()
    }
    return entries
  }

  async #markRead(ids: readonly MessageId[]): Promise<void> {
    const byConversation = new Map<Conversation, StoredMessage[]>()
    for (const id of ids) {
      const { conversation, message } = await plainly(this.#core.reader.find(id))
      const unread = !message.outgoing && stateOf(message) === 'delivered'
      if (!unread) continue
      byConversation.set(conversation, [...(byConversation.get(conversation) ?? []), message])
    }
    for (const [conversation, messages] of byConversation) {
      await plainly(markRead(conversation, messages))
    }
  }
}

function markRead(conversation: Conversation, messages: readonly StoredMessage[]): Promise<void> {
  return conversation.step((draft) => {
    for (const message of messages)
      draft.operations.push(...readOperation(conversation.id, message, draft.now))
    if (draft.contact.state !== 'accepted') return // strangers learn nothing
    composeReceipts(
      draft,
      conversation,
      'read-receipt',
      messages.map(({ id }) => id),
    )
    encryptWaiting(draft, conversation)
  })
}

function readOperation(
  contact: ContactId,
  message: StoredMessage,
  at: number,
): readonly Operation[] {
  const read = advance(message, { state: 'read', at })
  if (read === undefined) return []
  const key = keys.receivedMessage(contact, message.counter, message.id)
  return [{ type: 'put', key, value: encodeMessage(read) }]
}

function waitingOf(conversation: Conversation): readonly { readonly createdAt: number }[] {
  return [...conversation.outbox.values()].filter(({ messageId: id }) => id.length > 0)
}

function checkText(text: string): void {
  const size = new TextEncoder().encode(text).length
  if (size === 0 || !text.isWellFormed()) {
    throw new SottoError('INVALID_ARGUMENT', 'a message needs text, in well-formed Unicode')
  }
  if (size > MAX_TEXT_BYTES) {
    throw new SottoError('TOO_LARGE', `a text has at most ${MAX_TEXT_BYTES} bytes`, {
      hint: 'send it in parts',
    })
  }
}

function checkTrust({ contact }: Conversation, requireVerified: boolean): void {
  if (contact.trust === 'changed') {
    throw new SottoError('KEY_CHANGED', 'the key of this verified contact has changed', {
      hint: 'compare again: sotto contact verify NAME',
    })
  }
  if (requireVerified && contact.trust !== 'verified') {
    throw new SottoError('NOT_VERIFIED', 'this contact is not verified', {
      hint: 'compare the safety number: sotto contact verify NAME',
    })
  }
}

/** What went wrong below, in the words of the interface. */
async function plainly<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause
    if (cause.code === 'ERR_FULL') {
      throw new SottoError('DISK_FULL', 'the disk is full; nothing was accepted', {
        cause,
        hint: 'free some space and try again',
        retryable: true,
      })
    }
    if (cause.code === 'ERR_CLOSED')
      throw new SottoError('NODE_STOPPED', 'the node has stopped', { cause })
    throw new SottoError('STORE_DAMAGED', 'the store could not be read or written', { cause })
  }
}

/** An address as it stands in a link: without the peer at its end. */
function linkBytes(address: string): Uint8Array {
  return addressBytes(address.replace(/\/p2p\/[^/]+$/, ''))
}
