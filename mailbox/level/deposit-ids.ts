// Which deposit ids may be known. Nearly every id is new, and a look into LevelDB that finds nothing costs more than the look: it counts
// against the tables that were passed over, until LevelDB merges them for it.

import { keys } from './keys.ts'

/** Of each id, in the filter: one of so many is taken for known that is not, about one in 400. */
const BITS_EACH = 16

const LEAST_IDS = 32 * 1024

/** More bits than that are not kept: 64 MiB, beyond which more ids are looked for that are not there. */
const MOST_BITS = 2 ** 29

/**
 * A Bloom filter: it may name an id that is not known, and never misses one that is. Ids that were forgotten stay in it until it is
 * loaded again.
 */
export class DepositIds {
  /** Undefined before the first was loaded. */
  #filter: Filter | undefined
  /** Being loaded. */
  #next: Filter | undefined

  /** False where it was neither among the names when they were loaded, nor noted since. */
  mayKnow(depositId: Uint8Array): boolean {
    return this.#filter?.has(wordsOf(depositId)) ?? true
  }

  /** Before it is written. */
  note(depositId: Uint8Array): void {
    const words = wordsOf(depositId)
    this.#filter?.add(words)
    this.#next?.add(words)
  }

  /** Whether there are so many that it should be loaded again, with more room. */
  get isFull(): boolean {
    return this.#filter?.isFull ?? true
  }

  /** From the names of all receipts, of which there are about so many. Rejects as `names` does, and then nothing has changed. */
  async load(names: AsyncIterable<readonly string[]>, about: number): Promise<void> {
    const next = new Filter(about)
    this.#next = next
    try {
      for await (const some of names) for (const name of some) next.add(wordsIn(name))
      this.#filter = next
    } finally {
      this.#next = undefined
    }
  }
}

/** Four 32-bit numbers. Ids are random: they are their own hashes, and who chooses one that is not meets more looks of its own. */
type Words = readonly number[]

class Filter {
  readonly #bits: Uint32Array
  /** Bits, a power of two, less one. */
  readonly #mask: number
  #left: number

  constructor(about: number) {
    const ids = 2 * Math.max(LEAST_IDS, about)
    const bits = Math.min(MOST_BITS, 2 ** Math.ceil(Math.log2(BITS_EACH * ids)))
    this.#bits = new Uint32Array(bits / 32)
    this.#mask = bits - 1
    this.#left = ids
  }

  get isFull(): boolean {
    return this.#left <= 0
  }

  add(words: Words): void {
    this.#left--
    for (const word of words) {
      const at = word & this.#mask
      this.#bits[at >>> 5] = (this.#bits[at >>> 5] ?? 0) | (1 << (at & 31))
    }
  }

  has(words: Words): boolean {
    return words.every((word) => {
      const at = word & this.#mask
      return ((this.#bits[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0
    })
  }
}

/** 16 bytes. */
function wordsOf(depositId: Uint8Array): Words {
  const view = new DataView(depositId.buffer, depositId.byteOffset, depositId.length)
  return [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)]
}

/** The id at the end of a receipt's name. */
function wordsIn(name: string): Words {
  const id = keys.receiptId(name)
  return [0, 8, 16, 24].map((from) => Number.parseInt(id.slice(from, from + 8), 16))
}
