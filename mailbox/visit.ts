// One channel of one peer: reads requests, keeps the limits, sends answers.

import { fromBinary } from '@bufbuild/protobuf'
import { MailboxFrameSchema } from '../protocol/generated/mailbox_pb.ts'
import { MAX_BUNDLE_BYTES } from '../protocol/bundle.ts'
import { CryptoError, DecodeError, RecordError } from '../protocol/errors.ts'
import {
  decodeMailboxFrame,
  encodeMailboxFrame,
  FAILURE,
  MAILBOX_NONCE_BYTES,
  MAX_PAIR_BYTES,
  MAX_SIGNED_BYTES,
} from '../net/mailbox-messages.ts'
import { accountOf } from '../net/peer-name.ts'
import { StoreError } from '../net/store-error.ts'
import { addressPrefix } from '../net/throttle.ts'
import { Gate } from './gate.ts'
import { Refusal } from './refusal.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { FailureCode, MailboxBodyInit, MailboxMessage } from '../net/mailbox-messages.ts'
import type { Channel, Clock, Timer } from '../net/ports.ts'
import type { MailboxLimits } from './limits.ts'
import type { MailboxObserver } from './observer.ts'
import type { Guest } from './presence.ts'
import type { Outlet } from './push.ts'
import type { Requests, Visitor } from './requests.ts'
import type { QueuedRun } from './store.ts'

/** A visitor whose requests are so often wrong is no client of ours. */
const MAX_WRONG = 16

/** Bytes of answers that may be owed before it is seen whether the peer reads them. */
const MAX_OWED_BYTES = 128 * 1024

/** The longest answers to what strangers may ask, and about what all others take. */
const ANSWER_BYTES: Readonly<Partial<Record<MailboxMessage['body']['case'], number>>> = {
  takePrekey: MAX_BUNDLE_BYTES + MAX_PAIR_BYTES + MAX_SIGNED_BYTES,
  getBundle: MAX_BUNDLE_BYTES,
}
const OTHER_ANSWER_BYTES = 512

export interface VisitInit {
  readonly channel: Channel
  readonly requests: Requests
  /** Shared by all channels. */
  readonly gate: Gate
  readonly clock: Clock
  readonly random: RandomBytes
  readonly limits: MailboxLimits
  readonly observer: MailboxObserver
}

export class Visit implements Visitor {
  readonly account: AccountKey
  readonly place: string
  readonly nonce: Uint8Array
  guest: Guest | undefined
  outlet: Outlet | undefined
  readonly #init: VisitInit
  readonly #gate: Gate
  /** And that of all channels. */
  readonly #gates: readonly Gate[]
  #idleTimer: Timer | undefined
  #wrong = 0
  /** At most, of answers that were begun since the peer last had taken enough of them. */
  #owedBytes = 0
  #closing = false

  /** Throws `DecodeError` or `CryptoError` when the peer's name is not that of an account. */
  constructor(init: VisitInit) {
    this.#init = init
    this.account = accountOf(init.channel.peer)
    this.place = addressPrefix(init.channel.address)
    this.nonce = init.random(MAILBOX_NONCE_BYTES)
    const { channelRequests: count, channelRequestBytes: bytes } = init.limits
    this.#gate = new Gate({ count, bytes })
    this.#gates = [this.#gate, init.gate]
  }

  /** Until the peer closes, the channel breaks, or `close`. Rejects when the channel did not end well. */
  async run(): Promise<void> {
    const { channel, requests } = this.#init
    try {
      this.#say(0, { case: 'hello', value: { nonce: this.nonce } })
      this.#watchIdle()
      for await (const frames of channel.incoming) {
        this.#watchIdle()
        await this.#take(frames)
        if (!this.#closing) await this.#drained()
      }
      await this.#gate.empty()
      await channel.close()
    } finally {
      this.#idleTimer?.cancel()
      await requests.leave(this)
    }
  }

  /** Answers what is being worked on and nothing more, then ends our side. The peer has a moment to end its own. */
  async close(): Promise<void> {
    this.#closing = true
    this.outlet?.end()
    await this.#gate.empty()
    await this.#init.channel.close()
  }

  abort(cause: unknown): void {
    this.#init.channel.abort(cause instanceof Error ? cause : new Error('failed', { cause }))
  }

  async send(id: number, { items, more }: QueuedRun): Promise<void> {
    const wire = items.map(({ id: number, envelope, slot }) => ({
      id: BigInt(number),
      envelope,
      slot,
    }))
    this.#say(id, { case: 'items', value: { items: wire, more } })
    await this.#drained()
  }

  /** Begins the requests in their order, and waits for nothing that need not be waited for. */
  async #take(frames: readonly Uint8Array[]): Promise<void> {
    for (const frame of frames) {
      const message = read(frame)
      this.#owedBytes += answerBytes(message)
      if (this.#owedBytes > MAX_OWED_BYTES) await this.#settleUp() // inside of no gate: it may fail
      if (this.#closing) return
      for (const gate of this.#gates)
        if (!gate.tryEnter(frame.length)) await gate.enter(frame.length)
      const work = this.#work(message, frame.length)
      if (message !== undefined && isAlone(message)) await work
    }
  }

  /** Answers take longer than requests to come about: one who sends many of these and reads none waits here. */
  async #settleUp(): Promise<void> {
    await this.#drained()
    this.#owedBytes = 0
  }

  /** Never rejects. */
  async #work(message: Readable | undefined, bytes: number): Promise<void> {
    try {
      await this.#answer(message)
    } catch (cause) {
      this.abort(cause)
    }
    for (const gate of this.#gates) gate.leave(bytes)
  }

  async #answer(message: Readable | undefined): Promise<void> {
    if (message === undefined) throw new DecodeError('ERR_MALFORMED')
    const { id, body } = message
    try {
      if (body instanceof DecodeError) throw body
      const answer = await this.#init.requests.answer(this, id, body)
      if (answer !== undefined) this.#say(id, answer)
    } catch (cause) {
      const code = failureOf(cause)
      if (code === undefined) throw cause
      this.#say(id, { case: 'failure', value: { code } })
      this.#count(code)
    }
  }

  #count(code: FailureCode): void {
    const { badRequest, loginNeeded, joinRefused, tooLarge } = FAILURE
    if (code === tooLarge) this.#init.observer.observe({ kind: 'oversized' })
    const wrong: readonly FailureCode[] = [badRequest, loginNeeded, joinRefused, tooLarge]
    if (wrong.includes(code) && ++this.#wrong > MAX_WRONG)
      throw new Error('too many wrong requests')
  }

  #say(id: number, body: MailboxBodyInit): void {
    this.#init.channel.send(encodeMailboxFrame(id, body))
  }

  /** Waits until the peer has taken enough of our answers, but not for ever. */
  async #drained(): Promise<void> {
    const { channel, clock, limits } = this.#init
    const late = new AbortController()
    const timer = clock.after(limits.drainMs, () => late.abort(new Error('answers were not read')))
    try {
      await channel.drained(late.signal)
    } finally {
      timer.cancel()
    }
  }

  /** An owner who waits for mail may be silent. */
  #watchIdle(): void {
    const { clock, limits } = this.#init
    this.#idleTimer?.cancel()
    if (this.#closing) return
    this.#idleTimer = clock.after(limits.idleMs, () => {
      if (this.outlet === undefined) void this.close()
      else this.#watchIdle()
    })
  }
}

/** A request with what is wrong about it, if only its id can be told. Undefined when not even that. */
function read(frame: Uint8Array): Readable | undefined {
  try {
    const message = decodeMailboxFrame(frame)
    return message.id === 0 ? undefined : message
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    const id = idOf(frame)
    return id === undefined ? undefined : { id, body: cause }
  }
}

/** At most, and about. */
function answerBytes(message: Readable | undefined): number {
  const kind = message?.body instanceof DecodeError ? undefined : message?.body.case
  return (kind && ANSWER_BYTES[kind]) ?? OTHER_ANSWER_BYTES
}

type Readable = MailboxMessage | { readonly id: number; readonly body: DecodeError }

/**
 * What comes after a login or a join counts on it, one fetch ends the other, and of long answers it must be seen at once whether the peer
 * reads them; everything else may overtake.
 */
function isAlone({ body }: Readable): boolean {
  if (body instanceof DecodeError) return false
  return ['login', 'join', 'leave', 'fetch'].includes(body.case) || body.case in ANSWER_BYTES
}

function idOf(frame: Uint8Array): number | undefined {
  try {
    const { id } = fromBinary(MailboxFrameSchema, frame, { readUnknownFields: false })
    return id === 0 ? undefined : id
  } catch {
    return undefined // no protobuf at all: there is nothing to answer to
  }
}

/** The one place where errors become codes. Undefined: a fault of ours, for which the channel ends. */
function failureOf(cause: unknown): FailureCode | undefined {
  if (cause instanceof Refusal) return cause.failure
  if (cause instanceof StoreError) return FAILURE.tryLater
  if (cause instanceof DecodeError) {
    return cause.code === 'ERR_TOO_LARGE' ? FAILURE.tooLarge : FAILURE.badRequest
  }
  const wrong = cause instanceof RecordError || cause instanceof CryptoError
  return wrong ? FAILURE.badRequest : undefined
}
