/**
 * The mailboxes we have enrolled with. Enrolling joins, stores the mailbox together with a bundle that names it, and only then
 * uploads; from then on own-mailbox.ts keeps the connection.
 */
import { equalBytes } from '../protocol/bytes.ts'
import { decodeMailboxLink } from '../protocol/link.ts'
import { addressTexts } from '../net/address.ts'
import { KeyedLock } from '../net/lock.ts'
import { MailboxClient } from '../net/mailbox-client.ts'
import { INSTANCE_ID_BYTES } from '../net/mailbox-messages.ts'
import { peerName } from '../net/peer-name.ts'
import { withDeadline } from './deadline.ts'
import type { Damages } from './damage.ts'
import {
  decodeEnrolment,
  isLost,
  LOST_AFTER_HOURS,
  newEnrolment,
  putEnrolment,
  retiringOf,
  type Enrolment,
} from './enrolment.ts'
import { SottoError } from './errors.ts'
import { keys } from './keys.ts'
import { DAY } from './lifetimes.ts'
import type { Marks } from './mark-keeper.ts'
import { OwnMailbox } from './own-mailbox.ts'
import type { Account, AccountKey } from '../protocol/account.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { MailboxLink } from '../protocol/link.ts'
import type { MailboxStatus } from '../net/mailbox-client.ts'
import type { Clock, PeerName, Wire } from '../net/ports.ts'
import type { Operation, Records } from '../net/records.ts'
import type { MailboxInfo } from './api.ts'
import type { ConnectOwn, TakeItems, TokenList } from './own-mailbox.ts'
import type { OwnKeys } from './own-keys.ts'

export interface OwnMailboxesInit {
  readonly wire: Wire
  readonly records: Records
  readonly clock: Clock
  readonly random: RandomBytes
  readonly account: Account
  readonly keys: OwnKeys
  /** Told of the addresses of mailboxes: the user has given them. @default nobody */
  readonly permit?: (addresses: readonly string[]) => void
  /** Told of damaged records. @default nobody */
  readonly damages?: Damages
  /** The delivery tokens that every mailbox has to know. */
  readonly tokens: TokenList
  /** How far our store is. @default nothing is kept there */
  readonly marks?: Marks
  readonly onItems: TakeItems
  /** Told when pairs were handed out for which no first message has come. */
  readonly onDrained?: (mailbox: PeerName, unmatched: number) => void
  /** Told when the connection to a mailbox is made or lost. */
  readonly onConnected?: (mailbox: PeerName, connected: boolean) => void
  /** Told when a mailbox could not be reached for a day, although others could. */
  readonly onLost?: (mailbox: PeerName) => void
  /** Told when a mailbox gives notice that it will end, and names another one in its place, as a link, or none. */
  readonly onRetiring?: (mailbox: PeerName, successor: string | null) => void
  /** Told when a mailbox was left for good. */
  readonly onLeft?: (mailbox: PeerName) => void
  /** Told when a mailbox says how things stand there. */
  readonly onStatus?: (mailbox: PeerName, status: MailboxStatus) => void
  /** When our store was last found to have lost something, in Unix ms; 0 for never. */
  readonly recoveredAt?: () => number
  /** @default a `MailboxClient` that logs in as our account */
  readonly connect?: ConnectOwn
}

interface Enrolled {
  enrolment: Enrolment
  readonly mailbox: OwnMailbox
  /** It was connected since the last look. */
  seen: boolean
}

/** Every one of them costs each sender a place in the bundle. */
const MAX_MAILBOXES = 4

/** With those that are being left. */
const MAX_ENROLLED = 8

/** How long a mailbox that the bundle does not name any more is fetched from: senders look for newer bundles twice a day. */
export const LEAVE_AFTER = 7 * DAY

const JOIN_TIMEOUT = 30_000

/** How long `use` waits for the uploads to a mailbox that we have joined. */
const SETTLE_TIMEOUT = 60_000

const LOCK = 'use'

const NO_MARKS: Marks = {
  heard: () => Promise.resolve(),
  next: () => Promise.resolve(undefined),
}

export class OwnMailboxes {
  readonly #init: OwnMailboxesInit
  readonly #connect: ConnectOwn
  readonly #enrolled = new Map<PeerName, Enrolled>()
  readonly #lock = new KeyedLock()
  /** Peers that data has come from since the last look for lost mailboxes. */
  readonly #heard = new Set<PeerName>()
  #stopped = false
  #unwatch: () => void = () => undefined

  constructor(init: OwnMailboxesInit) {
    this.#init = init
    this.#connect = init.connect ?? connector(init)
  }

  /** Connects to every mailbox we enrolled with; does not wait for that. `OwnKeys` must have been started. */
  async start(): Promise<void> {
    this.#stopped = false
    const gone: string[] = []
    const range = this.#init.records.range(keys.mailboxes, { damaged: (key) => gone.push(key) })
    for await (const { value } of range) this.#add(decodeEnrolment(value))
    await this.#mend(gone)
    this.#unwatch = this.#init.keys.watch(() => this.wake())
    for (const { mailbox } of this.#enrolled.values()) mailbox.start()
  }

  /**
   * Of a mailbox whose record is damaged our bundle still says where it is; one that it does not name is not used any more. And a
   * bundle that was made anew in the place of a damaged one names no mailbox yet.
   */
  async #mend(damaged: readonly string[]): Promise<void> {
    const { damages, clock, keys: ownKeys } = this.#init
    const operations: Operation[] = []
    const now = clock.now()
    for (const key of damaged) {
      damages?.note({ what: 'mailbox', key })
      const named = ownKeys.bundle.mailboxes.find(({ account }) => keys.mailbox(account) === key)
      // As if pairs had just been made: a restart must not make a hundred more each time.
      const enrolment = named && newEnrolment(named, { joinedAt: 0, refilledAt: now })
      operations.push(enrolment === undefined ? { type: 'del', key } : putEnrolment(enrolment))
      if (enrolment !== undefined) this.#add(enrolment)
    }
    const told = new Set(ownKeys.bundle.mailboxes.map(({ account }) => keys.mailbox(account)))
    if (this.named.some(({ account }) => !told.has(keys.mailbox(account)))) {
      const named = this.named.map(({ account, addresses }) => ({ account, addresses }))
      await ownKeys.setMailboxes(named, operations)
    } else if (operations.length > 0) await this.#init.records.commit(operations)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#unwatch()
    const mailboxes = [...this.#enrolled.values()]
    this.#enrolled.clear()
    await Promise.all(mailboxes.map(({ mailbox }) => mailbox.stop()))
  }

  /** There is something to bring to all of them. */
  wake(): void {
    for (const { mailbox } of this.#enrolled.values()) mailbox.wake()
  }

  /** Whether we have enrolled with this mailbox. */
  has(mailbox: PeerName): boolean {
    return this.#enrolled.has(mailbox)
  }

  list(): readonly MailboxInfo[] {
    return [...this.#enrolled.values()].map(({ mailbox }) => mailbox.info)
  }

  /** Data has come from this peer: whoever cannot be reached is not cut off from us by our own connection. */
  heardFrom(peer: PeerName): void {
    this.#heard.add(peer)
  }

  /**
   * To be called every hour: counts, for each mailbox that was not connected since the last time, the hours in which others were heard
   * from. Hours in which the node does not run, or is alone, count for nothing. Throws `StoreError`.
   */
  async lookForLost(): Promise<void> {
    const heard = new Set(this.#heard)
    this.#heard.clear()
    for (const [peer, enrolled] of this.#enrolled) {
      const { seen, mailbox, enrolment } = enrolled
      enrolled.seen = false
      if (seen || mailbox.info.connected) {
        if (seen) await this.#change(enrolled, { missedHours: 0 })
        continue
      }
      const others = [...heard].some((one) => one !== peer)
      if (!others || isLost(enrolment)) continue
      await this.#change(enrolled, { missedHours: enrolment.missedHours + 1 })
      if (enrolment.missedHours + 1 === LOST_AFTER_HOURS) this.#init.onLost?.(peer)
    }
  }

  /** Ms until a mailbox has answered; undefined while there is no connection, or when it does not answer. */
  async ping(mailbox: PeerName): Promise<number | undefined> {
    return this.#enrolled.get(mailbox)?.mailbox.ping()
  }

  /** What our links say about where mail for us can be left. */
  get named(): readonly {
    readonly account: AccountKey
    readonly addresses: readonly Uint8Array[]
  }[] {
    const enrolments = [...this.#enrolled.values()].map(({ enrolment }) => enrolment)
    return enrolments.filter(({ broken, leaveAt }) => !broken && leaveAt === 0)
  }

  /** All that we have enrolled with. */
  get accounts(): readonly AccountKey[] {
    return [...this.#enrolled.values()].map(({ enrolment }) => enrolment.account)
  }

  /**
   * It has broken its promise to hand out each pair once: our bundles do not name it any more. What it still holds is fetched.
   * Rejects with `StoreError`, and then nothing has changed.
   */
  async distrust(account: AccountKey): Promise<void> {
    await this.#lock.run(LOCK, async () => {
      const enrolled = this.#enrolled.get(peerName(account))
      if (enrolled === undefined || enrolled.enrolment.broken) return
      const enrolment = { ...enrolled.enrolment, broken: true }
      const others = this.named.filter((one) => one !== enrolled.enrolment)
      await this.#init.keys.setMailboxes(others, [putEnrolment(enrolment)])
      enrolled.enrolment = enrolment
    })
  }

  /**
   * Enrols with the mailbox of a link in the place of another: one commit makes the bundle name the new one and not the old one,
   * which is fetched from for a week more, until it is empty, and then left. Throws as `use`, and then nothing has changed.
   */
  async move(
    link: string | MailboxLink,
    from: PeerName,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<MailboxInfo> {
    const target = typeof link === 'string' ? decodeMailboxLink(link) : link
    if (peerName(target.account) === from) {
      throw new SottoError('INVALID_ARGUMENT', 'this is the mailbox that you want to leave')
    }
    return this.#use(target, from, options.signal)
  }

  /**
   * Names a mailbox in the bundle no more, fetches from it until `after` ms have passed and it is empty, and then ends the membership
   * there. Again, it changes the time. Throws `StoreError`, and then nothing has changed.
   */
  async leave(mailbox: PeerName, after: number = LEAVE_AFTER): Promise<void> {
    await this.#lock.run(LOCK, async () => {
      const enrolled = this.#enrolled.get(mailbox)
      if (enrolled === undefined) throw unknownMailbox()
      const enrolment = this.#leaving(enrolled, after)
      const others = this.named.filter((one) => one !== enrolled.enrolment)
      await this.#init.keys.setMailboxes(others, [putEnrolment(enrolment)])
      enrolled.enrolment = enrolment
      enrolled.mailbox.wake()
    })
  }

  #leaving({ enrolment }: Enrolled, after: number): Enrolment {
    return { ...enrolment, leaveAt: this.#init.clock.now() + after }
  }

  /**
   * Enrols with the mailbox of a link: joins, publishes a bundle that names it, uploads bundle and one-time pairs, and fetches.
   * With a mailbox that we use already, only its addresses change. Throws `DecodeError` for what is no mailbox link,
   * `MailboxError` (ERR_JOIN: the link is no longer good), `SottoError` NOT_ALLOWED above four mailboxes, or why the mailbox
   * cannot be reached. Once enrolled it does not throw: the connection may still be in the making.
   */
  async use(
    link: string | MailboxLink,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<MailboxInfo> {
    const target = typeof link === 'string' ? decodeMailboxLink(link) : link
    return this.#use(target, undefined, options.signal)
  }

  async #use(
    target: MailboxLink,
    from: PeerName | undefined,
    signal: AbortSignal | undefined,
  ): Promise<MailboxInfo> {
    const mailbox = await this.#lock.run(LOCK, () => this.#enrol(target, from, signal))
    if (this.#stopped) throw new SottoError('NODE_STOPPED', 'the node has stopped')
    mailbox.start()
    await this.#settled(mailbox, signal)
    return mailbox.info
  }

  async #enrol(
    link: MailboxLink,
    from: PeerName | undefined,
    signal: AbortSignal | undefined,
  ): Promise<OwnMailbox> {
    const { account, addresses } = link
    const peer = peerName(account)
    const known = this.#enrolled.get(peer)
    const old = from === undefined ? undefined : this.#enrolled.get(from)
    if (from !== undefined && old === undefined) throw unknownMailbox()
    this.#checkRoom(known, old)
    await this.#join(peer, link, signal)
    const now = this.#init.clock.now()
    const { joinedAt = now, refilledAt = 0 } = known?.enrolment ?? {}
    const enrolment = newEnrolment({ account, addresses }, { joinedAt, refilledAt })
    const left = old && this.#leaving(old, LEAVE_AFTER)
    const others = this.named.filter(
      (one) => peerName(one.account) !== peer && one !== old?.enrolment,
    )
    await this.#init.keys.setMailboxes(
      [...others, { account, addresses }],
      [enrolment, ...(left === undefined ? [] : [left])].map(putEnrolment),
    )
    if (old !== undefined && left !== undefined) old.enrolment = left
    old?.mailbox.wake()
    await known?.mailbox.stop()
    return this.#add(enrolment)
  }

  #checkRoom(known: Enrolled | undefined, old: Enrolled | undefined): void {
    const used = [...this.#enrolled.values()].filter(
      (one) => one !== known && one !== old && one.enrolment.leaveAt === 0,
    )
    if (used.length >= MAX_MAILBOXES || (!known && this.#enrolled.size >= MAX_ENROLLED)) {
      throw new SottoError('NOT_ALLOWED', `at most ${MAX_MAILBOXES} mailboxes at a time`)
    }
  }

  /** Its membership has ended. A record that could not be deleted makes us ask again, which changes nothing. */
  async #forget(mailbox: OwnMailbox): Promise<void> {
    const enrolled = this.#enrolled.get(mailbox.peer)
    if (enrolled?.mailbox !== mailbox || enrolled.enrolment.leaveAt === 0) return
    this.#enrolled.delete(mailbox.peer)
    this.#init.onLeft?.(mailbox.peer)
    await mailbox.stop()
    const key = keys.mailbox(enrolled.enrolment.account)
    await this.#init.records.commit([{ type: 'del', key }]).catch(() => undefined)
  }

  /** Until its first connection stands or has failed, for as long as the caller has patience. */
  async #settled(mailbox: OwnMailbox, signal: AbortSignal | undefined): Promise<void> {
    const { clock } = this.#init
    try {
      await withDeadline({ clock, timeout: SETTLE_TIMEOUT, signal }, () => mailbox.settled())
    } catch {
      // Enrolled all the same; `info` says that it is not connected.
    }
  }

  /** By a connection of its own: until we are a member, there is nothing else to ask. */
  async #join(peer: PeerName, link: MailboxLink, signal: AbortSignal | undefined): Promise<void> {
    const ignore = { onItems: () => undefined, onClosed: () => undefined }
    const addresses = addressTexts(link.addresses)
    this.#init.permit?.(addresses)
    const client = this.#connect(peer, addresses, ignore)
    const { clock } = this.#init
    try {
      await withDeadline({ clock, timeout: JOIN_TIMEOUT, signal }, (inner) =>
        client.join(link.joinSecret, { signal: inner }),
      )
    } finally {
      await client.close()
    }
  }

  #add(enrolment: Enrolment): OwnMailbox {
    const { wire, clock, random, keys, tokens, onItems } = this.#init
    const { account, addresses, refilledAt } = enrolment
    this.#init.permit?.(addressTexts(addresses))
    const mailbox = new OwnMailbox({
      wire,
      clock,
      random,
      keys,
      account,
      addresses,
      refilledAt,
      isBroken: () => this.#enrolled.get(mailbox.peer)?.enrolment.broken ?? false,
      leaveAt: () => this.#enrolled.get(mailbox.peer)?.enrolment.leaveAt || undefined,
      onLeft: () => void this.#lock.run(LOCK, () => this.#forget(mailbox)),
      onDrained: (unmatched) => this.#init.onDrained?.(mailbox.peer, unmatched),
      // What stands on its shelf from before is of another store of ours, or of this one before it went back.
      goodSince: () => Math.max(enrolment.joinedAt, this.#init.recoveredAt?.() ?? 0),
      saveRefill: (at) => this.#saveRefill(mailbox.peer, at),
      tokens,
      marks: this.#init.marks ?? NO_MARKS,
      connect: this.#connect,
      onItems,
      showing: () => this.#showing(mailbox.peer),
      onConnected: (peer, connected) => this.#onConnected(peer, connected),
      onStatus: (peer, status) => this.#onStatus(peer, status),
    })
    this.#enrolled.set(mailbox.peer, { enrolment, mailbox, seen: false })
    return mailbox
  }

  #showing(peer: PeerName): Pick<MailboxInfo, 'lost' | 'retiring'> {
    const enrolment = this.#enrolled.get(peer)?.enrolment
    if (enrolment === undefined) return { lost: false, retiring: null }
    return { lost: isLost(enrolment), retiring: retiringOf(enrolment) }
  }

  #onConnected(peer: PeerName, connected: boolean): void {
    const enrolled = this.#enrolled.get(peer)
    if (enrolled !== undefined && connected) {
      enrolled.seen = true
      enrolled.enrolment = { ...enrolled.enrolment, missedHours: 0 } // stored with the next look
    }
    this.#init.onConnected?.(peer, connected)
  }

  #onStatus(peer: PeerName, status: MailboxStatus): void {
    this.heardFrom(peer)
    this.#init.onStatus?.(peer, status)
    const notice = status.retirement?.signed ?? new Uint8Array(0)
    const stored = this.#enrolled.get(peer)?.enrolment.retirement
    if (stored === undefined || equalBytes(stored, notice)) return
    // What cannot be stored is heard again with the next status.
    void this.#lock.run(LOCK, () => this.#keepNotice(peer, notice)).catch(() => undefined)
  }

  async #keepNotice(peer: PeerName, retirement: Uint8Array): Promise<void> {
    const enrolled = this.#enrolled.get(peer)
    if (enrolled === undefined || equalBytes(enrolled.enrolment.retirement, retirement)) return
    await this.#change(enrolled, { retirement })
    const retiring = retiringOf(enrolled.enrolment)
    if (retiring !== null) this.#init.onRetiring?.(peer, retiring.successor)
  }

  async #change(enrolled: Enrolled, change: Partial<Enrolment>): Promise<void> {
    let base: Enrolment
    do {
      base = enrolled.enrolment
      if (this.#enrolled.get(peerName(base.account)) !== enrolled) return // left meanwhile
      await this.#init.records.commit([putEnrolment({ ...base, ...change })])
    } while (enrolled.enrolment !== base) // somebody else's change must not be undone by ours
    enrolled.enrolment = { ...base, ...change }
  }

  async #saveRefill(peer: PeerName, refilledAt: number): Promise<void> {
    const enrolled = this.#enrolled.get(peer)
    if (enrolled === undefined) return
    await this.#change(enrolled, { refilledAt })
  }
}

/** Clients that log in as our account, all with one instance id: a mailbox tells by it whether two copies of us run. */
function connector({ wire, clock, random, account }: OwnMailboxesInit): ConnectOwn {
  const instanceId = random(INSTANCE_ID_BYTES)
  return (mailbox, addresses, listener) =>
    new MailboxClient({
      wire,
      mailbox,
      addresses,
      clock,
      random,
      owner: account,
      instanceId,
      ...listener,
    })
}

function unknownMailbox(): SottoError {
  return new SottoError('MAILBOX_NOT_FOUND', 'this is no mailbox of yours')
}
