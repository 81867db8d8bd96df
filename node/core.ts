// The chat node without a transport, a disk or a clock of its own: everything of node/ put together over the ports. What
// production and the simulator run is this class.

import type { Account } from '../protocol/account.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Clock, Directory, PeerName, Timer, Wire } from '../net/ports.ts'
import type { Records } from '../net/records.ts'
import type { BundlePath, DamageKind, RenewalReason, SessionInfo } from './api.ts'
import { BundleFinder } from './bundle-finder.ts'
import { contactShort } from './contact.ts'
import { ContactBook } from './contacts.ts'
import type { Conversation } from './conversation.ts'
import { Couriers } from './couriers.ts'
import { Damages, soundly } from './damage.ts'
import { DirectService } from './direct-service.ts'
import { EventLog } from './event-log.ts'
import { GapAsker } from './gap-asker.ts'
import { Inbox } from './inbox.ts'
import { Introducer } from './introduce.ts'
import { keys } from './keys.ts'
import { MailboxPool } from './mailbox-pool.ts'
import { decide } from './outcome.ts'
import { OwnKeys } from './own-keys.ts'
import { OwnMailboxes } from './own-mailboxes.ts'
import { Publisher } from './publisher.ts'
import { Reader } from './reader.ts'
import { Receipts } from './receipts.ts'
import { expireOld } from './expire.ts'
import { describeSession } from './session-info.ts'
import { StateWaiters } from './state-waiters.ts'

export interface CoreInit {
  readonly account: Account
  readonly records: Records
  readonly wire: Wire
  readonly directory: Directory
  readonly clock: Clock
  /** The platform's generator: keys, seeds and encapsulations. */
  readonly random: RandomBytes
  /** May be a pool: salts, ids and jitter. @default random */
  readonly salts?: RandomBytes
  /** Told of listeners that throw. */
  readonly onListenerError?: (error: unknown) => void
}

/** From a new connection to the lookups that wait: time for the DHT to take the peer into its table. */
const TABLE_DELAY = 250

/** How long publishing waits for the lookups of contacts without a bundle. */
const LOOKUP_PATIENCE = 5_000

/** Peers met that are remembered, for those who want to know how a bundle was found. */
const MAX_MET = 64

/** How often rotation, expiry and the like are looked at. */
const MAINTENANCE = 3_600_000

/** Sessions that are gone here and that are replaced in one such look: a store that lost many shall not ask for all at once. */
const MAX_LOST = 30

export class ChatCore {
  /** Damaged records that were met. Told of at once when it happens while the node is up. */
  readonly damages: Damages = new Damages((what) => this.#tellDamage(what))
  readonly ownKeys: OwnKeys
  readonly events: EventLog
  readonly book: ContactBook
  readonly reader: Reader
  readonly waiters: StateWaiters
  readonly inbox: Inbox
  readonly pool: MailboxPool
  readonly finder: BundleFinder
  readonly publisher: Publisher
  readonly ownMailboxes: OwnMailboxes
  readonly #init: CoreInit
  readonly #introducer: Introducer
  readonly #receipts: Receipts
  readonly #gaps: GapAsker
  readonly #direct: DirectService
  readonly #couriers: Couriers
  #name = ''
  #unwatch: (() => void) | undefined
  #maintenance: Timer | undefined
  #started = false
  #publishing: Promise<void> = Promise.resolve()
  #table: Timer | undefined
  /** Peers that we have been connected to since the start. */
  readonly #met = new Set<PeerName>()

  constructor(init: CoreInit) {
    this.#init = init
    const { account, records, wire, directory, clock, random } = init
    const salts = init.salts ?? random
    const { damages } = this
    this.ownKeys = new OwnKeys({ account, records, clock, random, damages })
    this.waiters = new StateWaiters(clock)
    this.events = new EventLog({
      records,
      describe: (seq, record) => this.reader.describe(seq, record),
      onListenerError: init.onListenerError ?? (() => undefined),
      damages,
    })
    this.book = new ContactBook({
      damages,
      records,
      events: this.events,
      clock,
      random,
      salts,
      ourName: () => this.#name,
      listener: {
        wake: (conversation) => this.#wake(conversation),
        state: (message) => this.waiters.changed(message),
        receiptsDue: (conversation) => this.#receipts.due(conversation),
        gaps: (conversation) => this.#gaps.look(conversation),
        session: (conversation) => this.#tellSession(conversation),
        trouble: (conversation, reason) => this.#tellRenewal(conversation, reason),
      },
    })
    this.reader = new Reader(records, this.book, damages)
    this.pool = new MailboxPool({ wire, clock, random: salts })
    this.finder = new BundleFinder({ wire, directory, clock, mailboxes: this.pool })
    this.inbox = new Inbox({ book: this.book, records, ownKeys: this.ownKeys, clock, random })
    this.#direct = new DirectService({ wire, clock, inbox: this.inbox })
    this.publisher = new Publisher({ wire, directory, clock, random: salts, keys: this.ownKeys })
    this.#receipts = new Receipts({ clock, random: salts })
    this.#gaps = new GapAsker({ clock, random: salts })
    this.#introducer = new Introducer({
      finder: this.finder,
      pool: this.pool,
      ownKeys: this.ownKeys,
      clock,
      random,
      met: () => [...this.#met],
      onFound: (conversation, path, from, met) => this.#tellFound(conversation, path, from, met),
      onSession: (conversation) => this.#tellSession(conversation),
      onBundle: (conversation) => this.#couriers.of(conversation).wake(),
    })
    this.#couriers = new Couriers({
      wire,
      pool: this.pool,
      clock,
      random: salts,
      mayExpire: () => this.ownKeys.guard.check(),
      lost: (conversation) => {
        void this.#introducer.refresh(conversation).catch(() => undefined) // the courier comes back to it
      },
    })
    this.ownMailboxes = new OwnMailboxes({
      account,
      records,
      wire,
      clock,
      random: salts,
      keys: this.ownKeys,
      onItems: (mailbox, items) => this.#fetched(mailbox, items),
      onConnected: (mailbox, connected) => this.#tellMailbox(mailbox, connected),
    })
  }

  /** Our name, as contacts see it. */
  get name(): string {
    return this.#name
  }

  get account(): Account {
    return this.#init.account
  }

  get records(): Records {
    return this.#init.records
  }

  get wire(): Wire {
    return this.#init.wire
  }

  get random(): RandomBytes {
    return this.#init.random
  }

  get clock(): Clock {
    return this.#init.clock
  }

  /**
   * Loads what is stored, then serves and delivers. Contacts without a bundle are looked up before our own is published, so
   * that a lookup is never answered by a peer we have just met while publishing.
   */
  async start(): Promise<void> {
    this.#name = await this.#storedName()
    await this.ownKeys.start()
    await this.events.start()
    await this.book.start()
    this.#started = true
    await this.#direct.start()
    this.#unwatch = this.#init.wire.watch((peer, connected) => this.#seen(peer, connected))
    for (const conversation of this.book.all()) {
      this.#wake(conversation)
      if (conversation.due.length > 0) this.#receipts.due(conversation)
      this.#gaps.look(conversation)
    }
    this.publisher.watch((published) => {
      const { sequence, holders } = published
      this.events.announce({
        v: 1,
        at: this.clock.now(),
        type: 'node.published',
        sequence,
        holders,
      })
    })
    await this.ownMailboxes.start()
    this.#planMaintenance()
    this.#publishing = this.#publishAfterLookups()
  }

  /** Never rejects: publishing goes on trying by itself. */
  async #publishAfterLookups(): Promise<void> {
    await this.#introducer.firstLookups(LOOKUP_PATIENCE)
    if (this.#started) await this.publisher.start().catch(() => undefined)
  }

  async stop(): Promise<void> {
    if (!this.#started) return
    this.#started = false
    this.#maintenance?.cancel()
    this.#table?.cancel()
    this.#unwatch?.()
    this.#introducer.stop()
    await this.#publishing
    this.#receipts.stop()
    this.#gaps.stop()
    this.#couriers.stop()
    await this.ownMailboxes.stop()
    await this.publisher.stop()
    await this.pool.stop()
    await this.#direct.stop()
    for (const conversation of this.book.all()) await conversation.settled()
    this.waiters.stop()
    this.events.stop()
    await this.ownKeys.stop()
  }

  /** Sets our name, in the store. */
  async rename(name: string): Promise<void> {
    const value = new TextEncoder().encode(name)
    await this.records.commit([{ type: 'put', key: keys.self, value }])
    this.#name = name
  }

  /** Something about this contact changed: deliver, encrypt or look up what can be. */
  #wake(conversation: Conversation): void {
    if (!this.#started) return
    this.#introducer.ensure(conversation)
    this.#couriers.of(conversation).wake()
  }

  /** Looks for a new contact at once. */
  welcome(conversation: Conversation): void {
    this.book.register(conversation)
    this.#wake(conversation)
  }

  async #storedName(): Promise<string> {
    const value = await soundly(this.records, keys.self)
    if (value === 'damaged') this.damages.note({ what: 'other', key: keys.self })
    return value === undefined || value === 'damaged' ? '' : new TextDecoder().decode(value)
  }

  async #fetched(
    mailbox: PeerName,
    items: readonly { readonly id: bigint; readonly envelope: Uint8Array }[],
  ): Promise<readonly bigint[]> {
    const outcomes = await this.inbox.fromMailbox(
      mailbox,
      items.map(({ envelope }) => envelope),
    )
    return items
      .filter((_, index) => decide(outcomes[index] ?? 'store-full').mailboxMayDelete)
      .map(({ id }) => id)
  }

  #seen(peer: PeerName, connected: boolean): void {
    if (!connected) return
    if (this.#met.size < MAX_MET) this.#met.add(peer)
    this.#table ??= this.clock.after(TABLE_DELAY, () => {
      this.#table = undefined
      this.#introducer.hurryAll()
    })
    for (const conversation of this.book.all()) {
      if (conversation.contact.peer !== peer) continue
      this.#introducer.hurry(conversation)
      this.#couriers.of(conversation).online()
    }
  }

  #tellFound(
    conversation: Conversation,
    path: BundlePath,
    from: PeerName,
    met: readonly PeerName[],
  ): void {
    const contact = contactShort(conversation.contact)
    const at = this.clock.now()
    this.events.announce({ v: 1, at, type: 'contact.found', contact, path, from, met })
  }

  #tellSession(conversation: Conversation): void {
    const session: SessionInfo | null = describeSession(conversation.sessions, conversation.contact)
    if (session === null) return
    const contact = contactShort(conversation.contact)
    this.events.announce({ v: 1, at: this.clock.now(), type: 'contact.session', contact, session })
  }

  #tellRenewal({ contact }: Conversation, reason: RenewalReason): void {
    const at = this.clock.now()
    const type = 'contact.renewal'
    this.events.announce({ v: 1, at, type, contact: contactShort(contact), reason })
  }

  #tellDamage(what: DamageKind): void {
    if (!this.#started) return // what is met while loading is in the log
    const type = 'node.damaged'
    this.events.announce({ v: 1, at: this.clock.now(), type, contact: null, what, count: 1 })
  }

  #tellMailbox(mailbox: PeerName, connected: boolean): void {
    const type = connected ? 'mailbox.connected' : 'mailbox.lost'
    this.events.announce({ v: 1, at: this.clock.now(), type, mailbox })
  }

  #planMaintenance(): void {
    this.#maintenance = this.clock.after(MAINTENANCE, () => {
      void this.#maintain().then(() => {
        if (this.#started) this.#planMaintenance()
      })
    })
  }

  /** Rotates keys, lets old ones go, refreshes contacts. Never rejects: what fails now is tried again in an hour. */
  async #maintain(): Promise<void> {
    try {
      await this.ownKeys.maintain()
      if (this.ownKeys.guard.check()) {
        await expireOld(
          { book: this.book, records: this.records, ownKeys: this.ownKeys },
          this.clock.now(),
        )
      }
      let lost = 0
      for (const conversation of this.book.all()) {
        if (await conversation.tend({ lookForLost: lost < MAX_LOST })) lost++
        this.#introducer.ensure(conversation) // what had to wait may be due
      }
      await this.#introducer.refreshOld(this.book.all())
    } catch {
      // the store or the network; see above
    }
  }
}
