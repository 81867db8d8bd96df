/**
 * One visit to somebody else's mailbox: a client, and a name of its own that is made with the first request and thrown away at
 * the end. The mailbox never sees our PeerId (docs/threat-model.md, "The mailbox").
 */
import { between } from '../net/backoff.ts'
import { MailboxClient } from '../net/mailbox-client.ts'
import { MailboxError } from '../net/mailbox-error.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type {
  CallOptions,
  DepositInit,
  DepositReceipt,
  TakenPrekeys,
} from '../net/mailbox-client.ts'
import type {
  Channel,
  Clock,
  OpenOptions,
  PeerName,
  ThrowAwayWire,
  ThrowAwayWires,
} from '../net/ports.ts'

/** What a stranger asks of a mailbox. */
export type ForeignMailbox = Pick<MailboxClient, 'deposit' | 'takePrekey' | 'bundle' | 'close'>

export interface ForeignMailboxInit {
  readonly wires: ThrowAwayWires
  readonly mailbox: PeerName
  readonly addresses: readonly string[]
  readonly clock: Clock
  readonly random: RandomBytes
  /** Whether we have a login there: then the other name comes a moment later, not with what the mailbox has just told us. */
  readonly isOurs: boolean
}

/** How long the other name waits at a mailbox of ours, in ms. */
const APART = { from: 250, to: 1_000 }

/** Opens its stream with the first request. Once that ended it is of no use, like a `MailboxClient`. */
export class Visitor implements ForeignMailbox {
  readonly #init: ForeignMailboxInit
  readonly #client: MailboxClient
  #wire: Promise<ThrowAwayWire> | undefined
  #closed = false

  constructor(init: ForeignMailboxInit) {
    this.#init = init
    const { mailbox, addresses, clock, random } = init
    const wire = {
      open: (peer: PeerName, protocol: string, options: OpenOptions) =>
        this.#open(peer, protocol, options),
    }
    this.#client = new MailboxClient({ wire, mailbox, addresses, clock, random })
  }

  deposit(deposit: DepositInit, options: CallOptions): Promise<DepositReceipt> {
    return this.#client.deposit(deposit, options)
  }

  takePrekey(
    owner: AccountKey,
    options: CallOptions & { readonly token?: Uint8Array },
  ): Promise<TakenPrekeys> {
    return this.#client.takePrekey(owner, options)
  }

  bundle(owner: AccountKey, options: CallOptions): Promise<Uint8Array | undefined> {
    return this.#client.bundle(owner, options)
  }

  /** Also ends the name. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#client.close()
    const wire = await this.#wire?.catch(() => undefined) // then there is none
    await wire?.stop()
  }

  async #open(peer: PeerName, protocol: string, options: OpenOptions): Promise<Channel> {
    const { wires, clock, random, isOurs } = this.#init
    if (isOurs) await pause(clock, between(APART.from, APART.to, random), options.signal)
    if (this.#closed) throw new MailboxError('ERR_CLOSED')
    this.#wire ??= wires.make()
    const wire = await this.#wire
    return wire.open(peer, protocol, options)
  }
}

/** Rejects with the reason of `signal`. */
async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const quit = (): void => reject(signal.reason)
  signal.addEventListener('abort', quit)
  const timer = clock.after(ms, resolve)
  try {
    await promise
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', quit)
  }
}
