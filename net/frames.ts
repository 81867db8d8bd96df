/**
 * Frames on a byte stream: an unsigned LEB128 length (the shortest form only), then that many bytes. Memory does not depend on
 * how the sender cuts its bytes: everything is gathered in one buffer, and a frame leaves it as a copy.
 */
import { ChannelError } from './channel-error.ts'
import type { ChannelErrorCode } from './channel-error.ts'

const NONE = new Uint8Array(0)

/** A buffer that grew beyond this is let go when it is empty. */
const KEPT_CAPACITY = 1024 * 1024

/** For the next who has to gather something: hardly any stream has, at any one time. */
let spare = NONE

/** Lengths have at most four bytes: below 2^28. */
const MAX_SHIFT = 21

/** The bytes that go before a frame of this length. */
export function frameHeader(length: number): Uint8Array {
  const bytes: number[] = []
  let rest = length
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

/** Cuts what arrives into frames. */
export class FrameDecoder {
  readonly #maxFrameBytes: number
  #buffer = NONE
  #start = 0
  #end = 0
  /** Length of the frame whose header was read, or undefined between two frames. */
  #expected: number | undefined
  #value = 0
  #shift = 0
  #failed: ChannelError | undefined

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes
  }

  /** Bytes that wait, without a header that was read already. */
  get bytes(): number {
    return this.#end - this.#start
  }

  /** Whether a frame has begun and not ended. After `next` gave undefined, this tells a clean end from a cut. */
  get unfinished(): boolean {
    return this.bytes > 0 || this.#expected !== undefined || this.#shift > 0
  }

  /** Adds a copy of `data`. */
  push(data: Uint8Array): void {
    if (this.#end + data.length > this.#buffer.length) this.#makeRoom(data.length)
    this.#buffer.set(data, this.#end)
    this.#end += data.length
  }

  /** The next whole frame. Throws `ChannelError`, then and ever after: `ERR_FRAME_TOO_LARGE`, `ERR_MALFORMED`. */
  next(): Uint8Array | undefined {
    if (this.#failed !== undefined) throw this.#failed
    this.#expected ??= this.#readHeader()
    if (this.#expected === undefined || this.bytes < this.#expected) return undefined
    const frame = this.#buffer.slice(this.#start, this.#start + this.#expected)
    this.#start += this.#expected
    this.#expected = undefined
    if (this.#start === this.#end) this.#reset()
    return frame
  }

  #readHeader(): number | undefined {
    while (this.#start < this.#end) {
      const byte = this.#buffer[this.#start++] ?? 0
      this.#value += (byte & 0x7f) * 2 ** this.#shift
      if (byte < 0x80) return this.#finishHeader(byte)
      if (this.#shift >= MAX_SHIFT) throw this.#fail('ERR_FRAME_TOO_LARGE')
      this.#shift += 7
    }
    return undefined
  }

  #finishHeader(lastByte: number): number {
    const length = this.#value
    if (lastByte === 0 && this.#shift > 0) throw this.#fail('ERR_MALFORMED')
    if (length > this.#maxFrameBytes) throw this.#fail('ERR_FRAME_TOO_LARGE')
    this.#value = 0
    this.#shift = 0
    return length
  }

  #fail(code: ChannelErrorCode): ChannelError {
    this.#failed = new ChannelError(code)
    return this.#failed
  }

  #makeRoom(length: number): void {
    if (this.#buffer === NONE) [this.#buffer, spare] = [spare, NONE]
    const needed = this.bytes + length
    // Moving what waits pays only if there is much room behind it then.
    const useful = this.bytes === 0 ? this.#buffer.length : this.#buffer.length / 2
    const target =
      needed <= useful
        ? this.#buffer
        : new Uint8Array(Math.max(needed, Math.min(2 * needed, needed + 1024 * 1024)))
    target.set(this.#buffer.subarray(this.#start, this.#end))
    this.#end -= this.#start
    this.#start = 0
    this.#buffer = target
  }

  #reset(): void {
    this.#start = 0
    this.#end = 0
    const { length } = this.#buffer
    if (length > spare.length && length <= KEPT_CAPACITY) spare = this.#buffer
    this.#buffer = NONE
  }
}
