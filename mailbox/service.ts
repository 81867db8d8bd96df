// The mailbox itself: everything wired together, over ports. It knows neither libp2p nor a file system.

import { ready } from '../protocol/crypto.ts'
import { MAX_MAILBOX_FRAME_BYTES } from '../net/mailbox-messages.ts'
import { MAILBOX_PROTOCOL } from '../net/names.ts'
import { accountOf } from '../net/peer-name.ts'
import { StoreError } from '../net/store-error.ts'
import { UnreadBytes } from '../net/unread.ts'
import { Bundles } from './bundles.ts'
import { Deposits } from './deposits.ts'
import { Gate } from './gate.ts'
import { makeFirstInvitation } from './first-invitation.ts'
import { SWEEP_MS } from './limits.ts'
import { NO_OBSERVER } from './observer.ts'
import { Presence } from './presence.ts'
import { PrekeyShelf } from './prekey-shelf.ts'
import { Outlets } from './push.ts'
import { Republisher } from './republish.ts'
import { Requests } from './requests.ts'
import { Restored } from './restored.ts'
import { Retirement } from './retirement.ts'
import { Rules } from './rules.ts'
import { TimeBase } from './time-base.ts'
import { Visit } from './visit.ts'
import type { Account, AccountKey } from '../protocol/account.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Channel, Clock, Directory, PeerName, Timer, Wire } from '../net/ports.ts'
import type { MailboxLimits } from './limits.ts'
import type { MailboxObserver } from './observer.ts'
import type { MailboxStore } from './store.ts'

export interface MailboxServiceInit {
  /** Its peer must be `account`. */
  readonly wire: Wire
  /** Made with the limits of the same rules. The service starts and stops it. */
  readonly store: MailboxStore
  readonly account: Account
  readonly clock: Clock
  readonly random: RandomBytes
  /** Where bundles of owners who are away are put back; without one they are not. */
  readonly directory?: Directory
  /** Of the first invitation, see `makeFirstInvitation`. Without one, the invitations stay as they are. */
  readonly joinSecret?: Uint8Array
  readonly rules?: Rules
  readonly observer?: MailboxObserver
}

/** Counts for the operator. They name nobody. */
export interface MailboxServiceStatus {
  readonly members: number
  /** Those of them who are suspended. */
  readonly suspended: number
  /** Boxes in which mail waits. */
  readonly boxes: number
  readonly channels: number
  /** Envelopes that wait, and their bytes. */
  readonly waiting: number
  readonly waitingBytes: number
  readonly oneTimePairs: number
  /** Since the mailbox began: accepted = removed + waiting. Anything else is a fault of the store. */
  readonly accepted: number
  readonly removed: number
  /** Of those: had by their owners, and never fetched until their promise ended. */
  readonly acknowledged: number
  readonly expired: number
  readonly republished: number
  /** Unix ms of the last restore from a backup; 0 for none. */
  readonly restoredAt: number
  /** It takes no new mail and no new members; with nothing waiting any more it can stop. */
  readonly draining: boolean
  /**
   * Records that were found damaged and left out: mail, pairs or members that are lost. Where there is a witness, also how often the
   * store was found to have less than it once had. Above 0, look at the disk.
   */
  readonly damaged: number
}

/** How long `stop` waits for requests that are being worked on. */
const STOP_MS = 10_000

/**
 *   stopped --start--> running --stop--> stopped
 *                      running --a write failed: channels end--> running
 */
export class MailboxService {
  readonly #init: MailboxServiceInit
  readonly #limits: MailboxLimits
  readonly #observer: MailboxObserver
  readonly #store: MailboxStore
  readonly #time: TimeBase
  readonly #restored: Restored
  readonly #outlets = new Outlets()
  readonly #presence: Presence
  /** Whether the mailbox is about to end, and what its members are told. */
  readonly retirement: Retirement
  readonly #requests: Requests
  readonly #republisher: Republisher | undefined
  readonly #gate: Gate
  readonly #visits = new Set<Visit>()
  #status: 'stopped' | 'running' = 'stopped'
  #timer: Timer | undefined
  #sweeping: Promise<void> | undefined

  constructor(init: MailboxServiceInit) {
    this.#init = init
    const { store, account, clock, random, directory, rules = new Rules() } = init
    const { limits, joining } = rules
    const { observer = NO_OBSERVER } = init
    this.#limits = limits
    this.#observer = observer
    const time = new TimeBase({ store, clock })
    const restored = new Restored(store)
    const base = { account, store, clock, time, limits, restored }
    this.#store = store
    this.#restored = restored
    this.#time = time
    this.#presence = new Presence((owner) => void this.#left(owner))
    const parts = { ...base, bundles: new Bundles(base), presence: this.#presence }
    this.retirement = new Retirement(base)
    this.#requests = new Requests({
      ...parts,
      retirement: this.retirement,
      joining,
      observer,
      shelf: new PrekeyShelf(base),
      deposits: new Deposits(base),
      outlets: this.#outlets,
    })
    this.#republisher =
      directory === undefined ? undefined : new Republisher({ ...parts, directory, random })
    this.#gate = new Gate({ count: Number.MAX_SAFE_INTEGER, bytes: limits.requestBytes })
    store.onMail((owner) => void this.#outlets.poke(owner))
    store.onFailure(() => this.#onStoreFailure())
  }

  /** Reads the store and begins to serve. Throws `StoreError`, or what the wire throws. */
  async start(): Promise<void> {
    if (this.#status === 'running') return
    await ready
    await this.#store.start()
    await this.#time.start()
    await this.#restored.load()
    await this.retirement.load()
    const { joinSecret, wire } = this.#init
    if (joinSecret !== undefined) {
      await makeFirstInvitation(this.#store, joinSecret, this.#time.now())
    }
    this.#status = 'running'
    const options = {
      maxFrameBytes: MAX_MAILBOX_FRAME_BYTES,
      maxChannels: this.#limits.peerChannels,
      unread: new UnreadBytes(this.#limits.unreadBytes),
    }
    await wire.handle(MAILBOX_PROTOCOL, options, (channel) => this.#onChannel(channel))
    this.#tick()
  }

  /** Finishes the requests that are being worked on, ends all channels, and makes everything durable. */
  async stop(): Promise<void> {
    if (this.#status === 'stopped') return
    this.#status = 'stopped'
    this.#timer?.cancel()
    this.#republisher?.stop()
    await this.#init.wire.unhandle(MAILBOX_PROTOCOL)
    const late = this.#init.clock.after(STOP_MS, () => this.#abortAll('stopped'))
    await Promise.all([...this.#visits].map((visit) => visit.close()))
    late.cancel()
    await this.#sweeping
    // All that was promised is on the disk, also where that takes no more.
    await this.#time.step().catch(unlessStoreFails)
    await this.#store.stop().catch(unlessStoreFails)
  }

  /** The time by which mail and invitations expire. */
  now(): number {
    return this.#time.now()
  }

  async status(): Promise<MailboxServiceStatus> {
    const { acknowledged, expired, removed, ...statistics } = await this.#store.statistics()
    return {
      ...statistics,
      acknowledged,
      expired,
      removed: acknowledged + expired + removed,
      channels: this.#visits.size,
      republished: this.#republisher?.published ?? 0,
      restoredAt: this.#restored.at,
      draining: this.retirement.isDraining,
    }
  }

  /** How long the oldest mail has been waiting, in ms; 0 when there is none. It looks into every box. */
  async oldestMs(): Promise<number> {
    const oldest = await this.#store.oldest()
    return oldest === undefined ? 0 : Math.max(0, this.#time.now() - oldest)
  }

  /** Whether this peer is a member here. Rejects with `StoreError`, and for a name that no account can have. */
  async isMember(peer: PeerName): Promise<boolean> {
    return (await this.#store.member(accountOf(peer))) !== undefined
  }

  async #onChannel(channel: Channel): Promise<void> {
    const isMember = await this.isMember(channel.peer)
    if (this.#status !== 'running' || !this.#hasRoom(isMember)) {
      throw new Error('no room for another channel')
    }
    const { clock, random } = this.#init
    const [requests, gate, limits] = [this.#requests, this.#gate, this.#limits]
    const observer = this.#observer
    const visit = new Visit({ channel, requests, gate, clock, random, limits, observer })
    this.#visits.add(visit)
    try {
      await visit.run()
    } finally {
      this.#visits.delete(visit)
    }
  }

  /** Names are free, so whoever has enough of them could take all channels: some are kept for members. */
  #hasRoom(isMember: boolean): boolean {
    const { channels, memberChannels } = this.#limits
    // An operator who lowers one limit and not the other must not shut strangers out.
    const strangers = Math.max(channels - memberChannels, channels / 2)
    return this.#visits.size < (isMember ? channels : strangers)
  }

  /** What must happen now and then: expiry, republication, the time base. */
  #tick(): void {
    this.#timer = this.#init.clock.after(SWEEP_MS, () => this.#tick())
    void this.#republisher?.run()
    // A failing store is reported by the request that meets it next; the next round does it again.
    this.#sweeping ??= this.#sweep()
      .catch(() => undefined)
      .finally(() => {
        this.#sweeping = undefined
      })
  }

  async #sweep(): Promise<void> {
    await this.#time.step()
    await this.retirement.load()
    const before = await this.#store.statistics()
    while (this.#status === 'running' && (await this.#store.expire(this.#time.now())));
    const envelopes = (await this.#store.statistics()).expired - before.expired
    if (envelopes > 0) this.#observer.observe({ kind: 'expire', envelopes })
  }

  /** An owner's last channel has gone. Whoever is no member is not worth a memory. */
  async #left(owner: AccountKey): Promise<void> {
    if (this.#republisher === undefined) return
    try {
      if ((await this.#store.member(owner)) !== undefined) this.#republisher.left(owner)
    } catch (cause) {
      if (!(cause instanceof StoreError)) throw cause // then it is due as after a start
    }
  }

  #onStoreFailure(): void {
    if (this.#status !== 'running') return
    this.#observer.observe({ kind: 'store-failure' })
    this.#requests.failed()
    this.#abortAll('the store failed')
  }

  #abortAll(reason: string): void {
    for (const visit of this.#visits) visit.abort(new Error(reason))
  }
}

function unlessStoreFails(cause: unknown): void {
  if (!(cause instanceof StoreError)) throw cause
}
