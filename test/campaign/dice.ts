/** Seeded chance for the campaigns: every input has dice of its own, so that one input can be made again without the others. */
export class Dice {
  #a: number
  #b: number
  #c: number
  #d = 1

  constructor(seed: string) {
    let hash = 0x811c9dc5
    for (let i = 0; i < seed.length; i += 1) {
      hash = Math.imul(hash ^ seed.charCodeAt(i), 0x01000193)
    }
    this.#a = hash
    this.#b = Math.imul(hash, 0x9e3779b1) ^ seed.length
    this.#c = 0xb7e15162
    for (let i = 0; i < 12; i += 1) this.#next()
  }

  /** A whole number from 0 up to and without `limit`. */
  below(limit: number): number {
    return Math.floor((this.#next() / 2 ** 32) * limit)
  }

  /** True once in so many times. */
  onceIn(times: number): boolean {
    return this.below(times) === 0
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  /** A length up to `max`: short ones as likely as long ones in their thousands. */
  length(max: number): number {
    return Math.min(max, Math.floor(2 ** (this.#fraction() * Math.log2(max + 2))) - 1)
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i += 1) bytes[i] = this.#next() & 0xff
    return bytes
  }

  /** A number that is likely to be a limit of something. */
  edge(): bigint {
    const power = 2n ** BigInt(this.pick([7, 8, 14, 16, 21, 28, 31, 32, 52, 53, 63, 64]))
    const edges = [0n, 1n, 2n, power - 1n, power, power + 1n, BigInt(this.below(300))]
    return this.pick(edges)
  }

  #fraction(): number {
    return this.#next() / 2 ** 32
  }

  /** sfc32 */
  #next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + sum) | 0
    return sum >>> 0
  }
}
