/**
 * The store of both services: sealed values, group commit. One batch is on its way at a time; everything that arrives
 * meanwhile goes into the next, so that many messages share one fsync. Not a cache: reads see what is committed, nothing else.
 */
import { equalBytes } from '../protocol/bytes.ts'
import { deriveSecret } from '../protocol/crypto.ts'
import { CommitChain, judgeMark, NO_COMMIT } from './commit-chain.ts'
import { gathered } from './gathered.ts'
import { READ_AHEAD, iteratorOptions } from './record-range.ts'
import { RecordSeals, type DyingRecords } from './record-seals.ts'
import { StoreError, storeError, TornLogError } from './store-error.ts'
import { StoreTrouble, type Trouble } from './store-trouble.ts'
import type { AbstractBatchOptions } from 'abstract-level'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Secret } from '../protocol/secret.ts'
import type { CommitMark, StoredChain } from './commit-chain.ts'
import type { Clock, Store, Timer } from './ports.ts'
import type { Range } from './record-range.ts'

export type Operation =
  | Write
  /**
   * A put whose value is asked for when its batch is written, and only if no later one of the batch has the same key: for
   * counters that change with everything else.
   */
  | { readonly type: 'state'; readonly key: string; readonly value: () => Uint8Array }
  /** What is there when the batch is written, under the key of now; nothing where the batch writes that record. */
  | { readonly type: 'again'; readonly key: string }

/** All but what has to be looked up. */
type Known = Exclude<Operation, { readonly type: 'again' }>

/** As the database takes it. */
type Write =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }

export interface RecordsInit {
  readonly store: Store
  /** 32 bytes. Stays with its owner, who wipes it after `close`. */
  readonly dataKey: Secret<'DataKey'>
  /** Records that die with their keys. @default none */
  readonly dying?: DyingRecords | undefined
  readonly clock: Clock
  readonly random: RandomBytes
  /**
   * How long `later` waits for a commit to ride with, in ms.
   *
   * @default 50
   */
  readonly lazyMs?: number
  /** Beginning of the names of records that number the batches and tie each to the one before: commit-chain.ts. */
  readonly chain?: string
  /**
   * Called after a failed batch, before the next one: closes and opens the database again, so that its log is read to the last
   * whole record and ends there. A write that was cut short would otherwise leave a hole behind which nothing is found.
   */
  readonly reopen?: () => Promise<void>
  /** For measuring: a clock in ms with fractions, told of how long each batch with an fsync took. */
  readonly watch?: { now(): number; synced(ms: number): void }
}

export interface StoredRecord {
  readonly key: string
  readonly value: Uint8Array
}

export interface RecordCounts {
  /** Batches written, and those of them with an fsync. */
  readonly batches: number
  readonly synced: number
}

/** At once and synced; when something else is written, but synced at the latest then; the same without fsync. */
type Pace = 'now' | 'soon' | 'lazy'

/** One caller's operations: written together or not at all. */
interface Group {
  readonly operations: readonly Operation[]
  readonly pace: Pace
  readonly resolve: () => void
  readonly reject: (error: StoreError) => void
}

/** A batch larger than this would hold up the callers behind it for longer than two smaller ones. */
const MAX_BATCH_OPERATIONS = 4096

/** Names fetched at a time when they are counted. */
const COUNT_AHEAD = 4096

const MAX_BATCH_BYTES = 8 * 1024 * 1024

/** Records that are written again in one batch: what else is to be written waits for it. */
const AGAIN_AT_ONCE = 256

/** No record has this name. Deleting it makes LevelDB sync its log without changing anything. */
const BARRIER = '\u007f'

export class Records {
  readonly #store: Store
  readonly #seals: RecordSeals
  readonly #dying: DyingRecords | undefined
  readonly #dataKey: Secret<'DataKey'>
  readonly #clock: Clock
  readonly #lazyMs: number
  readonly #chain: CommitChain | undefined
  readonly #reopen: (() => Promise<void>) | undefined
  /** A read from LevelDB's cache takes less time than a turn through its threads. */
  readonly #readsAtOnce: boolean
  readonly #watch: RecordsInit['watch']
  readonly #listeners: ((error: StoreError) => void)[] = []
  readonly #syncListeners: ((mark: CommitMark) => void)[] = []
  readonly #trouble: StoreTrouble

  #queue: Group[] = []
  #writing: Promise<void> | undefined
  #timer: Timer | undefined
  #mustReopen = false
  /** Of the batch that failed: after opening again it is there if the log held the batch in spite of the failure. */
  #doubtful: Write | undefined
  /** The newest batch that was begun. */
  #begun: readonly Write[] = []
  #reopening: Promise<void> | undefined
  /** Something was written without fsync since the last fsync. */
  #unsynced = false
  #closed = false
  #hasDead = false
  /** Changes of the epoch, one after another. Never rejects. */
  #renewing: Promise<void> = Promise.resolve()
  /** The end of the chain on the disk. Undefined until it was read. */
  #durable: CommitMark | undefined
  #batches = 0
  #synced = 0

  constructor(init: RecordsInit) {
    this.#store = init.store
    this.#readsAtOnce = 'getSync' in init.store.supports && init.store.supports.getSync === true
    this.#seals = new RecordSeals({ ...init, dying: init.dying })
    this.#dying = init.dying
    this.#dataKey = init.dataKey
    this.#clock = init.clock
    this.#lazyMs = init.lazyMs ?? 50
    this.#chain = init.chain === undefined ? undefined : this.#makeChain(init.chain)
    this.#reopen = init.reopen
    this.#watch = init.watch
    this.#trouble = new StoreTrouble(init.clock, () => this.#tryAgain())
  }

  /** Before the first read or write of a record that must die. Rejects as the file of their keys does. */
  async begin(): Promise<void> {
    await this.#dying?.keys.load()
  }

  get counts(): RecordCounts {
    return { batches: this.#batches, synced: this.#synced }
  }

  /** The committed value. Throws `StoreError`: `ERR_CORRUPT` if it does not open, or as the database fails. */
  async get(key: string): Promise<Uint8Array | undefined> {
    await this.#reopening
    const ended = this.#seals.reading(key)
    try {
      const sealed = this.#readsAtOnce ? this.#store.getSync(key) : await this.#store.get(key)
      return sealed === undefined ? undefined : this.#seals.open(key, sealed)
    } catch (cause) {
      throw this.#explain(cause)
    } finally {
      ended()
    }
  }

  /**
   * Committed records whose key starts with `prefix`, in key order, as of the first step. Throws like `get`, also for a damaged
   * record unless `options.damaged` takes it.
   */
  async *range(prefix: string, options: Range = {}): AsyncGenerator<StoredRecord, void, undefined> {
    await this.#reopening
    let { limit: left = Number.POSITIVE_INFINITY } = options
    const ended = this.#seals.reading(prefix)
    try {
      const iterator = this.#store.iterator(iteratorOptions(prefix, options))
      try {
        while (left > 0) {
          const entries = await iterator.nextv(Math.min(READ_AHEAD, left))
          if (entries.length === 0) return
          for (const [key, sealed] of entries) {
            const value = this.#open(key, sealed, options.damaged)
            if (value === undefined) continue
            left--
            yield { key, value }
          }
        }
      } finally {
        await iterator.close()
      }
    } catch (cause) {
      throw this.#explain(cause)
    } finally {
      ended()
    }
  }

  /** How many records there are whose key starts with `prefix`, sound or not. Throws as the database fails. */
  async count(prefix: string): Promise<number> {
    await this.#reopening
    try {
      const names = this.#store.keys(iteratorOptions(prefix, {}))
      try {
        let count = 0
        for (let run = 1; run > 0; count += run) run = (await names.nextv(COUNT_AHEAD)).length
        return count
      } finally {
        await names.close()
      }
    } catch (cause) {
      throw this.#explain(cause)
    }
  }

  /** What the store says of its batches, where there is a chain. To be asked before the first commit. Throws `StoreError`. */
  async continuity(): Promise<StoredChain | undefined> {
    const chain = await this.#chain?.load()
    this.#durable ??= chain?.head
    return chain
  }

  /** The last batch that is on the disk, over all runs. Throws `StoreError`. */
  async durable(): Promise<CommitMark> {
    this.#durable ??= (await this.#chain?.load())?.head ?? NO_COMMIT
    return this.#durable
  }

  /** Begins the chain anew, above this number and what there is. Resolves when it is on the disk. Rejects as a commit does. */
  async beginChainAbove(number: number): Promise<void> {
    await this.flush()
    const { number: before } = await this.durable()
    this.#chain?.beginAbove(Math.max(number, before))
    await this.#sync()
  }

  /** For marks of the chain that are kept elsewhere. The caller wipes it. */
  markKey(): Secret<'MarkKey'> {
    return deriveSecret('MarkKey', 32, this.#dataKey, 'mark')
  }

  /** Called after each batch that is on the disk, with the end of the chain. */
  onSynced(listener: (mark: CommitMark) => void): void {
    this.#syncListeners.push(listener)
  }

  /**
   * Writes the operations in one synced batch, shared with everything that is queued meanwhile, in the order of the calls.
   * Resolves after fsync. Rejects with `StoreError`, and then nothing of it is in the store, nor of anything queued behind it
   * (but for a batch that only its fsync failed: if it comes back, the next commit fails as well and `onFailure` is told again).
   * The values are sealed before this returns, but for those of `state`: the caller may wipe them at once.
   */
  commit(operations: readonly Operation[]): Promise<void> {
    return this.#enqueue(operations, 'now')
  }

  /**
   * Goes with the next commit or, when none comes, unsynced after `lazyMs`. Resolves when written. Failures reach `onFailure`
   * too, so the result may be ignored.
   */
  later(operations: readonly Operation[]): Promise<void> {
    return this.#ride(operations, 'lazy')
  }

  /** Like `later`, but resolves after fsync: for what others are told of, and must not be told of twice. */
  soon(operations: readonly Operation[]): Promise<void> {
    return this.#ride(operations, 'soon')
  }

  /**
   * Resolves when everything queued so far is on the disk, `later` included; after a failed batch, when the database has been
   * opened again and shows what of that batch survived. Rejects as a commit does.
   */
  async flush(): Promise<void> {
    if (this.#closed) throw new StoreError('ERR_CLOSED')
    if (this.#mustReopen) await this.#sync()
    else await this.#barrier()
  }

  /**
   * Ends the life of everything in records that must die but what they hold now: a new key, all of them written again under it, and the
   * key before erased. Without such records nothing happens. Rejects as a commit or the file of the keys does; the next call goes on
   * then, also after a restart.
   */
  renewKeys(): Promise<void> {
    const dying = this.#dying
    if (dying === undefined) return Promise.resolve()
    const renewed = this.#renewing.then(async () => {
      // One that was cut short ends first: what has died since is under the key that it had begun.
      if (dying.keys.isChanging) await this.#change(dying)
      await this.#change(dying)
    })
    this.#renewing = renewed.catch(() => undefined) // told to the caller
    return renewed
  }

  async #change({ keys, prefixes }: DyingRecords): Promise<void> {
    await keys.begin()
    this.#hasDead = false
    await this.flush() // what waits may be under the key before
    for (const prefix of prefixes) await this.#writeAgain(prefix)
    await this.#seals.readsEnded()
    await keys.end()
    await keys.compact(prefixes)
  }

  /** Ms since the key of records that must die was made; infinite while one before it is not erased. 0 without such records. */
  get epochAge(): number {
    const { keys } = this.#dying ?? {}
    if (keys === undefined) return 0
    const age = this.#clock.now() - keys.since
    // One made by a clock that was ahead would never get old.
    return keys.isChanging || age < 0 ? Number.POSITIVE_INFINITY : age
  }

  /** Whether this run has replaced or deleted what must die under the key of now, or something is left under the key before. */
  get hasDead(): boolean {
    return this.#dying !== undefined && (this.#hasDead || this.#dying.keys.isChanging)
  }

  async #writeAgain(prefix: string): Promise<void> {
    const names = this.#store.keys(iteratorOptions(prefix, {}))
    try {
      for (;;) {
        const some = await names.nextv(AGAIN_AT_ONCE)
        if (some.length === 0) return
        await this.commit(some.map((key) => ({ type: 'again', key })))
      }
    } catch (cause) {
      throw this.#explain(cause)
    } finally {
      await names.close()
    }
  }

  /**
   * Flushes and refuses everything after. Where the database fails, those whose commits are not written have been told. It stays open:
   * it belongs to whoever opened it.
   */
  async close(): Promise<void> {
    if (this.#closed) return
    const flushed = this.#barrier()
    this.#closed = true
    await flushed.catch(() => undefined)
    this.#trouble.stop()
  }

  /**
   * Called once per failed batch, before its callers learn of it. What they had queued is gone: an owner of cached state drops
   * it here and reads it again.
   */
  onFailure(listener: (error: StoreError) => void): void {
    this.#listeners.push(listener)
  }

  /** Why the store cannot be written, since it failed. It is tried again by itself, and before that with the next commit. */
  get trouble(): Trouble | undefined {
    return this.#trouble.last
  }

  /** Called when that begins, when the reason is another, and with undefined when it is over. */
  onTrouble(listener: (trouble: Trouble | undefined) => void): void {
    this.#trouble.onChange(listener)
  }

  #ride(operations: readonly Operation[], pace: Pace): Promise<void> {
    const written = this.#enqueue(operations, pace)
    written.catch(() => undefined) // told by onFailure
    if (this.#writing === undefined && !this.#closed) this.#startLater()
    return written
  }

  async #barrier(): Promise<void> {
    const busy = this.#writing !== undefined || this.#queue.length > 0
    if (busy || this.#unsynced) await this.#sync()
  }

  #sync(): Promise<void> {
    return this.#enqueue([{ type: 'del', key: BARRIER }], 'now')
  }

  /** Runs without a pause up to the returned promise: calls are queued in their order. */
  async #enqueue(operations: readonly Operation[], pace: Pace): Promise<void> {
    if (this.#closed) throw new StoreError('ERR_CLOSED')
    const sealed = operations.map((operation) =>
      operation.type === 'put' ? this.#seal(operation.key, operation.value) : operation,
    )
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#queue.push({ operations: sealed, pace, resolve, reject })
    if (pace === 'now') this.#start()
    await promise
  }

  #start(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#writing ??= this.#write()
  }

  #startLater(): void {
    this.#timer ??= this.#clock.after(this.#lazyMs, () => {
      this.#timer = undefined
      this.#start()
    })
  }

  /** Writes one batch, and more while a commit waits. Never rejects. */
  async #write(): Promise<void> {
    await gathered(() => this.#queue.length)
    do {
      const groups = this.#take()
      try {
        await this.#batch(groups)
        for (const group of groups) group.resolve()
      } catch (cause) {
        this.#fail(groups, storeError(cause))
      }
    } while (this.#queue.some(({ pace }) => pace === 'now'))
    this.#writing = undefined
    if (this.#queue.length > 0) this.#startLater()
  }

  /** Nobody has written since the failure, or what was to be written has failed as well. */
  #tryAgain(): void {
    if (this.#closed || this.#writing !== undefined) return // what is on its way will tell
    this.#writing = this.#openQuietly()
  }

  /** Never rejects. That it fails again is no news to those who were told of the first time. */
  async #openQuietly(): Promise<void> {
    this.#begun = []
    try {
      if (this.#mustReopen) await this.#openAgain()
    } catch (cause) {
      const error = storeError(cause)
      if (this.#mustReopen) this.#trouble.met(error)
      else this.#fail([], error)
    }
    this.#writing = undefined
    if (!this.#mustReopen && !this.#closed) await this.#sync().catch(() => undefined)
    else if (this.#queue.some(({ pace }) => pace === 'now')) this.#start()
    else if (this.#queue.length > 0) this.#startLater()
  }

  /** The next batch: whole groups, oldest first, within the bounds, at least one. */
  #take(): readonly Group[] {
    let operations = 0
    let bytes = 0
    let count = 0
    for (const group of this.#queue) {
      operations += group.operations.length
      bytes += sizeOf(group.operations)
      if (count > 0 && (operations > MAX_BATCH_OPERATIONS || bytes > MAX_BATCH_BYTES)) break
      count++
    }
    const groups = this.#queue.slice(0, count)
    this.#queue = this.#queue.slice(count)
    return groups
  }

  async #batch(groups: readonly Group[]): Promise<void> {
    this.#begun = []
    const given = groups.flatMap((group) => group.operations)
    if (given.length > 0 && this.#mustReopen) await this.#openAgain()
    const operations = this.#writes(await this.#current(given))
    if (operations.length === 0) return
    const options: BatchOptions = { sync: groups.some(({ pace }) => pace !== 'lazy') }
    const began = this.#watch?.now() ?? 0
    const stamp = await this.#chain?.stamp(operations)
    this.#begun = operations
    this.#hasDead ||= given.some(({ type, key }) => type !== 'again' && this.#seals.dies(key))
    await this.#put([...operations, ...(stamp?.writes ?? [])], options)
    this.#trouble.over()
    this.#batches++
    this.#unsynced = !options.sync
    if (stamp !== undefined) this.#chain?.written(stamp.mark)
    if (!options.sync) return
    this.#synced++
    this.#watch?.synced(this.#watch.now() - began)
    if (stamp === undefined) return
    this.#durable = stamp.mark
    for (const listener of this.#syncListeners) listener(stamp.mark)
  }

  async #put(writes: readonly Write[], options: BatchOptions): Promise<void> {
    try {
      await this.#store.batch([...writes], options)
    } catch (cause) {
      if (!(cause instanceof TornLogError)) throw cause
      this.#mustReopen = true
      await this.#openAgain()
      await this.#store.batch([...writes], options)
    }
  }

  #makeChain(prefix: string): CommitChain {
    // A damaged one is as good as a missing one.
    const read = (from: string): AsyncIterable<StoredRecord> =>
      this.range(from, { damaged: () => undefined })
    return new CommitChain({ prefix, read, seal: (key, value) => this.#seal(key, value) })
  }

  async #openAgain(): Promise<void> {
    const opened = this.#reopen?.()
    this.#reopening = opened?.catch(() => undefined) // readers then meet the closed store
    try {
      await opened
      await this.#checkWhole()
      this.#mustReopen = false
    } finally {
      this.#reopening = undefined
    }
    await this.#checkRevived()
  }

  /** LevelDB passes over a log that it cannot read, and takes it away: whoever goes on without it uses positions of ratchets twice. */
  async #checkWhole(): Promise<void> {
    if (this.#chain === undefined || this.#durable === undefined) return
    if (judgeMark(await this.#chain.load(), this.#durable) === undefined) return
    this.#chain.distrust()
    throw new StoreError('ERR_CORRUPT')
  }

  /**
   * A batch that failed in its fsync may be whole in the log, and then it came back just now. Its callers were told otherwise and
   * so were those who prepared the next batch: that one fails too, so that they read again what is there.
   */
  async #checkRevived(): Promise<void> {
    const doubtful = this.#doubtful
    this.#doubtful = undefined
    if (doubtful?.type !== 'put') return
    const found = await this.#store.get(doubtful.key)
    // Sealing is random: equal bytes are that very write.
    if (found === undefined || !equalBytes(found, doubtful.value)) return
    throw this.#trouble.last?.error ?? new StoreError('ERR_IO')
  }

  #fail(groups: readonly Group[], error: StoreError): void {
    const behind = this.#queue
    this.#queue = []
    if (!this.#mustReopen) {
      this.#doubtful = this.#begun.find(({ type }) => type === 'put')
    }
    this.#mustReopen = true
    this.#chain?.distrust()
    for (const listener of this.#listeners) listener(error)
    this.#trouble.met(error)
    for (const group of [...groups, ...behind]) group.reject(error)
  }

  /** A database that could not be opened again is closed for the reason that it was to be opened again for. */
  #explain(cause: unknown): StoreError {
    const error = storeError(cause)
    if (error.code !== 'ERR_CLOSED' || this.#closed) return error
    return this.#trouble.last?.error ?? error
  }

  #open(key: string, sealed: Uint8Array, damaged: Range['damaged']): Uint8Array | undefined {
    try {
      return this.#seals.open(key, sealed)
    } catch (cause) {
      if (damaged === undefined) throw cause
      damaged(key)
      return undefined
    }
  }

  /** With what is in the store for operations that write it again: no other batch is on its way. */
  async #current(operations: readonly Operation[]): Promise<readonly Known[]> {
    if (operations.every(isKnown)) return operations
    const others = new Set(operations.filter(isKnown).map(({ key }) => key))
    const current: Known[] = []
    for (const operation of operations) {
      if (isKnown(operation)) current.push(operation)
      else if (!others.has(operation.key)) current.push(...(await this.#again(operation.key)))
    }
    return current
  }

  async #again(key: string): Promise<readonly Known[]> {
    const sealed = this.#readsAtOnce ? this.#store.getSync(key) : await this.#store.get(key)
    const value = sealed === undefined ? undefined : this.#seals.again(key, sealed)
    return value === undefined ? [] : [{ type: 'put', key, value }]
  }

  /** Of several states of one key the last, in its place. */
  #writes(operations: readonly Known[]): readonly Write[] {
    const newest = new Map<string, Known>()
    for (const operation of operations) {
      if (operation.type === 'state') newest.set(operation.key, operation)
    }
    return operations.flatMap((operation) => {
      if (operation.type !== 'state') return [operation]
      const { key, value } = operation
      return newest.get(key) === operation ? [this.#seal(key, value())] : []
    })
  }

  #seal(key: string, value: Uint8Array): Write {
    return { type: 'put', key, value: this.#seals.seal(key, value) }
  }
}

/** `sync` is an option of LevelDB that the common type leaves out; a memory or browser store ignores it. */
interface BatchOptions extends AbstractBatchOptions<string, Uint8Array> {
  readonly sync: boolean
}

function isKnown(operation: Operation): operation is Known {
  return operation.type !== 'again'
}

function sizeOf(operations: readonly Operation[]): number {
  let bytes = 0
  for (const operation of operations) if (operation.type === 'put') bytes += operation.value.length
  return bytes
}
