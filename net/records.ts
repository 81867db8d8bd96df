/**
 * The store of both services: sealed values, group commit. Not a cache: reads see what is committed, nothing else. What waits to be
 * written is in commit-queue.ts, how a batch is written in batch-writer.ts, how records are read in record-reader.ts.
 */
import { deriveSecret } from '../protocol/crypto.ts'
import { BatchWriter, type BatchWriterInit, type RecordCounts } from './batch-writer.ts'
import { CommitQueue, type Pace } from './commit-queue.ts'
import { EpochRenewal } from './epoch-renewal.ts'
import { RecordReader, type StoredRecord } from './record-reader.ts'
import { RecordSeals, type DyingRecords } from './record-seals.ts'
import { StoreError, storeError } from './store-error.ts'
import { StoreTrouble, type Trouble } from './store-trouble.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Secret } from '../protocol/secret.ts'
import type { CommitMark, StoredChain } from './commit-chain.ts'
import type { Operation } from './operation.ts'
import type { Clock, Store } from './ports.ts'
import type { Range } from './record-range.ts'

export type { RecordCounts } from './batch-writer.ts'
export type { Operation } from './operation.ts'
export type { StoredRecord } from './record-reader.ts'

export interface RecordsInit extends Pick<BatchWriterInit, 'chain' | 'reopen' | 'watch'> {
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
}

const LAZY_MS = 50

/** No record has this name. Deleting it makes LevelDB sync its log without changing anything. */
const BARRIER = '\u007f'

export class Records {
  readonly #dataKey: Secret<'DataKey'>
  readonly #reader: RecordReader
  readonly #writer: BatchWriter
  readonly #queue: CommitQueue
  readonly #trouble: StoreTrouble
  readonly #renewal: EpochRenewal | undefined
  readonly #listeners: ((error: StoreError) => void)[] = []

  constructor(init: RecordsInit) {
    const { store, dataKey, clock, dying } = init
    const seals = new RecordSeals({ ...init, dying })
    const trouble = new StoreTrouble(clock, () => this.#queue.whileIdle(() => this.#openQuietly()))
    const reader = new RecordReader({ store, seals, explain: (cause) => this.#explain(cause) })
    this.#dataKey = dataKey
    this.#trouble = trouble
    this.#reader = reader
    this.#writer = new BatchWriter({ ...init, seals, reader, trouble })
    this.#queue = new CommitQueue({
      clock,
      lazyMs: init.lazyMs ?? LAZY_MS,
      seal: seals.put,
      write: (operations, sync) => this.#write(operations, sync),
      failed: (error) => this.#failed(error),
    })
    this.#renewal = dying && new EpochRenewal({ dying, seals, reader, clock, records: this })
  }

  /** Before the first read or write of a record that must die. Rejects as the file of their keys does. */
  async begin(): Promise<void> {
    await this.#renewal?.begin()
  }

  get counts(): RecordCounts {
    return this.#writer.counts
  }

  /** The committed value. Throws `StoreError`: `ERR_CORRUPT` if it does not open, or as the database fails. */
  get(key: string): Promise<Uint8Array | undefined> {
    return this.#reader.get(key)
  }

  /**
   * Committed records whose key starts with `prefix`, in key order, as of the first step. Throws like `get`, also for a damaged
   * record unless `options.damaged` takes it.
   */
  range(prefix: string, options: Range = {}): AsyncGenerator<StoredRecord, void, undefined> {
    return this.#reader.range(prefix, options)
  }

  /** How many records there are whose key starts with `prefix`, sound or not. Throws as the database fails. */
  count(prefix: string): Promise<number> {
    return this.#reader.count(prefix)
  }

  /** Their names, many at a time, as of the first step. Throws as the database fails. */
  names(prefix: string): AsyncGenerator<string[], void, undefined> {
    return this.#reader.names(prefix)
  }

  /** What the store says of its batches, where there is a chain. To be asked before the first commit. Throws `StoreError`. */
  continuity(): Promise<StoredChain | undefined> {
    return this.#writer.continuity()
  }

  /** The last batch that is on the disk, over all runs. Throws `StoreError`. */
  durable(): Promise<CommitMark> {
    return this.#writer.durable()
  }

  /** Begins the chain anew, above this number and what there is. Resolves when it is on the disk. Rejects as a commit does. */
  beginChainAbove(number: number): Promise<void> {
    this.#writer.beginChainAbove(number)
    return this.#sync() // the batch that begins it, or one behind that
  }

  /** For marks of the chain that are kept elsewhere. The caller wipes it. */
  markKey(): Secret<'MarkKey'> {
    return deriveSecret('MarkKey', 32, this.#dataKey, 'mark')
  }

  /** Called after each batch that is on the disk, with the end of the chain. */
  onSynced(listener: (mark: CommitMark) => void): void {
    this.#writer.onSynced(listener)
  }

  /**
   * Writes the operations in one synced batch, shared with everything that is queued meanwhile, in the order of the calls.
   * Resolves after fsync. Rejects with `StoreError`, and then nothing of it is in the store, nor of anything queued behind it
   * (but for a batch that only its fsync failed: if it comes back, the next commit fails as well and `onFailure` is told again).
   * The values are sealed before this returns, but for those of `state`: the caller may wipe them at once.
   */
  commit(operations: readonly Operation[]): Promise<void> {
    return this.#queue.add(operations, 'now')
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
    if (this.#queue.isClosed) throw new StoreError('ERR_CLOSED')
    if (this.#writer.mustReopen) await this.#sync()
    else await this.#barrier()
  }

  /**
   * Ends the life of everything in records that must die but what they hold now: a new key, all of them written again under it, and the
   * key before erased. Without such records nothing happens. Rejects as a commit or the file of the keys does; the next call goes on
   * then, also after a restart.
   */
  async renewKeys(): Promise<void> {
    await this.#renewal?.renew()
  }

  /** Ms since the key of records that must die was made; infinite while one before it is not erased. 0 without such records. */
  get epochAge(): number {
    return this.#renewal?.age ?? 0
  }

  /** Whether this run has replaced or deleted what must die under the key of now, or something is left under the key before. */
  get hasDead(): boolean {
    return this.#renewal?.isDue ?? false
  }

  /**
   * Flushes and refuses everything after. Where the database fails, those whose commits are not written have been told. It stays open:
   * it belongs to whoever opened it.
   */
  async close(): Promise<void> {
    if (this.#queue.isClosed) return
    const flushed = this.#barrier()
    this.#queue.close()
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
    const written = this.#queue.add(operations, pace)
    written.catch(() => undefined) // told by onFailure
    return written
  }

  async #barrier(): Promise<void> {
    if (this.#queue.isBusy || this.#writer.isUnsynced) await this.#sync()
  }

  #sync(): Promise<void> {
    return this.commit([{ type: 'del', key: BARRIER }])
  }

  #write(operations: readonly Operation[], sync: boolean): Promise<void> {
    this.#renewal?.note(operations)
    return this.#writer.write(operations, sync)
  }

  #failed(error: StoreError): void {
    this.#writer.failed()
    for (const listener of this.#listeners) listener(error)
    this.#trouble.met(error)
  }

  /**
   * Nobody has written since the failure, or what was to be written has failed as well. Never rejects. That it fails again is no news to
   * those who were told of the first time.
   */
  async #openQuietly(): Promise<void> {
    try {
      if (this.#writer.mustReopen) await this.#writer.reopen()
      void this.#sync().catch(() => undefined) // tells whether it is over
    } catch (cause) {
      const error = storeError(cause)
      if (this.#writer.mustReopen) this.#trouble.met(error)
      else this.#queue.fail(error)
    }
  }

  /** A database that could not be opened again is closed for the reason that it was to be opened again for. */
  #explain(cause: unknown): StoreError {
    const error = storeError(cause)
    if (error.code !== 'ERR_CLOSED' || this.#queue.isClosed) return error
    return this.#trouble.last?.error ?? error
  }
}
