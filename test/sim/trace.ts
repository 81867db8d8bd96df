// What happened in a run, as a number: two runs of one seed have the same.

/** Takes in strings and bytes, in their order. */
export class Trace {
  #a = 0x811c9dc5
  #b = 0x9e3779b9
  #entries = 0

  add(...parts: readonly (string | number | Uint8Array)[]): void {
    this.#entries++
    for (const part of parts) {
      if (part instanceof Uint8Array) this.#bytes(part)
      else this.#text(String(part))
      this.#byte(0)
    }
  }

  get entries(): number {
    return this.#entries
  }

  /** 16 hex digits. */
  get digest(): string {
    return [this.#a, this.#b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #bytes(bytes: Uint8Array): void {
    for (const byte of bytes) this.#byte(byte)
  }

  #text(text: string): void {
    for (let at = 0; at < text.length; at++) this.#byte(text.charCodeAt(at))
  }

  #byte(byte: number): void {
    this.#a = Math.imul(this.#a ^ byte, 0x01000193)
    this.#b = (Math.imul(this.#b ^ byte, 0x85ebca6b) << 5) ^ (this.#b >>> 7) ^ this.#a
  }
}
