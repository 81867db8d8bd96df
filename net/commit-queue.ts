/**
 * What waits to be written. One batch is on its way at a time; everything that arrives meanwhile goes into the next, so that many
 * callers share one fsync.
 */
import { gathered } from './gathered.ts'
import { sizeOf, type Operation } from './operation.ts'
import { StoreError, storeError } from './store-error.ts'
import type { Clock, Timer } from './ports.ts'

/** At once and synced; when something else is written, but synced at the latest then; the same without fsync. */
export type Pace = 'now' | 'soon' | 'lazy'

/** One caller's operations: written together or not at all. */
interface Group {
  readonly operations: readonly Operation[]
  readonly pace: Pace
  readonly resolve: () => void
  readonly reject: (error: StoreError) => void
}

export interface CommitQueueInit {
  readonly clock: Clock
  /** How long what is not to be written now waits for something to ride with, in ms. */
  readonly lazyMs: number
  /** What becomes of a put before anything else happens: the caller may wipe its value then. */
  readonly seal: (key: string, value: Uint8Array) => Operation
  /** Writes a batch: all or nothing. */
  readonly write: (operations: readonly Operation[], sync: boolean) => Promise<void>
  /** Told once per batch that failed, before its callers are, and those behind it. */
  readonly failed: (error: StoreError) => void
}

/** A batch larger than this would hold up the callers behind it for longer than two smaller ones. */
const MAX_BATCH_OPERATIONS = 4096
const MAX_BATCH_BYTES = 8 * 1024 * 1024

/**
 * So many are not kept waiting for more while nothing is written: the disk takes them while the others are prepared, and whoever waits for
 * these goes on meanwhile.
 */
const ENOUGH = 32

export class CommitQueue {
  readonly #init: CommitQueueInit
  #groups: Group[] = []
  #working: Promise<void> | undefined
  #timer: Timer | undefined
  #closed = false

  constructor(init: CommitQueueInit) {
    this.#init = init
  }

  /** Whether something is on its way or waits. */
  get isBusy(): boolean {
    return this.#working !== undefined || this.#groups.length > 0
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Nothing more is taken; what waits is written. */
  close(): void {
    this.#closed = true
  }

  /**
   * Resolves when the operations are written. Rejects with `StoreError`. Runs without a pause up to the returned promise: calls are
   * queued in their order.
   */
  async add(operations: readonly Operation[], pace: Pace): Promise<void> {
    if (this.#closed) throw new StoreError('ERR_CLOSED')
    const sealed = operations.map((operation) =>
      operation.type === 'put' ? this.#init.seal(operation.key, operation.value) : operation,
    )
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#groups.push({ operations: sealed, pace, resolve, reject })
    this.#next()
    await promise
  }

  /** Does something while nothing is written, unless something is being written now. What comes meanwhile waits. */
  whileIdle(work: () => Promise<void>): void {
    if (!this.#closed) this.#working ??= this.#run(work)
  }

  /** All that waits is refused. */
  fail(error: StoreError): void {
    this.#fail([], error)
  }

  /** Sees to it that what waits is written, at once if somebody waits for it. */
  #next(): void {
    if (this.#working !== undefined || this.#groups.length === 0) return
    if (this.#groups.some(({ pace }) => pace === 'now')) this.#start()
    else this.#timer ??= this.#init.clock.after(this.#init.lazyMs, () => this.#start())
  }

  #start(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#working ??= this.#run(() => this.#writeAll())
  }

  /** Never rejects. */
  async #run(work: () => Promise<void>): Promise<void> {
    await work()
    this.#working = undefined
    this.#next()
  }

  /** Writes one batch, and more while somebody waits. Never rejects. */
  async #writeAll(): Promise<void> {
    await gathered(() => this.#groups.length, ENOUGH)
    do {
      await this.#write(this.#take())
    } while (this.#groups.some(({ pace }) => pace === 'now'))
  }

  async #write(groups: readonly Group[]): Promise<void> {
    const operations = groups.flatMap((group) => group.operations)
    const sync = groups.some(({ pace }) => pace !== 'lazy')
    try {
      await this.#init.write(operations, sync)
      for (const group of groups) group.resolve()
    } catch (cause) {
      this.#fail(groups, storeError(cause))
    }
  }

  /** The next batch: whole groups, oldest first, within the bounds, at least one. */
  #take(): readonly Group[] {
    let operations = 0
    let bytes = 0
    let count = 0
    for (const group of this.#groups) {
      operations += group.operations.length
      bytes += sizeOf(group.operations)
      if (count > 0 && (operations > MAX_BATCH_OPERATIONS || bytes > MAX_BATCH_BYTES)) break
      count++
    }
    const groups = this.#groups.slice(0, count)
    this.#groups = this.#groups.slice(count)
    return groups
  }

  #fail(groups: readonly Group[], error: StoreError): void {
    const all = [...groups, ...this.#groups]
    this.#groups = []
    this.#init.failed(error)
    for (const group of all) group.reject(error)
  }
}
