// Byte streams that are cut in one way and wanted in another.

import { concat } from '../../protocol/bytes.ts'
import { DecodeError } from '../../protocol/errors.ts'

/** Pieces are gathered to this size: sealing and writing have a cost for each. */
const PIECE_BYTES = 64 * 1024

/** Bytes that come in pieces and are taken in others. */
export class Pieces {
  readonly #from: AsyncIterator<Uint8Array>
  #held: Uint8Array = new Uint8Array(0)

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#from = pieces[Symbol.asyncIterator]()
  }

  /** A copy. Throws `DecodeError` ERR_TRUNCATED when there are not so many any more. */
  async take(count: number): Promise<Uint8Array> {
    while (this.#held.length < count) {
      if (!(await this.#more())) throw new DecodeError('ERR_TRUNCATED')
    }
    const taken = this.#held.slice(0, count)
    this.#held = this.#held.subarray(count)
    return taken
  }

  /** Whether any are left. */
  async some(): Promise<boolean> {
    while (this.#held.length === 0) if (!(await this.#more())) return false
    return true
  }

  /** Ends the stream, read or not. */
  async close(): Promise<void> {
    await this.#from.return?.()
  }

  async #more(): Promise<boolean> {
    const next = await this.#from.next()
    if (next.done === true) return false
    const { buffer, byteOffset, length } = next.value
    const piece = new Uint8Array(buffer, byteOffset, length) // slices of Node's own kind are no copies
    this.#held = this.#held.length === 0 ? piece : concat(this.#held, piece)
    return true
  }
}

/** The same bytes in fewer pieces. */
export async function* gathered(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = []
  let bytes = 0
  for await (const part of parts) {
    held.push(part)
    bytes += part.length
    if (bytes < PIECE_BYTES) continue
    yield concat(...held)
    held = []
    bytes = 0
  }
  if (bytes > 0) yield concat(...held)
}
