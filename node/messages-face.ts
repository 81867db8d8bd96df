// `node.messages` and `node.conversation(…)`: what api.ts promises of them.

import { MAX_TEXT_BYTES } from '../protocol/content.ts'
import { utf8 } from '../protocol/bytes.ts'
import type { Operation } from '../net/records.ts'
import type {
  ContactId,
  HistoryEntry,
  Message,
  MessageId,
  Messages,
  SendOptions,
  SentMessage,
} from './api.ts'
import { composeReceipts, encryptWaiting } from './compose.ts'
import type { Conversation } from './conversation.ts'
import type { ChatCore } from './core.ts'
import { contactBlocked, SottoError } from './errors.ts'
import { history } from './history.ts'
import { keys } from './keys.ts'
import { advance, encodeMessage, messageIdText, stateOf, type StoredMessage } from './message.ts'
import { MAX_OUTBOX_ENTRIES } from './outbox.ts'
import { plainly } from './plainly.ts'

export class MessagesFace implements Messages {
  readonly #core: ChatCore

  constructor(core: ChatCore) {
    this.#core = core
  }

  get(id: MessageId): Promise<Message> {
    return plainly(this.#core.reader.message(id))
  }

  async list(
    ref: string,
    options: { readonly limit?: number } = {},
  ): Promise<readonly HistoryEntry[]> {
    const { limit } = options
    const conversation = this.#core.book.find(ref)
    const entries: HistoryEntry[] = []
    const { records, damages } = this.#core
    for await (const entry of history(records, conversation, { damages })) {
      entries.push(entry)
      if (limit !== undefined && entries.length > limit) entries.shift()
    }
    return entries
  }

  async markRead(ids: readonly MessageId[]): Promise<void> {
    const unread = new Map<Conversation, StoredMessage[]>()
    for (const id of new Set(ids)) {
      const { conversation, message } = await plainly(this.#core.reader.find(id))
      if (message.outgoing || stateOf(message) !== 'delivered') continue
      unread.set(conversation, [...(unread.get(conversation) ?? []), message])
    }
    for (const [conversation, messages] of unread) await plainly(markRead(conversation, messages))
  }

  async send(
    conversation: Conversation,
    text: string,
    options: SendOptions = {},
  ): Promise<SentMessage> {
    options.signal?.throwIfAborted()
    checkText(text)
    if (conversation.contact.state === 'blocked') throw contactBlocked()
    checkTrust(conversation, options.requireVerified ?? false)
    if (conversation.queued >= MAX_OUTBOX_ENTRIES) throw outboxFull()
    return this.#sent(await plainly(conversation.send(text)))
  }

  #sent(message: StoredMessage): SentMessage {
    const id = messageIdText(message.id)
    const current = async (): Promise<StoredMessage> =>
      (await plainly(this.#core.reader.find(id))).message
    return Object.freeze({
      id,
      seq: message.seq,
      state: stateOf(message),
      until: async (state, options = {}) =>
        this.#sent(await this.#core.waiters.until(message.id, state, current, options)),
    } satisfies SentMessage)
  }
}

function markRead(conversation: Conversation, messages: readonly StoredMessage[]): Promise<void> {
  return conversation.step((draft) => {
    for (const message of messages) {
      draft.operations.push(...readOperation(conversation.id, message, draft.now))
    }
    if (draft.contact.state !== 'accepted') return // strangers learn nothing
    const ids = messages.map(({ id }) => id)
    composeReceipts(draft, conversation, 'read-receipt', ids)
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

function checkText(text: string): void {
  const size = utf8(text).length
  if (size === 0 || !text.isWellFormed()) {
    throw new SottoError('INVALID_ARGUMENT', 'a message needs text, in well-formed Unicode', {
      hint: 'give the text as an argument, or - to read it from stdin',
    })
  }
  if (size > MAX_TEXT_BYTES) {
    throw new SottoError('TOO_LARGE', `a text has at most ${MAX_TEXT_BYTES} bytes`, {
      hint: 'send it in parts',
    })
  }
}

function checkTrust({ contact }: Conversation, requireVerified: boolean): void {
  const hint = 'compare the safety number: sotto contact verify NAME'
  if (contact.trust === 'changed') {
    throw new SottoError('KEY_CHANGED', 'the key of this verified contact has changed', { hint })
  }
  if (requireVerified && contact.trust !== 'verified') {
    throw new SottoError('NOT_VERIFIED', 'this contact is not verified', { hint })
  }
}

function outboxFull(): SottoError {
  return new SottoError('QUOTA_EXCEEDED', 'too many messages wait for this contact', {
    hint: 'wait until the contact has been online, or agree on a mailbox',
    retryable: true,
  })
}
