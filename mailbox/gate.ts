// How much may be worked on at a time: requests wait here, unread, instead of filling the memory.

export interface GateInit {
  readonly count: number
  readonly bytes: number
}

/** Lets in up to `count` things of up to `bytes` together, the first always; the rest wait in order. */
export class Gate {
  readonly #limits: GateInit
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = []
  #count = 0
  #bytes = 0
  #idle = Promise.withResolvers<void>()

  constructor(limits: GateInit) {
    this.#limits = limits
    this.#idle.resolve()
  }

  async enter(bytes: number): Promise<void> {
    if (this.tryEnter(bytes)) return
    await new Promise<void>((enter) => this.#waiting.push({ bytes, enter }))
  }

  /** False where it would have to wait. */
  tryEnter(bytes: number): boolean {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) return false
    this.#add(bytes)
    return true
  }

  leave(bytes: number): void {
    this.#count--
    this.#bytes -= bytes
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#fits(next.bytes)) break
      this.#waiting.shift()
      this.#add(next.bytes)
      next.enter()
    }
    if (this.#count === 0) this.#idle.resolve()
  }

  /** Resolves when nothing is inside. */
  empty(): Promise<void> {
    return this.#idle.promise
  }

  #fits(bytes: number): boolean {
    const { count, bytes: limit } = this.#limits
    return this.#count === 0 || (this.#count < count && this.#bytes + bytes <= limit)
  }

  #add(bytes: number): void {
    if (this.#count === 0) this.#idle = Promise.withResolvers()
    this.#count++
    this.#bytes += bytes
  }
}
