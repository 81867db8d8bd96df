// NDJSON framing of the local socket: one JSON document per line, bounded before it is parsed.

/** Largest line either side accepts, without its line feed. */
export const MAX_LINE_BYTES = 1024 * 1024

/** A line was longer than allowed: the stream cannot be resynchronised and must be closed. */
export class LineTooLongError extends Error {
  static override readonly name = 'LineTooLongError'
  override readonly name = 'LineTooLongError'

  constructor() {
    super(`a line is longer than ${MAX_LINE_BYTES} bytes`)
  }
}

const LINE_FEED = 0x0a

/** Cuts a byte stream into lines. Keeps at most one unfinished line, so its memory is bounded by the limit and one chunk. */
export class LineSplitter {
  #parts: Uint8Array[] = []
  #length = 0
  readonly #maxBytes: number

  constructor(maxBytes: number = MAX_LINE_BYTES) {
    this.#maxBytes = maxBytes
  }

  /** The lines finished by this chunk, without line feeds, empty lines left out. Throws `LineTooLongError`. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = []
    let rest = chunk
    for (let end = rest.indexOf(LINE_FEED); end >= 0; end = rest.indexOf(LINE_FEED)) {
      this.#keep(rest.subarray(0, end))
      const line = this.#take()
      if (line.trim() !== '') lines.push(line)
      rest = rest.subarray(end + 1)
    }
    this.#keep(rest)
    return lines
  }

  #keep(part: Uint8Array): void {
    this.#length += part.byteLength
    if (this.#length > this.#maxBytes) throw new LineTooLongError()
    if (part.byteLength > 0) this.#parts.push(part)
  }

  #take(): string {
    const bytes = new Uint8Array(this.#length)
    let offset = 0
    for (const part of this.#parts) {
      bytes.set(part, offset)
      offset += part.byteLength
    }
    this.#parts = []
    this.#length = 0
    return new TextDecoder().decode(bytes)
  }
}
