// The mailbox itself: everything wired together, over ports. It knows neither libp2p nor a file system.

import { ready } from '../protocol/crypto.ts'
import { MAX_MAILBOX_FRAME_BYTES } from '../net/mailbox-messages.ts'
import { MAILBOX_PROTOCOL } from '../net/names.ts'
import { accountOf } from '../net/peer-name.ts'
import { Bundles } from './bundles.ts'
import { Deposits } from './deposits.ts'
import { Expiry } from './expiry.ts'
import { Gate } from './gate.ts'
import { DEFAULT_LIMITS, SWEEP_MS } from './limits.ts'
import { Members } from './members.ts'
import { Presence } from './presence.ts'
import { PrekeyShelf } from './prekey-shelf.ts'
import { Outlets } from './push.ts'
import { Queue } from './queue.ts'
import { Republisher } from './republish.ts'
import { Requests } from './requests.ts'
import { SoundRecords } from './sound-records.ts'
import { TimeBase } from './time-base.ts'
import { Visit } from './visit.ts'
import type { Account } from '../protocol/account.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Channel, Clock, Directory, Timer, Wire } from '../net/ports.ts'
import type { Records } from '../net/records.ts'
import type { MailboxLimits } from './limits.ts'

export interface MailboxServiceInit {
  /** Its peer must be `account`. */
  readonly wire: Wire
  /** Stays with its owner, who closes it after `stop`. */
  readonly records: Records
  readonly account: Account
  readonly clock: Clock
  readonly random: RandomBytes
  /** Where bundles of owners who are away are put back; without one they are not. */
  readonly directory?: Directory
  /** Who knows it may join. Without one, the secret of the last start holds; if there was none, nobody can join. */
  readonly joinSecret?: Uint8Array
  readonly limits?: Partial<MailboxLimits>
}

/** Counts for the operator. They name nobody. */
export interface MailboxServiceStatus {
  readonly members: number
  readonly channels: number
  /** Envelopes that wait, and their bytes. */
  readonly waiting: number
  readonly waitingBytes: number
  readonly oneTimePairs: number
  /** Since the start: accepted = removed + what was added to waiting. */
  readonly accepted: number
  readonly removed: number
  readonly expired: number
  readonly republished: number
  /** Records that were found damaged and left out: mail, pairs or members that are lost. Above 0, look at the disk. */
  readonly damaged: number
}

/** After a failed write, time until the next try to read the store. */
const RELOAD_MS = 1000

/** How long `stop` waits for requests that are being worked on. */
const STOP_MS = 5000

/**
 *   stopped --start--> running --stop--> stopped
 *                      running --a write failed: channels end, memory is read again--> running
 */
export class MailboxService {
  readonly #init: MailboxServiceInit
  readonly #limits: MailboxLimits
  readonly #sound: SoundRecords
  readonly #members: Members
  readonly #bundles: Bundles
  readonly #deposits: Deposits
  readonly #queue: Queue
  readonly #shelf: PrekeyShelf
  readonly #expiry: Expiry
  readonly #time: TimeBase
  readonly #outlets = new Outlets()
  readonly #presence: Presence
  readonly #requests: Requests
  readonly #republisher: Republisher | undefined
  readonly #gate: Gate
  readonly #visits = new Set<Visit>()
  #status: 'stopped' | 'running' = 'stopped'
  #timer: Timer | undefined
  #sweeping: Promise<void> | undefined
  /** Set while what is in memory may differ from what is in the store. */
  #reloading: Promise<void> | undefined

  constructor(init: MailboxServiceInit) {
    this.#init = init
    this.#limits = { ...DEFAULT_LIMITS, ...init.limits }
    const { records, account, clock, random, directory } = init
    const limits = this.#limits
    const sound = new SoundRecords(records)
    const members = new Members({ records, sound, limits })
    const time = new TimeBase({ records, sound, clock })
    const base = { account, records, sound, members, clock, time, limits }
    this.#sound = sound
    this.#members = members
    this.#time = time
    this.#bundles = new Bundles(base)
    this.#queue = new Queue(base)
    this.#shelf = new PrekeyShelf(base)
    this.#deposits = new Deposits({
      ...base,
      onStored: (member) => void this.#outlets.poke(member),
    })
    this.#presence = new Presence((owner) => {
      const member = members.find(owner)
      if (member !== undefined) this.#republisher?.left(member.number)
    })
    const parts = { ...base, bundles: this.#bundles, presence: this.#presence, queue: this.#queue }
    const { shelf, deposits, outlets } = {
      shelf: this.#shelf,
      deposits: this.#deposits,
      outlets: this.#outlets,
    }
    this.#expiry = new Expiry({ ...parts, shelf })
    this.#requests = new Requests({ ...parts, shelf, deposits, outlets })
    this.#republisher =
      directory === undefined ? undefined : new Republisher({ ...parts, directory, random })
    this.#gate = new Gate({ count: Number.MAX_SAFE_INTEGER, bytes: limits.requestBytes })
    records.onFailure(() => this.#onStoreFailure())
  }

  /** Reads the store and begins to serve. Throws `StoreError`, or what the wire throws. */
  async start(): Promise<void> {
    if (this.#status === 'running') return
    await ready
    await this.#time.start()
    await this.#load()
    const { joinSecret, wire } = this.#init
    if (joinSecret !== undefined && !this.#members.isJoinSecret(joinSecret)) {
      await this.#members.setJoinSecret(joinSecret)
    }
    this.#status = 'running'
    const options = {
      maxFrameBytes: MAX_MAILBOX_FRAME_BYTES,
      maxChannels: this.#limits.peerChannels,
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
    this.#time.step()
    await this.#init.records.flush()
  }

  status(): MailboxServiceStatus {
    let [waiting, waitingBytes, oneTimePairs] = [0, 0, 0]
    for (const { messages, bytes, pairs } of this.#members.all()) {
      waiting += messages
      waitingBytes += bytes
      oneTimePairs += pairs
    }
    return {
      members: this.#members.count,
      channels: this.#visits.size,
      waiting,
      waitingBytes,
      oneTimePairs,
      accepted: this.#deposits.accepted,
      removed: this.#queue.removed,
      expired: this.#expiry.expired,
      republished: this.#republisher?.published ?? 0,
      damaged: this.#sound.damaged,
    }
  }

  async #load(): Promise<void> {
    await this.#members.load()
    await this.#bundles.load()
  }

  async #onChannel(channel: Channel): Promise<void> {
    await this.#reloading
    if (this.#status !== 'running' || !this.#hasRoom(channel)) {
      throw new Error('no room for another channel')
    }
    const { clock, random } = this.#init
    const [requests, gate, limits] = [this.#requests, this.#gate, this.#limits]
    const visit = new Visit({ channel, requests, gate, clock, random, limits })
    this.#visits.add(visit)
    try {
      await visit.run()
    } finally {
      this.#visits.delete(visit)
    }
  }

  /** Names are free, so whoever has enough of them could take all channels: some are kept for members. */
  #hasRoom({ peer }: Channel): boolean {
    const isMember = this.#members.find(accountOf(peer)) !== undefined
    const { channels, memberChannels } = this.#limits
    // An operator who lowers one limit and not the other must not shut strangers out.
    const strangers = Math.max(channels - memberChannels, channels / 2)
    return this.#visits.size < (isMember ? channels : strangers)
  }

  /** What must happen now and then: expiry, republication, the time base. */
  #tick(): void {
    this.#timer = this.#init.clock.after(SWEEP_MS, () => this.#tick())
    this.#time.step()
    void this.#republisher?.run()
    // A failing store is reported by the request that meets it next; the sweep comes again.
    this.#sweeping ??= this.#expiry
      .sweep(() => this.#status === 'running')
      .catch(() => undefined)
      .finally(() => {
        this.#sweeping = undefined
      })
  }

  #onStoreFailure(): void {
    if (this.#status !== 'running') return
    this.#requests.failed()
    this.#abortAll('the store failed')
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = undefined
    })
  }

  async #reload(): Promise<void> {
    const { clock } = this.#init
    while (this.#status === 'running') {
      try {
        return await this.#load()
      } catch {
        await new Promise<void>((resolve) => clock.after(RELOAD_MS, resolve)) // until the store is back
      }
    }
  }

  #abortAll(reason: string): void {
    for (const visit of this.#visits) visit.abort(new Error(reason))
  }
}
