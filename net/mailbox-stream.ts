/** One channel to a mailbox: requests with ids, their answers in any order, and what the mailbox sends unasked. */
import { toError } from './channel-error.ts'
import { MailboxError, failureError } from './mailbox-error.ts'
import {
  MAX_MAILBOX_FRAME_BYTES,
  decodeMailboxFrame,
  encodeMailboxFrame,
} from './mailbox-messages.ts'
import { MAILBOX_PROTOCOL } from './names.ts'
import { ShortLived } from './short-lived.ts'
import type { MailboxBody, MailboxBodyInit, MailboxBodyName } from './mailbox-messages.ts'
import type { Channel, Clock, PeerName, Wire } from './ports.ts'

/** A mailbox that does not answer for so long is given up with all its requests. */
const ANSWER_MS = 30_000

/** Ids are unsigned 32 bit and never used twice on a stream. */
const MAX_ID = 0xffff_ffff

/** The value of a body, by its name. */
export type BodyValue<Name extends MailboxBodyName> = Values[Name]

type Values = { readonly [Body in MailboxBody as Body['case']]: Body['value'] }

export interface MailboxStreamInit {
  readonly wire: Pick<Wire, 'open'>
  readonly mailbox: PeerName
  readonly addresses: readonly string[]
  readonly clock: Clock
  /** Mail: the answer to a fetch, and what is pushed after it. */
  readonly onItems: (items: BodyValue<'items'>) => void
  /** Called once, when the stream ended. */
  readonly onEnd: () => void
}

interface Waiting {
  readonly resolve: (body: MailboxBody) => void
  readonly reject: (error: Error) => void
  /** Lets go of timer and signal. */
  readonly release: () => void
}

export class MailboxStream {
  readonly #init: MailboxStreamInit
  readonly #channel: Channel
  readonly #waiting = new ShortLived<number, Waiting>()
  readonly #hello = Promise.withResolvers<Uint8Array>()
  #greeted = false
  #lastId = 0
  #ended: MailboxError | undefined

  private constructor(init: MailboxStreamInit, channel: Channel) {
    this.#init = init
    this.#channel = channel
    this.#hello.promise.catch(() => undefined) // nobody may be waiting for it when the stream ends
    void this.#read()
  }

  /** Opens the stream and waits for the mailbox's hello. Rejects with the reason of `signal`, a dial's error, `MailboxError`. */
  static async open(init: MailboxStreamInit, signal: AbortSignal): Promise<MailboxStream> {
    const { wire, mailbox, addresses } = init
    const channel = await wire.open(mailbox, MAILBOX_PROTOCOL, {
      addresses,
      maxFrameBytes: MAX_MAILBOX_FRAME_BYTES,
      signal,
    })
    const stream = new MailboxStream(init, channel)
    const onAbort = (): void => stream.abort(toError(signal.reason))
    signal.addEventListener('abort', onAbort)
    try {
      signal.throwIfAborted()
      await stream.#hello.promise
      return stream
    } catch (cause) {
      stream.abort(toError(cause))
      throw signal.aborted ? toError(signal.reason) : cause
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** What the mailbox said in its hello, 16 bytes. */
  get nonce(): Promise<Uint8Array> {
    return this.#hello.promise
  }

  /**
   * The answer to a request, of the kind that is expected. Rejects with `MailboxError`, or the reason of `signal`: then the
   * mailbox may still do it.
   */
  async request<Name extends MailboxBodyName>(
    body: MailboxBodyInit,
    expected: Name,
    signal: AbortSignal,
  ): Promise<BodyValue<Name>> {
    signal.throwIfAborted()
    if (this.#ended !== undefined) throw this.#ended
    await this.#drained(signal)
    const answer = await this.#ask(body, signal)
    if (answer.case === 'failure') throw failureError(answer.value.code)
    const value = valueOf(answer, expected)
    if (value !== undefined) return value
    const wrong = new MailboxError('ERR_PROTOCOL')
    this.abort(wrong)
    throw wrong
  }

  /** Sends what is queued and ends the stream. Requests without an answer fail with `ERR_CLOSED`. */
  async close(): Promise<void> {
    this.#end(new MailboxError('ERR_CLOSED'))
    await this.#channel.close()
  }

  abort(reason: Error): void {
    this.#end(new MailboxError('ERR_CLOSED', { cause: reason }))
    this.#channel.abort(reason)
  }

  async #drained(signal: AbortSignal): Promise<void> {
    try {
      await this.#channel.drained(signal)
    } catch (cause) {
      signal.throwIfAborted()
      throw new MailboxError('ERR_CLOSED', { cause })
    }
  }

  #ask(body: MailboxBodyInit, signal: AbortSignal): Promise<MailboxBody> {
    if (this.#ended !== undefined) throw this.#ended
    if (this.#lastId === MAX_ID) throw new MailboxError('ERR_CLOSED')
    const id = ++this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<MailboxBody>()
    const timer = this.#init.clock.after(ANSWER_MS, () => this.abort(new Error('no answer')))
    const onAbort = this.#giveUp(id, signal)
    const release = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', onAbort)
    }
    signal.addEventListener('abort', onAbort)
    this.#waiting.set(id, { resolve, reject, release })
    this.#send(id, body)
    return promise
  }

  /** Refers to nothing of the request: a signal's listeners refer to each other, also those that were taken off long ago. */
  #giveUp(id: number, signal: AbortSignal): () => void {
    return () => this.#settle(id)?.reject(toError(signal.reason))
  }

  #send(id: number, body: MailboxBodyInit): void {
    try {
      this.#channel.send(encodeMailboxFrame(id, body))
    } catch (cause) {
      this.abort(toError(cause))
    }
  }

  async #read(): Promise<void> {
    try {
      for await (const run of this.#channel.incoming) {
        for (const frame of run) this.#take(frame)
      }
      this.#end(new MailboxError('ERR_CLOSED'))
      await this.#channel.close()
    } catch (cause) {
      this.abort(toError(cause))
    }
  }

  /** Throws when the mailbox breaks the protocol. */
  #take(frame: Uint8Array): void {
    const { id, body } = decodeMailboxFrame(frame)
    if (body.case === 'items') this.#init.onItems(body.value)
    if (id > 0) return this.#answer(id, body)
    if (body.case === 'items' && this.#greeted) return
    if (body.case !== 'hello' || this.#greeted) throw new MailboxError('ERR_PROTOCOL')
    this.#greeted = true
    this.#hello.resolve(body.value.nonce.slice())
  }

  #answer(id: number, body: MailboxBody): void {
    if (id > this.#lastId) throw new MailboxError('ERR_PROTOCOL')
    this.#settle(id)?.resolve(body) // else: nobody waits for it any more
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.take(id)
    waiting?.release()
    return waiting
  }

  #end(error: MailboxError): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    this.#hello.reject(error)
    for (const { release, reject } of this.#waiting.takeAll()) {
      release()
      reject(error)
    }
    this.#init.onEnd()
  }
}

/** TypeScript does not see that `case` and `value` go together when the name is a parameter. */
function valueOf<Name extends MailboxBodyName>(
  body: MailboxBody,
  name: Name,
): BodyValue<Name> | undefined {
  return body.case === name ? (body.value as BodyValue<Name>) : undefined
}
