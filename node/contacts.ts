// All contacts of a profile, each with its conversation.

import type { AccountKey } from '../protocol/account.ts'
import { toHex } from '../protocol/bytes.ts'
import { KeyedLock } from '../net/lock.ts'
import { StoreError } from '../net/store-error.ts'
import type { ContactId } from './api.ts'
import { decodeContact, newContact, type ContactState, type NewContact } from './contact.ts'
import type { ConversationInit } from './conversation-init.ts'
import { Conversation } from './conversation.ts'
import { SottoError } from './errors.ts'
import { keys } from './keys.ts'
import { logDamage } from './log-damage.ts'
import { isUsableName } from './names.ts'
import { recoverContact } from './recover-contact.ts'

export interface ContactBookInit extends Omit<ConversationInit, 'contact' | 'mayBeCalled'> {
  /** Told of the addresses in links of contacts: the user has given them. @default nobody */
  readonly permit?: (addresses: readonly string[]) => void
}

/** People who have written to us and whom we have neither added nor answered. */
const MAX_REQUESTS = 500

/** New contacts are made one after another: two of one account, or of one name, must not come about. */
const LOCK = 'new'

export class ContactBook {
  readonly #init: ContactBookInit
  readonly #byId = new Map<ContactId, Conversation>()
  readonly #byAccount = new Map<string, Conversation>()
  readonly #lock = new KeyedLock()
  /** A batch failed: it may have been one that made a contact, and be in the store all the same. */
  #stale = false

  constructor(init: ContactBookInit) {
    this.#init = init
  }

  async start(): Promise<void> {
    this.#init.records.onFailure(() => {
      this.#stale = true
      for (const conversation of this.all()) conversation.distrust()
    })
    await this.#load()
  }

  /** After a failed batch: looks whether there are contacts in the store that nobody was told of. Rejects with `StoreError`. */
  async recover(): Promise<void> {
    while (this.#stale) {
      this.#stale = false // set again by a failure meanwhile
      try {
        await this.#init.records.flush()
        await this.#load()
      } catch (error) {
        this.#stale = true
        throw error
      }
    }
  }

  async #load(): Promise<void> {
    const stored: ContactState[] = []
    const now = this.#init.clock.now()
    const damaged: string[] = []
    const { records } = this.#init
    const range = records.range(keys.contacts, { damaged: (key) => damaged.push(key) })
    for await (const { key, value } of range) {
      const id = key.slice(keys.contacts.length)
      if (!this.#byId.has(id)) stored.push(decodeContact(id, value, now))
    }
    for (const contact of stored) await this.#register(contact)
    for (const key of damaged) await this.#recoverContact(key, now)
  }

  async #register(contact: ContactState): Promise<void> {
    const conversation = await Conversation.load(this.#conversationInit(contact))
    this.register(conversation)
    if (!conversation.isDamaged) return
    try {
      await conversation.tend()
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause // the hourly look comes back to it
    }
  }

  /** A contact whose record is damaged is one again where a session tells who it is; else it is counted, and its records stay. */
  async #recoverContact(key: string, now: number): Promise<void> {
    const id = key.slice(keys.contacts.length)
    if (this.#byId.has(id)) return
    const contact = await recoverContact(this.#init.records, id, now)
    if (contact === undefined || this.byAccount(contact.account) !== undefined) {
      const damage = { what: 'contact', key } as const
      if (this.#init.damages.note(damage)) await logDamage(this.#init, now, { ...damage, count: 1 })
    } else await this.#register(contact)
  }

  /** A conversation with somebody unknown. It is not in the book before `register`. */
  fresh(contact: Omit<NewContact, 'now'>): Conversation {
    const state = newContact({ ...contact, now: this.#init.clock.now() }, this.#init.random)
    return Conversation.fresh(this.#conversationInit(state))
  }

  /** Runs what may register a contact, when everything before it of that kind is done. Rejects as `task`, or as `recover`. */
  exclusively<T>(task: () => Promise<T>): Promise<T> {
    return this.#lock.run(LOCK, async () => {
      await this.recover()
      return task()
    })
  }

  #conversationInit(contact: ContactState): ConversationInit {
    const mayBeCalled = (name: string, id: ContactId): boolean => {
      const owner = this.acceptedAs(name)
      return isUsableName(name) && (owner === undefined || owner.id === id)
    }
    return { ...this.#init, contact, mayBeCalled }
  }

  register(conversation: Conversation): void {
    const { addresses, mailboxes } = conversation.contact
    this.#init.permit?.([...addresses, ...mailboxes.flatMap((mailbox) => mailbox.addresses)])
    this.#byId.set(conversation.id, conversation)
    this.#byAccount.set(toHex(conversation.contact.account), conversation)
  }

  all(): readonly Conversation[] {
    return [...this.#byId.values()]
  }

  /** Whether no more strangers are let in. */
  get crowded(): boolean {
    const requests = this.all().filter(({ contact }) => contact.state === 'requested')
    return requests.length >= MAX_REQUESTS
  }

  /** The contact of this name, who is no mere stranger: somebody blocked keeps it. */
  acceptedAs(name: string): Conversation | undefined {
    return this.all().find(({ contact }) => contact.name === name && contact.state !== 'requested')
  }

  byId(id: ContactId): Conversation | undefined {
    return this.#byId.get(id)
  }

  byAccount(account: AccountKey): Conversation | undefined {
    return this.#byAccount.get(toHex(account))
  }

  /** By id, PeerId or name; a stranger's name comes behind those of contacts. SottoError CONTACT_NOT_FOUND, or CONTACT_AMBIGUOUS when several have the name. */
  find(ref: string): Conversation {
    const exact = this.#byId.get(ref) ?? this.all().find(({ contact }) => contact.peer === ref)
    if (exact !== undefined) return exact
    const all = this.all().filter(({ contact }) => contact.name === ref)
    const accepted = all.filter(({ contact }) => contact.state !== 'requested')
    const named = accepted.length > 0 ? accepted : all
    const [only] = named
    if (only === undefined) {
      throw new SottoError('CONTACT_NOT_FOUND', 'there is no contact with this name', {
        hint: 'sotto contact list shows them; sotto contact add LINK adds one',
      })
    }
    if (named.length > 1) {
      throw new SottoError('CONTACT_AMBIGUOUS', 'several contacts have this name', {
        hint: 'use the id or the PeerId from sotto contact list',
      })
    }
    return only
  }
}
