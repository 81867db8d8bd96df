// A stream to a mailbox on which a test sends any bytes, also what is no frame.
import { FrameDecoder, frameHeader } from '../../net/frames.ts'
import { decodeMailboxFrame, MAX_MAILBOX_FRAME_BYTES } from '../../net/mailbox-messages.ts'
import { concat } from '../../protocol/bytes.ts'
import type { Stream } from '@libp2p/interface'
import type { MailboxMessage } from '../../net/mailbox-messages.ts'
import type { Caller, Meeting } from './loaded-mailbox.ts'

/** How the mailbox ended it: after its last answer, or at once. */
export type Ending = 'closed' | 'reset'

export class RawVisit {
  /** Everything that the mailbox has said. */
  readonly frames: MailboxMessage[] = []
  readonly ended: Promise<Ending>
  readonly #stream: Stream
  readonly #decoder = new FrameDecoder(MAX_MAILBOX_FRAME_BYTES)
  #arrived = Promise.withResolvers<void>()

  private constructor(stream: Stream) {
    this.#stream = stream
    this.ended = new Promise((resolve) => {
      stream.addEventListener('remoteCloseWrite', () => resolve('closed'))
      stream.addEventListener('close', ({ error }) => resolve(error ? 'reset' : 'closed'))
      if (stream.status !== 'open') resolve('reset')
    })
    stream.addEventListener('message', ({ data }) => this.#take(data.subarray()))
  }

  static async open(caller: Caller, meeting: Meeting): Promise<RawVisit> {
    return new RawVisit(await caller.stream(meeting))
  }

  /** Bytes that the mailbox does not want are nobody's loss. */
  send(bytes: Uint8Array): void {
    if (this.#stream.writeStatus === 'writable') this.#stream.send(bytes)
  }

  /** So many frames of the mailbox, hello among them, unless it ends before. */
  async said(count: number): Promise<readonly MailboxMessage[]> {
    let over = false
    const end = this.ended.then(() => (over = true))
    while (this.frames.length < count && !over) await Promise.race([this.#arrived.promise, end])
    return this.frames
  }

  /** Says no more, and waits until the mailbox does not either. */
  async finish(): Promise<Ending> {
    await this.#stream.close().catch(() => undefined) // it may have been reset
    const ending = await this.ended
    this.leave()
    return ending
  }

  /** What the mailbox says from now on stays on the way. */
  stopReading(): void {
    this.#stream.pause()
  }

  /** Without a word. */
  leave(): void {
    this.#stream.abort(new Error('left'))
  }

  #take(bytes: Uint8Array): void {
    this.#decoder.push(bytes)
    for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
      this.frames.push(decodeMailboxFrame(frame))
    }
    this.#arrived.resolve()
    this.#arrived = Promise.withResolvers()
  }
}

/** A frame as it is on the wire. */
export function framed(bytes: Uint8Array): Uint8Array {
  return concat(frameHeader(bytes.length), bytes)
}
