// Looks up messages and turns records of the event log into events.

import { fromHex } from '../protocol/bytes.ts'
import type { EventRecord, StoredDamage } from '../protocol/generated/store_pb.ts'
import { toInteger } from '../protocol/protobuf.ts'
import type { Records } from '../net/records.ts'
import type { Message, MessageId, NodeEvent, StateChange } from './api.ts'
import { readPointer } from './compose.ts'
import { contactShort, trustFrom } from './contact.ts'
import type { ContactBook } from './contacts.ts'
import type { Conversation } from './conversation.ts'
import { soundly, type Damages } from './damage.ts'
import { SottoError } from './errors.ts'
import { keys } from './keys.ts'
import {
  decodeMessage,
  decodeStateChange,
  messageIdText,
  publicMessage,
  type StoredMessage,
} from './message.ts'
import { reasonOf } from './recovery-note.ts'
import { readDamage } from './stored-damage.ts'
import { readGapState } from './stored-gaps.ts'

export interface FoundMessage {
  readonly conversation: Conversation
  readonly message: StoredMessage
}

export class Reader {
  readonly #records: Records
  readonly #book: ContactBook
  readonly #damages: Damages

  constructor(records: Records, book: ContactBook, damages: Damages) {
    this.#damages = damages
    this.#records = records
    this.#book = book
  }

  /** A message by the text of its id. SottoError INVALID_ARGUMENT, MESSAGE_NOT_FOUND. */
  async find(id: MessageId): Promise<FoundMessage> {
    const bytes = parseMessageId(id)
    const sent = await this.#pointed(keys.sentId(bytes))
    if (sent !== undefined) {
      const conversation = this.#book.byId(sent.contact)
      const message = await conversation?.sentMessage(bytes)
      if (conversation !== undefined && message !== undefined) return { conversation, message }
    }
    for (const conversation of this.#book.all()) {
      const message = await this.#received(conversation, bytes)
      if (message !== undefined) return { conversation, message }
    }
    throw new SottoError('MESSAGE_NOT_FOUND', 'there is no message with this id')
  }

  async message(id: MessageId): Promise<Message> {
    const { conversation, message } = await this.find(id)
    return publicMessage(conversation.id, message)
  }

  /** The event that a record tells of; undefined for kinds of a newer version and for contacts that are gone. */
  readonly describe = async (seq: number, record: EventRecord): Promise<NodeEvent | undefined> => {
    if (record.damage !== undefined) return this.#damage(seq, record, record.damage)
    if (record.recovery !== 0) return describeRecovery(seq, record)
    if (this.#book.byId(record.contact) === undefined) await this.#book.recover()
    const conversation = this.#book.byId(record.contact)
    if (conversation === undefined) return undefined
    const base = {
      v: 1,
      seq,
      at: toInteger(record.at),
      contact: contactShort(conversation.contact),
    } as const
    switch (record.type) {
      case 'message.received': {
        const message = await this.#received(conversation, record.messageId)
        if (message === undefined) return undefined
        return {
          ...base,
          type: 'message.received',
          message: publicMessage(conversation.id, message),
        }
      }
      case 'message.state':
        return describeState(base, record)
      case 'message.gap':
        return record.gap && { ...base, type: record.type, ...readGapState(record.gap) }
      case 'contact.added':
      case 'contact.requested':
      case 'contact.blocked':
      case 'contact.unblocked':
        return { ...base, type: record.type }
      case 'contact.trust':
        return {
          ...base,
          type: 'contact.trust',
          from: trustFrom(record.trustFrom),
          to: trustFrom(record.trustTo),
        }
      default:
        return undefined
    }
  }

  async #received(conversation: Conversation, id: Uint8Array): Promise<StoredMessage | undefined> {
    const at = await this.#pointed(keys.receivedId(conversation.id, id))
    if (at === undefined) return undefined
    const value = await this.#sound(keys.receivedMessage(conversation.id, at.counter, id))
    return value === undefined ? undefined : decodeMessage(value)
  }

  #damage(seq: number, { at, contact: id }: EventRecord, damage: StoredDamage): NodeEvent {
    const contact = this.#book.byId(id)?.contact
    const about = { contact: contact === undefined ? null : contactShort(contact) }
    return { v: 1, seq, at: toInteger(at), type: 'node.damaged', ...about, ...readDamage(damage) }
  }

  /** The value, unless there is none or it is damaged. */
  async #sound(key: string): Promise<Uint8Array | undefined> {
    const value = await soundly(this.#records, key)
    if (value !== 'damaged') return value
    this.#damages.note({ what: 'message', key })
    return undefined
  }

  async #pointed(key: string): Promise<ReturnType<typeof readPointer> | undefined> {
    const value = await this.#sound(key)
    return value === undefined ? undefined : readPointer(value)
  }
}

function describeRecovery(seq: number, record: EventRecord): NodeEvent | undefined {
  const reason = reasonOf(record.recovery)
  const at = toInteger(record.at)
  return reason && { v: 1, seq, at, type: 'node.recovery', reason }
}

type EventHead = Pick<Extract<NodeEvent, { type: 'message.state' }>, 'v' | 'at' | 'contact'> & {
  readonly seq: number
}

function describeState(base: EventHead, record: EventRecord): NodeEvent | undefined {
  if (record.from === undefined || record.to === undefined) return undefined
  const { state: to, reason, path, keptUntil }: StateChange = decodeStateChange(record.to)
  return {
    ...base,
    type: 'message.state',
    messageId: messageIdText(record.messageId),
    from: decodeStateChange(record.from).state,
    to,
    ...(reason === undefined ? {} : { reason }),
    ...(path === undefined ? {} : { path }),
    ...(keptUntil === undefined ? {} : { keptUntil }),
  }
}

function parseMessageId(id: string): Uint8Array {
  if (!/^m_[0-9a-f]{32}$/.test(id)) {
    throw new SottoError('INVALID_ARGUMENT', 'this is not a message id', {
      hint: 'message ids look like m_ and 32 hexadecimal digits',
    })
  }
  return fromHex(id.slice(2))
}
