/**
 * Connections to the mailboxes of other people, for deposits, prekeys and bundles, each under a name of its own that is thrown
 * away with it. Opened on need, closed when idle or after a day, forgotten when they fail: the next call tries afresh, as
 * somebody else. Our own mailboxes are own-mailboxes.ts.
 */
import { between } from '../net/backoff.ts'
import { MailboxError } from '../net/mailbox-error.ts'
import { peerName } from '../net/peer-name.ts'
import { withDeadline } from './deadline.ts'
import { deliveryTokenBytes, type DeliveryToken } from '../protocol/delivery-token.ts'
import { Visitor } from './foreign-mailbox.ts'
import { DAY, HOUR } from './lifetimes.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { CallOptions, DepositInit, TakenPrekeys } from '../net/mailbox-client.ts'
import type { Clock, PeerName, ThrowAwayWires, Timer } from '../net/ports.ts'
import type { ForeignMailbox } from './foreign-mailbox.ts'

/** A mailbox of somebody, as a link or a bundle names it. */
export interface MailboxHint {
  readonly account: AccountKey
  readonly addresses: readonly string[]
  /** What the owner gave us for this mailbox, and for no other. Absent: we come as a stranger. */
  readonly token?: DeliveryToken
}

export interface MailboxPoolInit {
  readonly wires: ThrowAwayWires
  readonly clock: Clock
  readonly random: RandomBytes
  /** Whether we have a login at this mailbox. @default never */
  readonly isOurs?: (mailbox: PeerName) => boolean
  /** Makes a client that opens its stream with the first request. @default a `Visitor` under a new name */
  readonly connect?: (mailbox: PeerName, addresses: readonly string[]) => ForeignMailbox
}

export interface Deposited {
  readonly mailbox: PeerName
  /** Unix ms, as the mailbox has signed. */
  readonly keptUntil: number
  /** The receipt as the mailbox has signed it. */
  readonly receipt: Uint8Array
}

/** What a mailbox handed out: the bundle, and a one-time pair with its note unless the shelf was empty. */
export type TakenPrekey = TakenPrekeys & {
  readonly mailbox: PeerName
}

interface Entry {
  readonly client: ForeignMailbox
  readonly addresses: string
  users: number
  /** It failed, or its name is old: closed as soon as nobody uses it. */
  over: boolean
  idle: Timer | undefined
  /** The end of its name's day. */
  night: Timer | undefined
}

/** Open at a time; the one not used for longest is closed for a new one. */
const MAX_CLIENTS = 32

const IDLE = 60_000

/** How long a name is used: a day at most, and not until the same minute every day. */
const NAME_AGE = { from: 18 * HOUR, to: DAY }

/** Of one request at one mailbox, dialling included. */
const REQUEST_TIMEOUT = 15_000

/** More mailboxes in one bundle than this are not tried. */
const MAX_HINTS = 4

export class MailboxPool {
  readonly #clock: Clock
  readonly #random: RandomBytes
  readonly #connect: (mailbox: PeerName, addresses: readonly string[]) => ForeignMailbox
  /** The one not used for longest is first. */
  readonly #entries = new Map<PeerName, Entry>()
  /** Clients that are being closed. */
  readonly #closing = new Set<Promise<void>>()
  #stopped = false

  constructor(init: MailboxPoolInit) {
    const { wires, clock, random, isOurs = () => false } = init
    this.#clock = clock
    this.#random = random
    this.#connect =
      init.connect ??
      ((mailbox, addresses) =>
        new Visitor({ wires, mailbox, addresses, clock, random, isOurs: isOurs(mailbox) }))
  }

  /** Open clients. */
  get size(): number {
    return this.#entries.size
  }

  /**
   * Leaves an envelope at the first mailbox that accepts it, in the order of the hints. The receipt is verified. Rejects with
   * the first refusal (`MailboxError`), else with why the last one could not be reached.
   */
  async deposit(
    hints: readonly MailboxHint[],
    request: Omit<DepositInit, 'token'>,
    { signal }: CallOptions,
  ): Promise<Deposited> {
    const shown = tokensIn(hints)
    return this.#first(hints, signal, async (mailbox, client, inner) => {
      const deposit = { ...request, ...shown.get(mailbox) }
      const { keptUntil, signed } = await client.deposit(deposit, { signal: inner })
      return { mailbox, keptUntil, receipt: signed }
    })
  }

  /** Takes a one-time pair of `owner`; asks the next mailbox where one has none left. Rejects like `deposit`. */
  async takePrekey(
    hints: readonly MailboxHint[],
    owner: AccountKey,
    { signal }: CallOptions,
  ): Promise<TakenPrekey> {
    const shown = tokensIn(hints)
    let bare: TakenPrekey | undefined
    try {
      return await this.#first(hints, signal, async (mailbox, client, inner) => {
        const options = { signal: inner, ...shown.get(mailbox) }
        const taken = { ...(await client.takePrekey(owner, options)), mailbox }
        if (taken.pair !== undefined) return taken
        bare ??= taken
        throw new MailboxError('ERR_UNAVAILABLE')
      })
    } catch (cause) {
      if (bare !== undefined && !signal.aborted) return bare
      throw cause
    }
  }

  /** The bundle of `owner` at one mailbox, not verified; `undefined` when it has none. */
  async bundle(
    hint: MailboxHint,
    owner: AccountKey,
    { signal }: CallOptions,
  ): Promise<Uint8Array | undefined> {
    return this.#first([hint], signal, (_, client, inner) =>
      client.bundle(owner, { signal: inner }),
    )
  }

  /** Closes all of them; what is on its way fails. Later calls reject. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const [mailbox, entry] of this.#entries) this.#drop(mailbox, entry)
    await Promise.all(this.#closing)
  }

  async #first<T>(
    hints: readonly MailboxHint[],
    signal: AbortSignal,
    ask: (mailbox: PeerName, client: ForeignMailbox, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    let refusal: unknown
    let failure: unknown = new MailboxError('ERR_UNAVAILABLE')
    for (const hint of hints.slice(0, MAX_HINTS)) {
      const mailbox = peerName(hint.account)
      try {
        return await this.#use(mailbox, hint, signal, (client, inner) =>
          ask(mailbox, client, inner),
        )
      } catch (cause) {
        signal.throwIfAborted()
        failure = cause
        if (isAnswer(cause)) refusal ??= cause
      }
    }
    throw refusal ?? failure
  }

  async #use<T>(
    mailbox: PeerName,
    hint: MailboxHint,
    signal: AbortSignal,
    task: (client: ForeignMailbox, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const entry = this.#entry(mailbox, hint)
    entry.users += 1
    entry.idle?.cancel()
    try {
      return await withDeadline({ clock: this.#clock, timeout: REQUEST_TIMEOUT, signal }, (inner) =>
        task(entry.client, inner),
      )
    } catch (cause) {
      if (!isAnswer(cause) && !signal.aborted) this.#forget(mailbox, entry)
      throw cause
    } finally {
      entry.users -= 1
      this.#rest(mailbox, entry)
    }
  }

  /** The open client of a mailbox, or a new one: also when its addresses changed and nobody is using the old one. */
  #entry(mailbox: PeerName, hint: MailboxHint): Entry {
    if (this.#stopped) throw new MailboxError('ERR_CLOSED')
    const addresses = hint.addresses.join(' ')
    const known = this.#entries.get(mailbox)
    if (known !== undefined && (known.addresses === addresses || known.users > 0)) {
      this.#entries.delete(mailbox)
      this.#entries.set(mailbox, known)
      return known
    }
    if (known === undefined) this.#makeRoom()
    else this.#drop(mailbox, known)
    const client = this.#connect(mailbox, hint.addresses)
    const entry: Entry = {
      client,
      addresses,
      users: 0,
      over: false,
      idle: undefined,
      night: undefined,
    }
    const age = between(NAME_AGE.from, NAME_AGE.to, this.#random)
    entry.night = this.#clock.after(age, () => this.#forget(mailbox, entry))
    this.#entries.set(mailbox, entry)
    return entry
  }

  #makeRoom(): void {
    if (this.#entries.size < MAX_CLIENTS) return
    for (const [mailbox, entry] of this.#entries) {
      if (entry.users === 0) return this.#drop(mailbox, entry)
    }
    throw new MailboxError('ERR_LATER')
  }

  #forget(mailbox: PeerName, entry: Entry): void {
    entry.over = true
    entry.night?.cancel()
    if (this.#entries.get(mailbox) === entry) this.#entries.delete(mailbox)
    this.#rest(mailbox, entry)
  }

  #rest(mailbox: PeerName, entry: Entry): void {
    if (entry.users > 0) return
    if (entry.over) this.#drop(mailbox, entry)
    else if (this.#entries.get(mailbox) === entry) {
      entry.idle = this.#clock.after(IDLE, () => this.#drop(mailbox, entry))
    }
  }

  #drop(mailbox: PeerName, entry: Entry): void {
    entry.idle?.cancel()
    entry.night?.cancel()
    if (this.#entries.get(mailbox) === entry) this.#entries.delete(mailbox)
    const closing = entry.client.close().finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }
}

/** Copies, made before anything is waited for: meanwhile the owner may give us others, and these are wiped. */
function tokensIn(
  hints: readonly MailboxHint[],
): ReadonlyMap<PeerName, { readonly token: Uint8Array }> {
  return new Map(
    hints.flatMap(({ account, token }) =>
      token === undefined ? [] : [[peerName(account), { token: deliveryTokenBytes(token) }]],
    ),
  )
}

/** Whether the mailbox has answered, so that its stream is as good as before. */
function isAnswer(cause: unknown): boolean {
  return (
    cause instanceof MailboxError && cause.code !== 'ERR_CLOSED' && cause.code !== 'ERR_PROTOCOL'
  )
}
