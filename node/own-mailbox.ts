/**
 * One of our own mailboxes: keeps a connection to it, takes what it hands over, acknowledges what was committed, and keeps our
 * bundle and one-time pairs there up to date. Which mailboxes there are is the business of own-mailboxes.ts.
 */
import { MAX_CLOCK_SKEW } from '../protocol/record-time.ts'
import { addressTexts } from '../net/address.ts'
import { backoff, between } from '../net/backoff.ts'
import { MailboxError } from '../net/mailbox-error.ts'
import { peerName } from '../net/peer-name.ts'
import { withDeadline } from './deadline.ts'
import { SESSION_MAIL_TTL } from './lifetimes.ts'
import { PairRefill, type UploadPairs } from './pair-refill.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { MailboxClient, MailboxItem, MailboxStatus, TokenSlot } from '../net/mailbox-client.ts'
import type { Clock, PeerName, Timer, Wire } from '../net/ports.ts'
import type { MailboxInfo } from './api.ts'
import type { Marks } from './mark-keeper.ts'
import type { OwnKeys } from './own-keys.ts'

/**
 * Takes a run of envelopes. Resolves, after the commit, to the ids that the mailbox may delete; the others are handed over
 * again. A rejection leaves all of them.
 */
export type TakeItems = (
  mailbox: PeerName,
  items: readonly MailboxItem[],
) => Promise<readonly bigint[]>

/** What we ask of our own mailbox. */
export type OwnMailboxClient = Pick<
  MailboxClient,
  | 'join'
  | 'leave'
  | 'putBundle'
  | 'putPrekeys'
  | 'putTokens'
  | 'putMark'
  | 'fetch'
  | 'acknowledge'
  | 'status'
  | 'close'
>

export interface ClientListener {
  readonly onItems: (items: readonly MailboxItem[]) => void
  readonly onClosed: () => void
}

/** What is brought to every mailbox of ours: all delivery tokens at once, on each connection and after each change. */
export interface TokenList {
  /** Rises with each change. */
  readonly version: number
  /** Hands `put` the list of one mailbox, more than once where it is too long for it. Rejects as `put`. */
  readonly bring: (
    mailbox: AccountKey,
    put: (slots: readonly TokenSlot[]) => Promise<void>,
  ) => Promise<void>
}

/** Makes a client that opens its stream, and logs in, with the first request. */
export type ConnectOwn = (
  mailbox: PeerName,
  addresses: readonly string[],
  listener: ClientListener,
) => OwnMailboxClient

export interface OwnMailboxInit {
  readonly wire: Wire
  readonly clock: Clock
  readonly random: RandomBytes
  readonly keys: OwnKeys
  readonly account: AccountKey
  /** Binary multiaddrs. */
  readonly addresses: readonly Uint8Array[]
  readonly refilledAt: number
  /** Unix ms: one-time pairs that were issued before are void; 0 for none. */
  readonly goodSince: () => number
  readonly saveRefill: (refilledAt: number) => Promise<void>
  /** It has handed out a pair twice: it gets no more. */
  readonly isBroken: () => boolean
  /** Unix ms from which on it is to be left once it is empty; undefined: it stays. */
  readonly leaveAt: () => number | undefined
  /** What is known of it besides. */
  readonly showing: () => Pick<MailboxInfo, 'lost' | 'retiring'>
  /** Told once when it was left, or given up after it could not be reached for long: nothing more happens here. */
  readonly onLeft: () => void
  /** Pairs were handed out for which no first message has come. */
  readonly onDrained: (unmatched: number) => void
  /** The delivery tokens that it has to know. */
  readonly tokens: TokenList
  /** How far our store is. */
  readonly marks: Marks
  readonly connect: ConnectOwn
  readonly onItems: TakeItems
  readonly onConnected: (mailbox: PeerName, connected: boolean) => void
  /** Told of each answer to our question how things stand. */
  readonly onStatus: (mailbox: PeerName, status: MailboxStatus) => void
}

/** Between two attempts to connect. */
const RECONNECT = { base: 1_000, max: 5 * 60_000 }

/** A connection is asked at least this often what is there: that it is open says nothing. */
const LIVENESS = 5 * 60_000

const REQUEST_TIMEOUT = 30_000

/** A mailbox that is to be left and cannot be reached is given up this long after: what waited there has expired by then. */
const GIVE_UP = SESSION_MAIL_TTL

/** What we could not take when it was handed over is fetched again after this. */
const COME_AGAIN = 10_000

/**
 *   stopped --start--> connecting --fetched--> connected --closed, no answer--> waiting --time, peer connects--> connecting
 *                                                  '--to be left, and empty--> left
 *      ^------------------------------------- stop, from everywhere -------------------------------------'
 */
export class OwnMailbox {
  readonly peer: PeerName
  readonly #init: OwnMailboxInit
  readonly #addresses: readonly string[]
  readonly #refill: PairRefill
  #shutdown = new AbortController()
  #running: Promise<void> | undefined
  #connected = false
  #client: OwnMailboxClient | undefined
  #status: MailboxStatus | undefined
  /** Ends the present pause. */
  #wake: (() => void) | undefined
  /** `wake` was called since the last look at what is to do. */
  #woken = false
  #attempt = 0
  /** Of the list that it got on this connection: it may have lost what it had before. */
  #tokenVersion: number | undefined
  /** The runs that were handed over, one after another; resolves when all are dealt with. */
  #handling: Promise<void> = Promise.resolve()
  #inHand = 0
  #left = false
  #firstTry = Promise.withResolvers<void>()
  #unwatch: () => void = () => undefined

  constructor(init: OwnMailboxInit) {
    this.#init = init
    this.peer = peerName(init.account)
    this.#addresses = addressTexts(init.addresses)
    const { clock, random, keys, account: mailbox, saveRefill: save, onDrained } = init
    const { refilledAt, goodSince } = init
    const refill = { clock, random, keys, mailbox, refilledAt, goodSince, save, onDrained }
    this.#refill = new PairRefill(refill)
  }

  /** As the mailbox last said; null for what it has not said yet. */
  get info(): MailboxInfo {
    const status = this.#status
    return {
      peer: this.peer,
      addresses: this.#addresses,
      connected: this.#connected,
      usedBytes: status?.usedBytes ?? null,
      maxBytes: status?.maxBytes ?? null,
      waiting: status?.waiting ?? null,
      oneTimePairs: status?.oneTimePairs ?? null,
      broken: this.#init.isBroken(),
      leavingAt: this.#init.leaveAt() ?? null,
      ...this.#init.showing(),
      otherCopies: status?.otherInstances ?? null,
      restoredAt: status === undefined || status.restoredAt === 0 ? null : status.restoredAt,
    }
  }

  /** Begins to connect, and to connect again whenever the connection is lost. */
  start(): void {
    const { wire } = this.#init
    this.#shutdown = new AbortController()
    this.#unwatch = wire.watch((peer, connected) => {
      // Only while waiting: during an attempt it is our own dialling, which must not undo the back-off.
      if (peer !== this.peer || !connected || this.#connected || this.#wake === undefined) return
      this.#attempt = 0
      this.wake()
    })
    this.#running = this.#run(this.#shutdown.signal)
  }

  /** Resolves when nothing of it runs any more; a run of envelopes that is being committed is waited for. */
  async stop(): Promise<void> {
    this.#unwatch()
    this.#shutdown.abort(new DOMException('the node stops', 'AbortError'))
    this.wake()
    await this.#running
    await this.#handling
  }

  /** Resolves when the first attempt to connect has ended, well or not: `info` tells. */
  async settled(): Promise<void> {
    await this.#firstTry.promise
  }

  /** Ms until it has answered; undefined while there is no connection, or when it does not answer. */
  async ping(): Promise<number | undefined> {
    const client = this.#client
    if (client === undefined || !this.#connected) return undefined
    const { clock } = this.#init
    const began = clock.now()
    try {
      await this.#request(this.#shutdown.signal, (inner) => client.status({ signal: inner }))
      return Math.max(0, clock.now() - began)
    } catch {
      return undefined
    }
  }

  /** There is something to do now: the bundle changed, or the peer is there. */
  wake(): void {
    this.#woken = true
    this.#wake?.()
  }

  /** Connects, and again, until `signal` is aborted. Never rejects. */
  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#connection(signal)
      } catch {
        // Not reachable, not a member, or gone silent: all the same to us, and tried again. `info` shows it.
      }
      this.#setConnected(false)
      this.#firstTry.resolve()
      if (this.#isDue(GIVE_UP)) this.#left = true
      if (this.#left) return this.#init.onLeft()
      if (signal.aborted) return
      const { random } = this.#init
      await this.#pause(backoff(this.#attempt, { ...RECONNECT, random }))
      this.#attempt += 1
    }
  }

  /** One connection, from its first request to its end. */
  async #connection(signal: AbortSignal): Promise<void> {
    let closed = false
    this.#tokenVersion = undefined
    const client = this.#init.connect(this.peer, this.#addresses, {
      onItems: (items) => this.#take(client, items, signal),
      onClosed: () => {
        closed = true
        this.wake()
      },
    })
    this.#client = client
    try {
      await this.#ask(client, signal).catch(this.#refused)
      await this.#fetch(client, signal)
      this.#attempt = 0
      this.#setConnected(true)
      while (!closed && !this.#left && !signal.aborted) {
        this.#woken = false
        await this.#tend(client, signal)
        this.#firstTry.resolve()
        if (closed || this.#left) return
        if (!this.#woken) await this.#pause(between(0.75 * LIVENESS, LIVENESS, this.#init.random))
        if (closed || signal.aborted) return
        const { waiting } = await this.#ask(client, signal)
        // What it still holds while we are dealing with nothing was left over by an earlier run.
        if (waiting > 0 && this.#inHand === 0) await this.#fetch(client, signal)
      }
    } finally {
      this.#client = undefined
      await client.close()
    }
  }

  /** Whether it is still there, and how far our store was: before anything is taken that it hands over. */
  async #ask(client: OwnMailboxClient, signal: AbortSignal): Promise<MailboxStatus> {
    const status = await this.#request(signal, (inner) => client.status({ signal: inner }))
    this.#status = status
    this.#init.onStatus(this.peer, status)
    await this.#init.marks.heard(this.#init.account, status.mark)
    return status
  }

  #fetch(client: OwnMailboxClient, signal: AbortSignal): Promise<void> {
    return this.#request(signal, (inner) => client.fetch({ signal: inner }))
  }

  /** Brings it what it does not have yet. */
  async #tend(client: OwnMailboxClient, signal: AbortSignal): Promise<void> {
    await tolerating(() => this.#putBundle(client, signal))
    if (this.#isDue() && this.#status?.waiting === 0 && this.#inHand === 0) {
      return tolerating(() => this.#leave(client, signal))
    }
    await tolerating(() => this.#putTokens(client, signal))
    await tolerating(() => this.#putPairs(client, signal))
    await tolerating(() => this.#putMark(client, signal))
  }

  /** With each look and each fetch, whether it has changed or not: when we write is not the mailbox's business. */
  async #putMark(client: OwnMailboxClient, signal: AbortSignal): Promise<void> {
    const { marks, account } = this.#init
    const mark = await marks.next(account)
    if (mark === undefined) return
    await this.#request(signal, (inner) => client.putMark(mark, { signal: inner }))
  }

  /** A mailbox that is to be left and does not know us has been left before: we have not heard the answer, or not kept it. */
  readonly #refused = (cause: unknown): never => {
    const unknown = cause instanceof MailboxError && cause.code === 'ERR_UNAVAILABLE'
    if (unknown && this.#isDue()) this.#left = true
    throw cause
  }

  /** Whether the time has come to leave it, and `after` ms have passed since. */
  #isDue(after = 0): boolean {
    const leaveAt = this.#init.leaveAt()
    return leaveAt !== undefined && this.#init.clock.now() >= leaveAt + after
  }

  /** What comes in this very moment is lost there; who sent it still has it. */
  async #leave(client: OwnMailboxClient, signal: AbortSignal): Promise<void> {
    await this.#request(signal, (inner) => client.leave({ signal: inner }))
    this.#left = true
  }

  async #putBundle(client: OwnMailboxClient, signal: AbortSignal): Promise<void> {
    const { bytes, sequence } = this.#init.keys.bundle
    if (this.#status === undefined || this.#status.bundleSequence >= sequence) return
    await this.#request(signal, (inner) => client.putBundle(bytes, { signal: inner }))
  }

  async #putTokens(client: OwnMailboxClient, signal: AbortSignal): Promise<void> {
    const { tokens, account } = this.#init
    const { version } = tokens
    if (this.#tokenVersion === version) return
    await tokens.bring(account, (slots) =>
      this.#request(signal, (inner) => client.putTokens(slots, { signal: inner })),
    )
    this.#tokenVersion = version
  }

  async #putPairs(client: OwnMailboxClient, signal: AbortSignal): Promise<void> {
    const unused = this.#init.isBroken() || this.#init.leaveAt() !== undefined
    if (this.#status === undefined || unused) return
    const { oneTimePairs, restoredAt } = this.#status
    const after = restoredAt === 0 ? 0 : restoredAt + MAX_CLOCK_SKEW
    const upload: UploadPairs = (signed, voidUntil) =>
      this.#request(signal, (inner) => client.putPrekeys(signed, { voidUntil, signal: inner }))
    const onShelf = await this.#refill.tend(oneTimePairs, upload, after)
    this.#status = { ...this.#status, oneTimePairs: onShelf }
  }

  /** One run after another, so that they are committed in the order in which the mailbox took them. */
  #take(client: OwnMailboxClient, items: readonly MailboxItem[], signal: AbortSignal): void {
    if (items.length === 0) return
    this.#inHand += 1
    this.#handling = this.#handling
      .then(() => (signal.aborted ? undefined : this.#handle(client, items, signal)))
      .catch(() => undefined) // not committed or not acknowledged: it is handed over again
      .finally(() => {
        this.#inHand -= 1
      })
  }

  async #handle(
    client: OwnMailboxClient,
    items: readonly MailboxItem[],
    signal: AbortSignal,
  ): Promise<void> {
    const committed = new Set(await this.#init.onItems(this.peer, items))
    const ids = items.map(({ id }) => id).filter((id) => committed.has(id))
    if (ids.length < items.length) this.#init.clock.after(COME_AGAIN, () => this.wake())
    if (ids.length === 0) return
    await this.#request(signal, (inner) => client.acknowledge(ids, { signal: inner }))
    await tolerating(() => this.#putMark(client, signal))
    if (this.#status === undefined) return
    // Between two answers of the mailbox: who waits for it to be empty sees it.
    this.#status = { ...this.#status, waiting: Math.max(0, this.#status.waiting - ids.length) }
  }

  #request<T>(signal: AbortSignal, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline({ clock: this.#init.clock, timeout: REQUEST_TIMEOUT, signal }, task)
  }

  #setConnected(connected: boolean): void {
    if (this.#connected === connected) return
    this.#connected = connected
    this.#init.onConnected(this.peer, connected)
  }

  /** Until the time is up or `wake`. */
  async #pause(ms: number): Promise<void> {
    let timer: Timer | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = this.#init.clock.after(ms, resolve)
    })
    this.#wake = undefined
    timer?.cancel()
  }
}

/** Runs a step whose refusal by the mailbox is no reason to give up the connection. */
async function tolerating(step: () => Promise<void>): Promise<void> {
  try {
    await step()
  } catch (cause) {
    const gone = cause instanceof MailboxError && /^ERR_(?:CLOSED|PROTOCOL)$/.test(cause.code)
    if (gone || !(cause instanceof MailboxError)) throw cause
  }
}
