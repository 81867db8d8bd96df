// How far the store had come, written beside it from time to time. A database that has lost the end of its log, or all of it, agrees
// with itself and looks like one to which less has happened: this is what it is compared with.

import { concat, u64, u8 } from '../protocol/bytes.ts'
import { DecodeError } from '../protocol/errors.ts'
import { reader } from '../protocol/reader.ts'
import type { Clock, Timer } from '../net/ports.ts'

/** A small file outside of the store. */
export interface WitnessFile {
  /** Undefined when there is none. */
  read(): Promise<Uint8Array | undefined>
  /** Replaces it as a whole; durable when it resolves. */
  write(bytes: Uint8Array): Promise<void>
}

export interface WitnessInit {
  readonly file: WitnessFile
  /** Batches that are on the disk, over all starts. */
  readonly writes: () => Promise<number>
  /** Whether the store itself could not read all of its log. */
  readonly isCut: boolean
  readonly clock: Clock
}

/** Longest time between a write and its mention, while the mailbox runs. */
const STEP_MS = 10_000

const VERSION = 1

/** `u8 1 ‖ u64 writes ‖ u64 losses` */
interface Testimony {
  readonly writes: number
  /** How often something was found missing. */
  readonly losses: number
}

export class Witness {
  readonly #init: WitnessInit
  #last: Testimony = { writes: 0, losses: 0 }
  #timer: Timer | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(init: WitnessInit) {
    this.#init = init
  }

  /** Starts at which the store had less than it once had. What was lost is not known, and is not forgotten. */
  get losses(): number {
    return this.#last.losses
  }

  /** Compares, and writes from now on. Throws what file and store throw. */
  async start(): Promise<void> {
    const before = read(await this.#init.file.read())
    const writes = await this.#init.writes()
    const lost = this.#init.isCut || before === 'damaged' || before.writes > writes
    const losses = (before === 'damaged' ? 0 : before.losses) + (lost ? 1 : 0)
    await this.#write({ writes, losses })
    this.#wait()
  }

  /** Before the store is closed. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    await this.#step()
  }

  #wait(): void {
    this.#timer = this.#init.clock.after(STEP_MS, () => {
      this.#wait()
      this.#writing = this.#step().catch(() => undefined) // a full disk: the next step says the same
    })
  }

  async #step(): Promise<void> {
    await this.#writing
    const writes = await this.#init.writes()
    if (writes !== this.#last.writes) await this.#write({ ...this.#last, writes })
  }

  async #write(testimony: Testimony): Promise<void> {
    const { writes, losses } = testimony
    await this.#init.file.write(concat(u8(VERSION), u64(writes), u64(losses)))
    this.#last = testimony
  }
}

function read(bytes: Uint8Array | undefined): Testimony | 'damaged' {
  if (bytes === undefined) return { writes: 0, losses: 0 }
  try {
    const from = reader(bytes)
    if (from.u8() !== VERSION) return 'damaged'
    const testimony = { writes: from.u64(), losses: from.u64() }
    from.end()
    return testimony
  } catch (cause) {
    if (cause instanceof DecodeError) return 'damaged'
    throw cause
  }
}
