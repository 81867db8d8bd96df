// `node.contacts`: what api.ts promises of it.

import { accountKey } from '../protocol/account.ts'
import { safetyNumber } from '../protocol/safety-number.ts'
import { equalBytes } from '../protocol/bytes.ts'
import { peerName } from '../net/peer-name.ts'
import type { Contact, Contacts } from './api.ts'
import { parseAddress, type ParsedAddress } from './address.ts'
import { unblockContact } from './block.ts'
import { encryptWaiting } from './compose.ts'
import { defaultName, trustNumber } from './contact.ts'
import type { Conversation } from './conversation.ts'
import type { ChatCore } from './core.ts'
import { contactBlocked, SottoError } from './errors.ts'
import { checkContactName } from './names.ts'
import { plainly } from './plainly.ts'
import { doubtsNow } from './promises.ts'
import { describeSession } from './session-info.ts'

export class ContactsFace implements Contacts {
  readonly #core: ChatCore

  constructor(core: ChatCore) {
    this.#core = core
  }

  list(): readonly Contact[] {
    return this.#core.book.all().map((conversation) => this.describe(conversation))
  }

  get(ref: string): Contact {
    return this.describe(this.#core.book.find(ref))
  }

  safetyNumber(ref: string): string {
    return this.#number(this.#core.book.find(ref))
  }

  async add(
    address: string,
    options: { readonly name?: string; readonly signal?: AbortSignal } = {},
  ): Promise<Contact> {
    options.signal?.throwIfAborted()
    const parsed = parseAddress(address)
    if (equalBytes(parsed.account, this.#core.account.key)) throw ownAddress()
    const { book } = this.#core
    const conversation = await plainly(book.exclusively(() => this.#add(parsed, options.name)))
    return this.describe(conversation)
  }

  async #add(parsed: ParsedAddress, chosen: string | undefined): Promise<Conversation> {
    const { book } = this.#core
    if (chosen !== undefined) checkContactName(chosen, parsed.account, book)
    const known = book.byAccount(parsed.account)
    const fallback = defaultName(peerName(parsed.account))
    const conversation =
      known ?? book.fresh({ ...parsed, name: chosen ?? fallback, state: 'accepted' })
    await conversation.step((draft) => {
      if (draft.contact.state === 'blocked') throw contactBlocked()
      const { id, state, name, addresses, mailboxes } = draft.contact
      const kept = conversation.mayBeCalled(name) ? name : fallback
      draft.patch({
        state: 'accepted',
        name: chosen ?? kept,
        addresses: parsed.addresses.length > 0 ? parsed.addresses : addresses,
        mailboxes: parsed.mailboxes.length > 0 ? parsed.mailboxes : mailboxes,
      })
      draft.committed.push(() => this.#core.welcome(conversation))
      if (known !== undefined && state === 'accepted') return
      draft.events.push({ event: { type: 'contact.added', at: draft.now, contact: id } })
    })
    return conversation
  }

  async verify(ref: string, number: string): Promise<Contact> {
    const conversation = this.#core.book.find(ref)
    if (number.replace(/\s/g, '') !== this.#number(conversation)) throw mismatch()
    await plainly(
      conversation.step((draft) => {
        const { trust, id } = draft.contact
        draft.patch({ trust: 'verified', verifiedAt: draft.now, freshStarts: [] })
        encryptWaiting(draft, conversation)
        draft.committed.push(() => this.#core.welcome(conversation)) // what waited may need a session
        if (trust === 'verified') return
        const trustFrom = trustNumber(trust)
        const trustTo = trustNumber('verified')
        const event = { type: 'contact.trust', at: draft.now, contact: id, trustFrom, trustTo }
        draft.events.push({ event })
      }),
    )
    return this.describe(conversation)
  }

  async block(ref: string): Promise<Contact> {
    const conversation = this.#core.book.find(ref)
    await plainly(conversation.block())
    return this.describe(conversation)
  }

  async unblock(ref: string): Promise<Contact> {
    const conversation = this.#core.book.find(ref)
    await plainly(
      conversation.step((draft) => {
        unblockContact(draft)
        draft.committed.push(() => this.#core.welcome(conversation))
      }),
    )
    return this.describe(conversation)
  }

  describe(conversation: Conversation): Contact {
    const { contact } = conversation
    return Object.freeze({
      id: contact.id,
      name: contact.name,
      peer: contact.peer,
      trust: contact.trust,
      state: contact.state,
      path: this.#path(conversation),
      addedAt: contact.addedAt,
      verifiedAt: contact.verifiedAt === 0 ? null : contact.verifiedAt,
      bundle: describeBundle(conversation),
      session: describeSession(conversation.sessions, contact, this.#core.clock.now()),
      queued: conversation.waiting().length,
      irregularities: contact.irregularities,
      doubted: doubtsNow(contact, this.#core.clock.now()).map(({ mailbox, messages, at }) => ({
        mailbox: peerName(accountKey(mailbox)),
        ...{ messages, at },
      })),
    })
  }

  #number({ contact }: Conversation): string {
    return safetyNumber(this.#core.account.key, contact.account)
  }

  #path({ contact }: Conversation): Contact['path'] {
    if (this.#core.wire.isConnected(contact.peer)) return 'direct'
    const mailboxes = contact.bundle?.verified.mailboxes.length ?? contact.mailboxes.length
    return mailboxes > 0 ? 'mailbox only' : 'offline'
  }
}

function describeBundle({ contact }: Conversation): Contact['bundle'] {
  if (contact.bundle === undefined) return null
  const { verified, path, from } = contact.bundle
  return { sequence: verified.sequence, path, from, mailboxes: verified.mailboxes.length }
}

function ownAddress(): SottoError {
  return new SottoError('INVALID_ARGUMENT', 'this address is your own', {
    hint: 'ask the other person for the output of: sotto id',
  })
}

function mismatch(): SottoError {
  return new SottoError('SAFETY_NUMBER_MISMATCH', 'the safety numbers differ', {
    hint: 'compare again, digit by digit; if they still differ, this may be somebody else',
  })
}
