// The chat node without a transport, a disk or a clock of its own: everything of node/ put together over the ports. What
// production and the simulator run is this class.

import type { Account, AccountKey } from '../protocol/account.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Session } from '../protocol/session.ts'
import type { DialPolicy } from '../net/dial-policy.ts'
import type { Clock, Directory, PeerName, ThrowAwayWires, Timer, Wire } from '../net/ports.ts'
import { peerName } from '../net/peer-name.ts'
import type { CommitMark } from '../net/commit-chain.ts'
import type { Records } from '../net/records.ts'
import type { MailboxItem, MailboxStatus } from '../net/mailbox-client.ts'
import type { ClockState, DamageKind } from './api.ts'
import { Announcements } from './announcements.ts'
import { BundleFinder } from './bundle-finder.ts'
import { clockState } from './clock-guard.ts'
import { ContactBook } from './contacts.ts'
import { Continuity, type StoreSurroundings } from './continuity.ts'
import type { Conversation } from './conversation.ts'
import { Couriers } from './couriers.ts'
import { Damages, soundly } from './damage.ts'
import { DirectService } from './direct-service.ts'
import { EventLog } from './event-log.ts'
import { GapAsker } from './gap-asker.ts'
import { HandOutNotes } from './hand-out-notes.ts'
import { Inbox } from './inbox.ts'
import { Introducer } from './introduce.ts'
import { keys } from './keys.ts'
import { UntoldDamage } from './log-damage.ts'
import { MailboxPool } from './mailbox-pool.ts'
import { MarkKeeper } from './mark-keeper.ts'
import { decide } from './outcome.ts'
import { OwnKeys } from './own-keys.ts'
import { OwnMailboxes } from './own-mailboxes.ts'
import { Publisher } from './publisher.ts'
import { Reader } from './reader.ts'
import { Receipts } from './receipts.ts'
import { StateWaiters } from './state-waiters.ts'
import { TokenDesk } from './token-desk.ts'
import { StartHold } from './start-hold.ts'
import { Upkeep } from './upkeep.ts'

export interface CoreInit extends StoreSurroundings {
  readonly account: Account
  readonly records: Records
  readonly wire: Wire
  /** For the mailboxes of others. */
  readonly throwAway: ThrowAwayWires
  readonly directory: Directory
  readonly clock: Clock
  /** The platform's generator: keys, seeds and encapsulations. */
  readonly random: RandomBytes
  /** May be a pool: salts, ids and jitter. @default random */
  readonly salts?: RandomBytes
  /** With how many mailboxes of a contact a message is left. @default 2 */
  readonly copies?: number
  /** Told of addresses that the user has given: they are dialled wherever they are. */
  readonly dialPolicy?: Pick<DialPolicy, 'permit'>
  /** Told of listeners that throw. */
  readonly onListenerError?: (error: unknown) => void
}

/** From a new connection to the lookups that wait: time for the DHT to take the peer into its table. */
const TABLE_DELAY = 250

/** How long publishing waits for the lookups of contacts without a bundle. */
const LOOKUP_PATIENCE = 5_000

/** Peers met that are remembered, for those who want to know how a bundle was found. */
const MAX_MET = 64

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
  readonly tokens: TokenDesk
  readonly continuity: Continuity
  readonly #init: CoreInit
  readonly #marks: MarkKeeper
  readonly #hold: StartHold
  readonly #introducer: Introducer
  readonly #receipts: Receipts
  readonly #gaps: GapAsker
  readonly #direct: DirectService
  readonly #couriers: Couriers
  readonly #announcements: Announcements
  readonly #upkeep: Upkeep
  readonly #untold = new UntoldDamage()
  #name = ''
  #unwatch: (() => void) | undefined
  #started = false
  #publishing: Promise<void> = Promise.resolve()
  #resuming: Promise<void> = Promise.resolve()
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
    this.#announcements = new Announcements(this.events, clock)
    records.onTrouble((trouble) => {
      this.#announcements.store(trouble)
      if (trouble === undefined && this.#started) this.#resuming = this.#resume()
    })
    this.continuity = new Continuity({ ...init, events: this.events })
    this.#marks = new MarkKeeper({
      ...{ account: account.key, records, random: salts },
      onMark: (mark) => this.#hearMark(mark),
      onHeard: (count) => this.#hear(count),
    })
    this.#hold = new StartHold({ clock, onEnd: () => this.#tendAll() })
    const permit = (addresses: readonly string[]): void => init.dialPolicy?.permit(addresses)
    this.tokens = new TokenDesk({
      book: () => this.book,
      clock,
      random,
      mailboxes: () => this.ownMailboxes.accounts,
      changed: () => this.ownMailboxes.wake(),
    })
    const { isRegistered } = this.tokens
    this.book = new ContactBook({
      isRegistered,
      holds: this.#hold.holds,
      permit,
      damages,
      records,
      events: this.events,
      clock: { now: () => this.ownKeys.guard.now(), after: (ms, run) => clock.after(ms, run) },
      random,
      salts,
      ourName: () => this.#name,
      listener: {
        wake: (conversation) => this.#wake(conversation),
        state: (message) => this.waiters.changed(message),
        receiptsDue: (conversation) => this.#receipts.due(conversation),
        gaps: (conversation) => this.#gaps.look(conversation),
        session: (conversation) => this.#hearSession(conversation),
        standing: () => this.tokens.changed(),
        time: (conversation, time) => this.#hearTime(conversation, time),
        irregular: (conversation, what) => this.#announcements.irregular(conversation, what),
        doubted: (conversation, doubt) => this.#announcements.doubted(conversation, doubt),
        trouble: (conversation, reason) => this.#announcements.renewal(conversation, reason),
      },
    })
    this.reader = new Reader(records, this.book, damages)
    this.pool = new MailboxPool({
      wires: init.throwAway,
      clock,
      random: salts,
      isOurs: (mailbox) => this.ownMailboxes.has(mailbox),
    })
    this.finder = new BundleFinder({ wire, directory, clock, mailboxes: this.pool })
    const { book, ownKeys } = this
    const notes = new HandOutNotes({
      account: account.key,
      records,
      damages,
      clock,
      keys: ownKeys,
      mailboxes: () => this.ownMailboxes.accounts,
    })
    const onBrokenPromise = (mailbox: AccountKey): void => this.#distrust(mailbox)
    this.inbox = new Inbox({
      ...{ book, records, ownKeys, clock, random, notes, onBrokenPromise, tokens: this.tokens },
    })
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
      onFound: (...found) => {
        this.ownMailboxes.heardFrom(found[2])
        this.#announcements.found(...found)
      },
      onSession: (conversation) => this.#hearSession(conversation),
      onBundle: (conversation) => this.#couriers.of(conversation).wake(),
    })
    this.#upkeep = new Upkeep({
      ...{ clock, records, book, ownKeys, introducer: this.#introducer, tokens: this.tokens },
      mailboxes: { lookForLost: () => this.ownMailboxes.lookForLost() },
    })
    this.#couriers = new Couriers({
      wire,
      pool: this.pool,
      clock,
      random: salts,
      ...(init.copies === undefined ? {} : { copies: init.copies }),
      expireBy: () => this.ownKeys.guard.destroyBy,
      lost: (conversation) => {
        void this.#introducer.refresh(conversation).catch(() => undefined) // the courier comes back to it
      },
    })
    this.ownMailboxes = new OwnMailboxes({
      permit,
      damages,
      account,
      records,
      wire,
      clock,
      random: salts,
      keys: this.ownKeys,
      tokens: this.tokens,
      marks: this.#marks,
      recoveredAt: () => this.continuity.last?.at ?? 0,
      onItems: (mailbox, items) => this.#fetched(mailbox, items),
      onDrained: (mailbox, unmatched) => this.#announcements.drained(mailbox, unmatched),
      onConnected: (mailbox, connected) => this.#announcements.mailbox(mailbox, connected),
      onLost: (mailbox) => this.#announcements.lost(mailbox),
      onRetiring: (mailbox, to) => this.#announcements.retiring(mailbox, to),
      onLeft: (mailbox) => this.#announcements.left(mailbox),
      onStatus: (mailbox, status) => this.#hearMailbox(mailbox, status),
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

  get clockState(): ClockState {
    return clockState(this.ownKeys.guard.jump)
  }

  /** Replaces prekeys and delivery tokens before their time. Rejects with `StoreError`. */
  async rotate(): Promise<void> {
    await this.ownKeys.rotate()
    await this.tokens.rotate()
  }

  /** The user says that our clock is right. */
  async confirmClock(): Promise<void> {
    await this.ownKeys.guard.confirm()
  }

  /**
   * Loads what is stored, then serves and delivers. Contacts without a bundle are looked up before our own is published, so
   * that a lookup is never answered by a peer we have just met while publishing. Rejects with `StoreError` and what is found in the
   * store; whatever runs by then ends with `stop`.
   */
  async start(): Promise<void> {
    try {
      await this.#load()
    } catch (cause) {
      await this.#unload()
      throw cause
    }
    this.#hold.begin(this.#sessions)
    this.#started = true
    await this.#direct.start()
    this.#unwatch = this.#init.wire.watch((peer, connected) => this.#seen(peer, connected))
    for (const conversation of this.book.all()) {
      this.#wake(conversation)
      if (conversation.due.length > 0) this.#receipts.due(conversation)
      this.#gaps.look(conversation)
    }
    this.publisher.watch((published) => {
      for (const holder of published.holders) this.ownMailboxes.heardFrom(holder)
      this.#announcements.published(published)
    })
    this.ownKeys.guard.watch((jump) => this.#announcements.clock(jump))
    await this.ownMailboxes.start()
    if (this.ownMailboxes.accounts.length === 0) this.#hold.end()
    await this.#untold.log(this, this.clock)
    this.#upkeep.start()
    this.#publishing = this.#publishAfterLookups()
  }

  async #load(): Promise<void> {
    await this.records.begin()
    const finding = await this.continuity.check()
    await this.ownKeys.start()
    this.#name = await this.#storedName()
    await this.events.start()
    await this.#untold.log(this, this.clock)
    await this.book.start()
    if (this.ownKeys.isReplaced) await this.#leaveSessions()
    for (const conversation of this.book.all()) await conversation.beginAgain()
    if (finding !== undefined) await this.#recover()
    await this.continuity.settle()
  }

  /** Never rejects: publishing goes on trying by itself. */
  async #publishAfterLookups(): Promise<void> {
    await this.#introducer.firstLookups(LOOKUP_PATIENCE)
    if (this.#started) await this.publisher.start().catch(() => undefined)
  }

  async stop(): Promise<void> {
    if (!this.#started) return
    this.#started = false
    this.#hold.stop()
    this.#upkeep.stop()
    this.#table?.cancel()
    this.#unwatch?.()
    this.#introducer.stop()
    await this.#publishing
    this.#receipts.stop()
    this.#gaps.stop()
    this.#couriers.stop()
    await this.ownMailboxes.stop()
    await this.#resuming
    await this.tokens.stop()
    await this.publisher.stop()
    await this.pool.stop()
    await this.#direct.stop()
    await this.#unload()
    await this.#upkeep.endEpoch()
    await this.continuity.stop()
  }

  /** Wipes what is in memory. */
  async #unload(): Promise<void> {
    for (const conversation of this.book.all()) await conversation.end()
    this.waiters.stop()
    this.events.stop()
    await this.ownKeys.stop()
    this.#marks.stop()
  }

  /** Sets our name, in the store. */
  async rename(name: string): Promise<void> {
    const value = new TextEncoder().encode(name)
    await this.records.commit([{ type: 'put', key: keys.self, value }])
    this.#name = name
  }

  /** Whether this is an accepted contact or a mailbox of ours. */
  knows(peer: PeerName): boolean {
    const isContact = this.book
      .all()
      .some(({ contact }) => contact.peer === peer && contact.state === 'accepted')
    return isContact || this.ownMailboxes.has(peer)
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
    this.tokens.changed()
    this.#wake(conversation)
  }

  #hearSession(conversation: Conversation): void {
    this.#announcements.session(conversation)
    this.tokens.tell(conversation)
  }

  async #storedName(): Promise<string> {
    const value = await soundly(this.records, keys.self)
    if (value === 'damaged') {
      this.damages.note({ what: 'other', key: keys.self })
      await this.records.commit([{ type: 'del', key: keys.self }])
    }
    return value === undefined || value === 'damaged' ? '' : new TextDecoder().decode(value)
  }

  /** Our device key is another one: contacts that hear of it leave all sessions with the one before. */
  async #leaveSessions(): Promise<void> {
    for (const conversation of this.book.all()) await conversation.leaveSession()
  }

  /**
   * The store is not what the last run has left: nothing is sent in the sessions that it holds, and prekeys that may be older than
   * those out there are replaced. Done again after a crash, as long as it is not settled.
   */
  async #recover(): Promise<void> {
    for (const conversation of this.book.all()) await conversation.leaveSessions()
    await this.ownKeys.replace()
  }

  get #sessions(): readonly Session[] {
    return this.book.all().flatMap(({ sessions }) => sessions)
  }

  /** So many of our mailboxes have told how far our store was. */
  #hear(count: number): void {
    if (this.continuity.isOpen) return // what another one has told is not dealt with yet
    if (count >= this.ownMailboxes.accounts.length) this.#hold.end()
    else this.#hold.endSoon()
  }

  /** Does what waited, at the start or for the store. Where the store refuses again, its next recovery comes back to it. */
  #tendAll(): void {
    for (const conversation of this.book.all()) void conversation.tend().catch(() => undefined)
  }

  /** A mailbox has kept it of an earlier run. Rejects with `StoreError`. */
  async #hearMark(mark: CommitMark): Promise<void> {
    if ((await this.continuity.hear(mark)) === undefined) return
    this.#hold.keep(this.#sessions)
    await this.#recoverNow()
  }

  /** What was found since the start. When it is dealt with, nothing is sent in the sessions of the start: they need not be held. */
  async #recoverNow(): Promise<void> {
    if (!this.continuity.isOpen) return
    await this.#recover()
    await this.continuity.settle()
    this.#hold.end()
  }

  /** The store is well again: does what it has refused, before all else a recovery. Never rejects. */
  async #resume(): Promise<void> {
    try {
      await this.#marks.between(() => this.#recoverNow())
      this.#tendAll()
    } catch {
      // The store refuses again: its next recovery comes back to it, and so does the mailbox.
    }
  }

  async #fetched(mailbox: PeerName, items: readonly MailboxItem[]): Promise<readonly bigint[]> {
    const outcomes = await this.inbox.fromMailbox(
      mailbox,
      items.map(({ envelope }) => envelope),
      items.map(({ slot }) => slot),
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

  /** Strangers are free: whoever wanted to could be two of them. */
  #hearTime({ contact }: Conversation, time: number): void {
    this.ownMailboxes.heardFrom(contact.peer)
    if (contact.state === 'accepted') this.ownKeys.guard.witness('contact', contact.id, time)
  }

  /** It has handed out one of our pairs twice. Never rejects: where the store refuses, the event has told the owner. */
  #distrust(mailbox: AccountKey): void {
    this.#announcements.broken(peerName(mailbox))
    void this.ownMailboxes.distrust(mailbox).catch(() => undefined)
  }

  #tellDamage(what: DamageKind): void {
    // What is met while loading is in the log.
    if (this.#upkeep.isRunning) this.#announcements.damaged(what)
    else this.#untold.note(what)
  }

  #hearMailbox(mailbox: PeerName, { time, otherInstances }: MailboxStatus): void {
    if (time > 0) this.ownKeys.guard.witness('mailbox', mailbox, time)
    this.#announcements.copies(mailbox, otherInstances)
  }
}
