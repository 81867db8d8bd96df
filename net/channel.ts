/**
 * A libp2p stream as a `Channel`: frames, runs of them, backpressure both ways, and an end that can be told from a cut. Works
 * around three habits of streams: their iterator neither waits for its reader nor sees an end that came early, their drain
 * promise works once, and a lost connection looks like a clean close. How long a channel may rest is its owner's business.
 */
import { Uint8ArrayList } from 'uint8arraylist'
import { accountOf } from './peer-name.ts'
import { ChannelError, toError } from './channel-error.ts'
import { FrameDecoder, frameHeader } from './frames.ts'
import type { Connection, Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import type { Channel, Clock, PeerName, Timer } from './ports.ts'
import type { UnreadBytes } from './unread.ts'

/** Frames in one run: enough to share a commit, few enough to answer soon. */
const MAX_RUN = 256

/** Above this much unread, the sender is stopped. */
const READ_HIGH_BYTES = 1024 * 1024

/** One write: what Noise and Yamux carry in a piece. */
const WRITE_BYTES = 64 * 1024

/** `drained` waits above this. */
const SEND_HIGH_BYTES = 256 * 1024

/** A sender that never waits is cut off here. */
const SEND_MAX_BYTES = 8 * 1024 * 1024

/** How long the peer may take to receive what is queued at `close`, and then to end its own side. */
const CLOSE_MS = 10_000

export interface ChannelOptions {
  readonly maxFrameBytes: number
  readonly clock: Clock
  /** Of this and other channels. */
  readonly unread?: UnreadBytes | undefined
}

/** Takes over an open stream, before anything of it was read. Throws `DecodeError` if the peer's key is not Ed25519. */
export function channelOf(
  stream: Stream,
  connection: Connection,
  options: ChannelOptions,
): StreamChannel {
  return new StreamChannel(stream, connection, options)
}

class StreamChannel implements Channel {
  readonly peer: PeerName
  readonly address: string
  readonly incoming: AsyncIterable<readonly Uint8Array[]>

  readonly #stream: Stream
  readonly #clock: Clock
  readonly #decoder: FrameDecoder
  readonly #unread: UnreadBytes | undefined
  #outgoing = new Uint8ArrayList()
  #flushing = false
  #closing: Promise<void> | undefined
  #grace: Timer | undefined
  #failed: Error | undefined
  #aborted = false
  #finished: boolean
  #reading = false
  #wake: (() => void) | undefined
  #waiting: (() => void)[] = []

  constructor(stream: Stream, connection: Connection, options: ChannelOptions) {
    const { maxFrameBytes, clock, unread } = options
    this.peer = checkedName(connection.remotePeer.toString())
    this.address = connection.remoteAddr.toString()
    this.incoming = { [Symbol.asyncIterator]: () => this.#read() }
    this.#stream = stream
    this.#clock = clock
    this.#decoder = new FrameDecoder(maxFrameBytes)
    this.#unread = unread
    // The peer's end may be long past. On a stream that is closed as a whole it was the connection that ended.
    this.#finished = stream.remoteWriteStatus === 'closed' && isOpen(stream)
    if (!isOpen(stream)) this.#failed = new ChannelError('ERR_TRUNCATED')
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('remoteCloseWrite', this.#onFinish)
    stream.addEventListener('close', this.#onClose)
    stream.addEventListener('drain', this.#onDrain)
  }

  send(frame: Uint8Array): void {
    if (this.#closing !== undefined || this.#failed !== undefined) {
      throw new ChannelError('ERR_CLOSED', { cause: this.#failed })
    }
    this.#outgoing.append(frameHeader(frame.length))
    this.#outgoing.append(frame)
    if (this.#outgoing.byteLength > SEND_MAX_BYTES) {
      const overflow = new ChannelError('ERR_OVERFLOW')
      this.abort(overflow)
      throw overflow
    }
    if (this.#flushing) return
    this.#flushing = true
    this.#clock.after(0, () => {
      this.#flushing = false
      this.#flush()
    })
  }

  async drained(signal?: AbortSignal): Promise<void> {
    while (this.#outgoing.byteLength > SEND_HIGH_BYTES) await this.#progress(signal)
    signal?.throwIfAborted()
    if (this.#failed !== undefined) throw this.#failed
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  abort(reason: Error): void {
    if (this.#failed !== undefined) return
    this.#aborted = true
    this.#end(reason)
    this.#stream.abort(reason)
  }

  async *#read(): AsyncGenerator<readonly Uint8Array[], void, undefined> {
    if (this.#reading) throw new Error('a channel has one reader')
    this.#reading = true
    try {
      for (;;) {
        if (this.#aborted && this.#failed !== undefined) throw this.#failed
        const run = this.#takeRun()
        if (run.length > 0) yield run
        else if (this.#stream.readStatus === 'paused') this.#resume()
        else if (this.#finished && this.#stream.readBufferLength === 0) return this.#checkEnd()
        else if (this.#failed !== undefined) throw this.#failed
        else await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      this.#reading = false
      if (!isOpen(this.#stream)) this.#unread?.set(this, 0)
    }
  }

  #takeRun(): readonly Uint8Array[] {
    const run: Uint8Array[] = []
    try {
      while (run.length < MAX_RUN) {
        const frame = this.#decoder.next()
        if (frame === undefined) break
        run.push(frame)
      }
      this.#weigh()
    } catch (cause) {
      if (run.length === 0) {
        this.abort(toError(cause))
        throw cause
      } // else the next call throws it again, after the good frames were read
    }
    return run
  }

  /** The channel that ends may be this one. */
  #weigh(): void {
    if (this.#failed !== undefined) return
    const tooMuch = this.#unread?.set(this, this.#decoder.bytes) ?? []
    for (const channel of tooMuch) channel.abort(new ChannelError('ERR_OVERFLOW'))
  }

  #checkEnd(): void {
    if (!this.#decoder.unfinished) return
    const cut = new ChannelError('ERR_TRUNCATED')
    this.abort(cut)
    throw cut
  }

  #resume(): void {
    try {
      this.#stream.resume()
    } catch (cause) {
      // Closed meanwhile: what it still held is lost.
      this.#end(new ChannelError('ERR_TRUNCATED', { cause }))
    }
  }

  #flush(): void {
    try {
      while (this.#outgoing.byteLength > 0 && !this.#stream.writableNeedsDrain) {
        // In one array: libp2p's own Noise encrypts each part of a list alone, and TCP writes each in a system call of its own.
        const write = this.#outgoing.subarray(0, Math.min(WRITE_BYTES, this.#outgoing.byteLength))
        this.#outgoing.consume(write.byteLength)
        this.#stream.send(write)
      }
    } catch (cause) {
      this.abort(new ChannelError('ERR_TRUNCATED', { cause: toError(cause) }))
    }
    this.#notify()
  }

  async #close(): Promise<void> {
    this.#grace = this.#clock.after(CLOSE_MS, () => this.#giveUp())
    try {
      this.#flush()
      while (this.#outgoing.byteLength > 0) await this.#progress()
      if (this.#failed === undefined) await this.#stream.close()
    } catch (cause) {
      this.abort(toError(cause))
    }
    if (!isOpen(this.#stream)) this.#grace.cancel()
    // From now on the peer has until the end of the grace to close as well.
  }

  #giveUp(): void {
    this.abort(new ChannelError('ERR_CLOSED'))
  }

  /** Resolves when some of the queue has left. Rejects when the channel ended or `signal` is aborted. */
  #progress(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    if (this.#failed !== undefined) throw this.#failed
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const settle = (): void => {
      signal?.removeEventListener('abort', settle)
      const error = this.#failed ?? (signal?.aborted === true ? toError(signal.reason) : undefined)
      if (error === undefined) resolve()
      else reject(error)
    }
    signal?.addEventListener('abort', settle)
    this.#waiting.push(settle)
    return promise
  }

  #notify(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const settle of waiting) settle()
  }

  /** Marks the channel as over and wakes everybody who waits. The first reason stays. */
  #end(reason: Error): void {
    this.#failed ??= reason
    this.#unread?.set(this, 0)
    this.#outgoing = new Uint8ArrayList()
    this.#grace?.cancel()
    this.#poke()
    this.#notify()
  }

  #poke(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    this.#decoder.push(event.data.subarray())
    if (this.#decoder.bytes > READ_HIGH_BYTES && this.#stream.readStatus === 'readable') {
      this.#stream.pause()
    }
    this.#weigh()
    this.#poke()
  }

  readonly #onFinish = (): void => {
    this.#finished = true
    this.#poke()
  }

  readonly #onClose = (event: StreamCloseEvent): void => {
    const clean = this.#finished && this.#outgoing.byteLength === 0
    const lost = event.error ?? (clean ? undefined : new ChannelError('ERR_TRUNCATED'))
    if (lost !== undefined) return this.#end(lost)
    this.#grace?.cancel()
    // Both sides have closed: nothing can be sent any more, what has arrived can still be read.
    if (!this.#reading) this.#unread?.set(this, 0)
    this.#closing ??= Promise.resolve()
    this.#poke()
    this.#notify()
  }

  readonly #onDrain = (): void => this.#flush()
}

export type { StreamChannel }

function isOpen(stream: Stream): boolean {
  return stream.status === 'open' || stream.status === 'closing'
}

function checkedName(name: string): PeerName {
  accountOf(name)
  return name as PeerName
}
