// How far the store had come, written beside it from time to time. A database that has lost the end of its log, or all of it, or was
// put back to an older copy, agrees with itself and looks like one to which less has happened: this is what it is compared with.

import { concat, equalBytes, u64, u8 } from '../protocol/bytes.ts'
import { DecodeError } from '../protocol/errors.ts'
import { reader } from '../protocol/reader.ts'
import { COMMIT_HASH_BYTES, judgeMark, NO_COMMIT } from './commit-chain.ts'
import type { CommitMark } from './commit-chain.ts'
import type { Clock, Timer } from './ports.ts'
import type { Records } from './records.ts'

/** A small file outside of the store. */
export interface WitnessFile {
  /** Undefined when there is none. */
  read(): Promise<Uint8Array | undefined>
  /** Replaces it as a whole; durable when it resolves, unless it is loose. */
  write(bytes: Uint8Array): Promise<void>
  /** It is written after every batch, without an fsync, and believed only where it can be read. */
  readonly isLoose?: boolean
}

export interface WitnessInit {
  /** The first one counts the losses. */
  readonly files: readonly WitnessFile[]
  readonly records: Pick<Records, 'continuity' | 'durable' | 'flush' | 'onSynced'>
  /** Whether the store itself could not read all of its log. */
  readonly isCut: boolean
  readonly clock: Clock
  /** 16 bytes that name this computer. Undefined where it has no name: then nothing is said of that. */
  readonly host?: Uint8Array | undefined
}

/**
 * Why a store is not what it was: a part in the middle is missing; it has less than was noted; it has something else under a number
 * that was noted; it was noted on another computer; what was noted cannot be read.
 */
export type StoreFinding = 'hole' | 'older' | 'other' | 'elsewhere' | 'unreadable'

export interface Comparison {
  readonly finding: StoreFinding | undefined
  /** The highest number of a batch that is known of. */
  readonly highest: number
}

/** Longest time between a write and its mention, while the program runs. */
const STEP_MS = 10_000

const VERSION = 1

const HOST_BYTES = 16
const NO_HOST = new Uint8Array(HOST_BYTES)

/** `u8 1 ‖ u64 number ‖ hash[16] ‖ u64 losses ‖ host[16]` */
interface Testimony {
  readonly mark: CommitMark
  /** How often something was found missing. */
  readonly losses: number
  readonly host: Uint8Array
}

export class Witness {
  readonly #init: WitnessInit
  #losses = 0
  #last: CommitMark | undefined
  #timer: Timer | undefined
  #stopped = false
  #writing: Promise<void> = Promise.resolve()
  #noting: Promise<void> | undefined
  #noted: CommitMark | undefined

  constructor(init: WitnessInit) {
    this.#init = init
  }

  /** Starts at which the store had less than it once had. What was lost is not known, and is not forgotten. */
  get losses(): number {
    return this.#losses
  }

  /** Compares the store with what was noted of it. Throws what files and store throw. */
  async compare(): Promise<Comparison> {
    const { files, records, isCut, host } = this.#init
    const chain = await records.continuity()
    const head = chain?.head ?? NO_COMMIT
    const findings: (StoreFinding | undefined)[] = []
    let highest = head.number
    for (const file of files) {
      const testimony = read(await file.read())
      if (testimony === undefined) continue
      if (testimony === 'damaged') {
        if (file.isLoose !== true) findings.push('unreadable')
        continue
      }
      highest = Math.max(highest, testimony.mark.number)
      this.#losses = Math.max(this.#losses, testimony.losses)
      findings.push(judgeMark(chain, testimony.mark))
      if (isElsewhere(testimony.host, host)) findings.push('elsewhere')
    }
    if (isCut || chain?.isWhole === false) findings.push('hole')
    return { finding: findings.find((finding) => finding !== undefined), highest }
  }

  /** Notes from now on how far the store is. `losses`: how many were found just now. Throws what files and store throw. */
  async begin(losses: number): Promise<void> {
    this.#losses += losses
    await this.#write(await this.#init.records.durable())
    if (this.#init.files.length === 0) return // nothing is noted anywhere
    this.#init.records.onSynced((mark) => {
      if (this.#stopped) return
      this.#wait()
      this.#note(mark)
    })
  }

  /** So many were found since. */
  async count(losses: number): Promise<void> {
    this.#losses += losses
    await this.#write(await this.#init.records.durable())
  }

  /** Compares, counts what is found, and notes from now on. Throws what files and store throw. */
  async start(): Promise<void> {
    const { finding } = await this.compare()
    await this.begin(finding === undefined ? 0 : 1)
  }

  /** Before the store is closed, and after everything that writes: what is on its way is waited for, and noted. */
  async stop(): Promise<void> {
    this.#timer?.cancel()
    if (this.#init.files.length === 0) return
    await this.#init.records.flush().catch(() => undefined) // what is not written is not noted
    this.#stopped = true
    this.#timer?.cancel()
    await this.#noting
    await this.#step().catch(() => undefined) // a full disk: what is noted is older, and says less
    await this.#writing
  }

  /** Nothing is noted while nothing is written. */
  #wait(): void {
    this.#timer ??= this.#init.clock.after(STEP_MS, () => {
      this.#timer = undefined
      void this.#step().catch(() => this.#again()) // a full disk: the next step says the same
    })
  }

  #again(): void {
    if (!this.#stopped) this.#wait()
  }

  async #step(): Promise<void> {
    const mark = await this.#init.records.durable()
    if (mark.number !== this.#last?.number) await this.#write(mark)
  }

  /** One after another: each file is replaced by way of another one beside it. */
  #write(mark: CommitMark): Promise<void> {
    const written = this.#writing.then(() => this.#writeAll(mark))
    this.#writing = written.catch(() => undefined) // the caller has the rejection
    return written
  }

  async #writeAll(mark: CommitMark): Promise<void> {
    const bytes = this.#encode(mark)
    for (const file of this.#init.files) await file.write(bytes)
    this.#last = mark
  }

  /** The newest one only, when the disk is slower than the batches. */
  #note(mark: CommitMark): void {
    this.#noted = mark
    this.#noting ??= this.#writeNotes()
  }

  async #writeNotes(): Promise<void> {
    const loose = this.#init.files.filter(({ isLoose }) => isLoose === true)
    for (let next = this.#noted; next !== undefined; next = this.#noted) {
      this.#noted = undefined
      const bytes = this.#encode(next)
      // A full disk: the note is older, and says less.
      for (const file of loose) await file.write(bytes).catch(() => undefined)
    }
    this.#noting = undefined
  }

  #encode({ number, hash }: CommitMark): Uint8Array {
    return concat(u8(VERSION), u64(number), hash, u64(this.#losses), this.#init.host ?? NO_HOST)
  }
}

function isElsewhere(then: Uint8Array, now: Uint8Array | undefined): boolean {
  return now !== undefined && !equalBytes(then, NO_HOST) && !equalBytes(then, now)
}

function read(bytes: Uint8Array | undefined): Testimony | 'damaged' | undefined {
  if (bytes === undefined) return undefined
  try {
    const from = reader(bytes)
    if (from.u8() !== VERSION) return 'damaged'
    const mark = { number: from.u64(), hash: from.take(COMMIT_HASH_BYTES) }
    const testimony = { mark, losses: from.u64(), host: from.take(HOST_BYTES) }
    from.end()
    return testimony
  } catch (cause) {
    if (cause instanceof DecodeError) return 'damaged'
    throw cause
  }
}
