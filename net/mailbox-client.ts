/**
 * The client of a mailbox, for its owners and for those who leave mail. One long-lived stream, opened with the first request;
 * once it ended, the client is of no use and its owner makes another. What a mailbox signs is verified here.
 */
import { verifyBundle } from '../protocol/bundle.ts'
import { envelopeDigest, signLogin, verifyHandOut, verifyRetirement } from '../protocol/custody.ts'
import { openReceipt } from '../protocol/receipt.ts'
import { verifyOneTimePair } from '../protocol/prekeys.ts'
import { MailboxError } from './mailbox-error.ts'
import {
  INSTANCE_ID_BYTES,
  MAILBOX_NONCE_BYTES,
  MAX_ACKNOWLEDGED,
  MAX_DEPOSIT_BYTES,
  MAX_PAIRS,
  MAX_PAIRS_BYTES,
} from './mailbox-messages.ts'
import { MailboxStream } from './mailbox-stream.ts'
import { accountOf } from './peer-name.ts'
import type { Account, AccountKey } from '../protocol/account.ts'
import type { VerifiedBundle } from '../protocol/bundle.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Retirement } from '../protocol/custody.ts'
import type { VerifiedOneTimePair } from '../protocol/prekeys.ts'
import type { CustodyRoot } from '../protocol/receipt.ts'
import type { MailboxBodyInit, MailboxBodyName } from './mailbox-messages.ts'
import type { BodyValue } from './mailbox-stream.ts'
import type { Clock, PeerName, Wire } from './ports.ts'

export { MailboxError }
export type { MailboxErrorCode } from './mailbox-error.ts'

/** One envelope that waits at the mailbox. */
export interface MailboxItem {
  readonly id: bigint
  readonly envelope: Uint8Array
  /** Of the delivery token that it came with; 0 from a stranger. */
  readonly slot: number
}

export interface MailboxClientInit {
  readonly wire: Pick<Wire, 'open'>
  readonly mailbox: PeerName
  readonly addresses: readonly string[]
  readonly clock: Clock
  readonly random: RandomBytes
  /** Logs in as this account, which must be the wire's own. Absent: a stranger. */
  readonly owner?: Account
  /** 16 bytes, random per running node. Needed with `owner`. */
  readonly instanceId?: Uint8Array
  /** Mail, after `fetch`. The same item may come again until it is acknowledged. */
  readonly onItems?: (items: readonly MailboxItem[]) => void
  /** Called once, when the open stream ended without `close`. */
  readonly onClosed?: () => void
}

export interface CallOptions {
  readonly signal: AbortSignal
}

export interface DepositInit {
  readonly owner: AccountKey
  /** 16 random bytes; a repetition with the same id gets a receipt of the same promise. */
  readonly depositId: Uint8Array
  readonly envelope: Uint8Array
  /** 32 bytes that the owner gave us for this mailbox. Absent: a stranger. */
  readonly token?: Uint8Array
}

/** A delivery token as a mailbox knows it. */
export interface TokenSlot {
  /** Above 0; a token and the one that takes its place share it. */
  readonly slot: number
  /** 32 bytes: `tokenHash`. */
  readonly hash: Uint8Array
}

export interface DepositReceipt {
  /** Unix ms by the mailbox's clock. */
  readonly keptUntil: number
  /** The receipt as the mailbox signed it. */
  readonly signed: Uint8Array
}

export interface TakenPrekeys {
  readonly bundle: VerifiedBundle
  /** Absent when the shelf is empty. */
  readonly pair?: VerifiedOneTimePair
  /** The mailbox's signed note about handing it out. */
  readonly note?: Uint8Array
}

export interface MailboxStatus {
  readonly usedBytes: number
  readonly maxBytes: number
  readonly waiting: number
  readonly maxMessages: number
  readonly oneTimePairs: number
  readonly bundleSequence: number
  /** Other running copies of this account that are logged in. */
  readonly otherInstances: number
  /** Unix ms by the mailbox's clock, 0 where it does not tell. */
  readonly time: number
  /** Unix ms of its last restore from a backup, 0 for none: what it did before and after the backup, it has forgotten. */
  readonly restoredAt: number
  /** As we have put it last; empty for none. */
  readonly mark: Uint8Array
  /** The mailbox will end: its notice, verified, and as it was signed. */
  readonly retirement?: Retirement & { readonly signed: Uint8Array }
}

/** Many times what a mailbox leases by default: above this it does not keep to the window at all. */
const MAX_LEASED = 4096
const MAX_LEASED_BYTES = 32 * 1024 * 1024

/** Dial, hello and login together. */
const OPEN_MS = 20_000

/** All methods reject with `MailboxError`, a dial's error, or the reason of their signal. */
export class MailboxClient {
  readonly #init: MailboxClientInit
  readonly #mailbox: AccountKey
  readonly #closed = new AbortController()
  /** Sizes of envelopes that came and were not acknowledged, by id. */
  readonly #leased = new Map<bigint, number>()
  #opening: Promise<MailboxStream> | undefined
  /** When it is open and logged in. */
  #stream: MailboxStream | undefined
  /** Of the last receipt: those that were signed with it come one after the other. */
  #root: CustodyRoot | undefined

  /** Throws `DecodeError` or `CryptoError` when the mailbox's name is not that of an account. */
  constructor(init: MailboxClientInit) {
    this.#init = init
    this.#mailbox = accountOf(init.mailbox)
  }

  /** Enrols the owner. Done again, it changes nothing. */
  async join(secret: Uint8Array | undefined, { signal }: CallOptions): Promise<void> {
    const joinSecret = secret ?? new Uint8Array(0)
    await this.#request({ case: 'join', value: { joinSecret } }, 'done', signal)
  }

  /** Ends our membership, with all that is kept there for us. Who is no member changes nothing. */
  async leave({ signal }: CallOptions): Promise<void> {
    await this.#request({ case: 'leave', value: {} }, 'done', signal)
  }

  async putBundle(bundle: Uint8Array, { signal }: CallOptions): Promise<void> {
    await this.#request({ case: 'putBundle', value: { bundle } }, 'done', signal)
  }

  /**
   * Uploads signed one-time pairs in acknowledged pieces, and has what is on the shelf and expires at `voidUntil` (Unix ms) or before
   * taken off. After a failure some of them may be on the shelf.
   */
  async putPrekeys(
    pairs: readonly Uint8Array[],
    { signal, voidUntil = 0 }: CallOptions & { readonly voidUntil?: number },
  ): Promise<void> {
    for (const piece of pairs.length === 0 ? [[]] : pieces(pairs)) {
      const value = { pairs: piece, voidUntil: BigInt(voidUntil) }
      await this.#request({ case: 'putPrekeys', value }, 'done', signal)
    }
  }

  /** Makes these the delivery tokens, at most 1024, and no others: what is not among them ends at once. */
  async putTokens(tokens: readonly TokenSlot[], { signal }: CallOptions): Promise<void> {
    await this.#request({ case: 'putTokens', value: { tokens: [...tokens] } }, 'done', signal)
  }

  /** Keeps a mark there, 1 to 64 bytes, in the place of the one before. */
  async putMark(mark: Uint8Array, { signal }: CallOptions): Promise<void> {
    await this.#request({ case: 'putMark', value: { mark } }, 'done', signal)
  }

  /** Leases what waits, oldest first, and has new arrivals pushed: both come in `onItems`. Resolves with the first run. */
  async fetch({ signal }: CallOptions): Promise<void> {
    await this.#request({ case: 'fetch', value: { maxItems: 0 } }, 'items', signal)
  }

  /** Deletes exactly these at the mailbox. Only after our own commit. */
  async acknowledge(ids: readonly bigint[], { signal }: CallOptions): Promise<void> {
    for (let at = 0; at < ids.length; at += MAX_ACKNOWLEDGED) {
      const value = { ids: ids.slice(at, at + MAX_ACKNOWLEDGED) }
      for (const id of value.ids) this.#leased.delete(id)
      await this.#request({ case: 'acknowledge', value }, 'done', signal)
    }
  }

  async status({ signal }: CallOptions): Promise<MailboxStatus> {
    const status = await this.#request({ case: 'getStatus', value: {} }, 'status', signal)
    return {
      usedBytes: Number(status.usedBytes),
      maxBytes: Number(status.maxBytes),
      waiting: status.waiting,
      maxMessages: status.maxMessages,
      oneTimePairs: status.oneTimePairs,
      bundleSequence: Number(status.bundleSequence),
      otherInstances: status.otherInstances,
      time: Number(status.time),
      restoredAt: Number(status.restoredAt),
      mark: status.mark.slice(),
      ...this.#retirement(status.retirement),
    }
  }

  #retirement(signed: Uint8Array): Pick<MailboxStatus, 'retirement'> {
    if (signed.length === 0) return {}
    const notice = checked(() => verifyRetirement(signed, this.#mailbox))
    return { retirement: { ...notice, signed: signed.slice() } }
  }

  /** Leaves an envelope. Resolves when the mailbox has it on disk and has signed for it; the receipt is verified. */
  async deposit(deposit: DepositInit, { signal }: CallOptions): Promise<DepositReceipt> {
    const { owner, envelope } = deposit
    if (envelope.length > MAX_DEPOSIT_BYTES) throw new MailboxError('ERR_TOO_LARGE')
    const request: MailboxBodyInit = { case: 'deposit', value: { ...deposit } }
    const { signed } = await this.#request(request, 'custody', signal)
    const expected = { mailbox: this.#mailbox, owner, envelopeDigest: envelopeDigest(envelope) }
    const { custody, root } = checked(() => openReceipt(signed, expected, this.#root))
    this.#root = root
    return { keptUntil: custody.keptUntil, signed: signed.slice() }
  }

  /** Takes a one-time pair of `owner` off the shelf, with the bundle. All three parts are verified. */
  async takePrekey(
    owner: AccountKey,
    { signal, token }: CallOptions & { readonly token?: Uint8Array },
  ): Promise<TakenPrekeys> {
    const nonce = this.#init.random(MAILBOX_NONCE_BYTES)
    const request: MailboxBodyInit = {
      case: 'takePrekey',
      value: { owner, nonce, ...(token === undefined ? {} : { token }) },
    }
    const { bundle: bytes, pair: signed, note } = await this.#request(request, 'prekey', signal)
    const mailbox = this.#mailbox
    const now = this.#init.clock.now()
    return checked(() => {
      const bundle = verifyBundle(bytes, { account: owner, now })
      if (signed.length === 0) return { bundle }
      const pair = verifyOneTimePair(signed, { account: owner, mailbox, now })
      verifyHandOut(note, { mailbox, owner, keyId: pair.id, nonce })
      return { bundle, pair, note: note.slice() }
    })
  }

  /** The bundle that the mailbox serves for `owner`, not verified; undefined when it has none or serves no such owner. */
  async bundle(owner: AccountKey, { signal }: CallOptions): Promise<Uint8Array | undefined> {
    try {
      const request: MailboxBodyInit = { case: 'getBundle', value: { owner } }
      const { bundle } = await this.#request(request, 'bundle', signal)
      return bundle.length === 0 ? undefined : bundle.slice()
    } catch (cause) {
      if (cause instanceof MailboxError && cause.code === 'ERR_UNAVAILABLE') return undefined
      throw cause
    }
  }

  /** Ends the stream. What is on its way rejects with `ERR_CLOSED`; nothing can be asked any more. */
  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return
    this.#closed.abort(new MailboxError('ERR_CLOSED'))
    const stream = await this.#opening?.catch(() => undefined)
    await stream?.close()
  }

  async #request<Name extends MailboxBodyName>(
    body: MailboxBodyInit,
    expected: Name,
    signal: AbortSignal,
  ): Promise<BodyValue<Name>> {
    this.#closed.signal.throwIfAborted()
    signal.throwIfAborted() // before opening: nobody would wait for it
    const stream = this.#stream ?? (await unlessAborted((this.#opening ??= this.#open()), signal))
    return await stream.request(body, expected, signal)
  }

  /** Not bound to the signal of the request that happened to be first: others wait for the same stream. */
  async #open(): Promise<MailboxStream> {
    const { wire, mailbox, addresses, clock, onItems, onClosed } = this.#init
    const late = new AbortController()
    const timer = clock.after(OPEN_MS, () => late.abort(new MailboxError('ERR_CLOSED')))
    const signal = AbortSignal.any([this.#closed.signal, late.signal])
    try {
      const stream = await MailboxStream.open(
        {
          wire,
          mailbox,
          addresses,
          clock,
          onItems: ({ items }) => {
            this.#lease(items)
            if (items.length > 0) onItems?.(items)
          },
          onEnd: () => {
            if (this.#stream !== undefined && !this.#closed.signal.aborted) onClosed?.()
          },
        },
        signal,
      )
      await this.#login(stream, signal)
      this.#stream = stream
      return stream
    } finally {
      timer.cancel()
    }
  }

  /** Throws when the mailbox sends more than it may before the owner has acknowledged some of it. */
  #lease(items: readonly MailboxItem[]): void {
    for (const { id, envelope } of items) this.#leased.set(id, envelope.length)
    let bytes = 0
    for (const length of this.#leased.values()) bytes += length
    if (this.#leased.size > MAX_LEASED || bytes > MAX_LEASED_BYTES) {
      throw new MailboxError('ERR_PROTOCOL')
    }
  }

  async #login(stream: MailboxStream, signal: AbortSignal): Promise<void> {
    const { owner, random, instanceId = random(INSTANCE_ID_BYTES) } = this.#init
    if (owner === undefined) return
    const ownerNonce = random(MAILBOX_NONCE_BYTES)
    const mailboxNonce = await stream.nonce
    const login = { mailbox: this.#mailbox, mailboxNonce, ownerNonce, instanceId }
    const value = { nonce: ownerNonce, instanceId, signed: signLogin(owner, login) }
    try {
      await stream.request({ case: 'login', value }, 'done', signal)
    } catch (cause) {
      await stream.close()
      throw cause
    }
  }
}

/** Runs of at most 64 KiB and 64 pairs. */
function* pieces(pairs: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let piece: Uint8Array[] = []
  let bytes = 0
  for (const pair of pairs) {
    if (piece.length === MAX_PAIRS || bytes + pair.length > MAX_PAIRS_BYTES) {
      yield piece
      piece = []
      bytes = 0
    }
    piece.push(pair)
    bytes += pair.length
  }
  if (piece.length > 0) yield piece
}

/** What a mailbox shows must hold: else it has broken the protocol. */
function checked<T>(verify: () => T): T {
  try {
    return verify()
  } catch (cause) {
    throw new MailboxError('ERR_PROTOCOL', { cause })
  }
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
