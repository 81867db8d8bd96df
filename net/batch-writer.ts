/**
 * One batch after the other into the database, each tied to the one before. After one that failed the database is opened again, and
 * looked at for what it lost or brought back.
 */
import { equalBytes } from '../protocol/bytes.ts'
import { CommitChain, judgeMark, NO_COMMIT } from './commit-chain.ts'
import { isKnown, type Known, type Operation, type Write } from './operation.ts'
import { StoreError, TornLogError } from './store-error.ts'
import type { AbstractBatchOptions } from 'abstract-level'
import type { CommitMark, StoredChain } from './commit-chain.ts'
import type { Store } from './ports.ts'
import type { RecordReader, StoredRecord } from './record-reader.ts'
import type { RecordSeals } from './record-seals.ts'
import type { StoreTrouble } from './store-trouble.ts'

export interface BatchWriterInit {
  readonly store: Store
  readonly seals: RecordSeals
  readonly reader: RecordReader
  /** Over with each batch that is written. */
  readonly trouble: StoreTrouble
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

export interface RecordCounts {
  /** Batches written, and those of them with an fsync. */
  readonly batches: number
  readonly synced: number
}

export class BatchWriter {
  readonly #init: BatchWriterInit
  readonly #chain: CommitChain | undefined
  readonly #syncListeners: ((mark: CommitMark) => void)[] = []
  #mustReopen = false
  /** Of the batch that failed: after opening again it is there if the log held the batch in spite of the failure. */
  #doubtful: Write | undefined
  /** The newest batch that was begun. */
  #begun: readonly Write[] = []
  /** Something was written without fsync since the last fsync. */
  #unsynced = false
  /** The end of the chain on the disk. Undefined until it was read. */
  #durable: CommitMark | undefined
  #batches = 0
  #synced = 0

  constructor(init: BatchWriterInit) {
    this.#init = init
    this.#chain = init.chain === undefined ? undefined : this.#makeChain(init.chain)
  }

  get counts(): RecordCounts {
    return { batches: this.#batches, synced: this.#synced }
  }

  /** Whether a batch has failed since the database was opened. */
  get mustReopen(): boolean {
    return this.#mustReopen
  }

  get isUnsynced(): boolean {
    return this.#unsynced
  }

  /** Called after each batch that is on the disk, with the end of the chain. */
  onSynced(listener: (mark: CommitMark) => void): void {
    this.#syncListeners.push(listener)
  }

  /** What the store says of its batches, where there is a chain. Throws `StoreError`. */
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

  /** The next batch that is numbered begins the chain anew, above this number and all so far. */
  beginChainAbove(number: number): void {
    this.#chain?.beginAbove(number)
  }

  /** Writes one batch; after a failure the database is opened again first. Rejects as the database does. */
  async write(operations: readonly Operation[], sync: boolean): Promise<void> {
    this.#begun = []
    if (operations.length > 0 && this.#mustReopen) await this.#openAgain()
    const writes = this.#writes(await this.#current(operations))
    if (writes.length === 0) return
    const { watch } = this.#init
    const began = watch?.now() ?? 0
    const stamp = await this.#chain?.stamp(writes)
    this.#begun = writes
    await this.#put([...writes, ...(stamp?.writes ?? [])], { sync })
    this.#init.trouble.over()
    this.#batches++
    this.#unsynced = !sync
    if (stamp !== undefined) this.#chain?.written(stamp)
    if (!sync) return
    this.#synced++
    watch?.synced(watch.now() - began)
    if (stamp !== undefined) this.#tellSynced(stamp.mark)
  }

  /** A batch has failed: the database is opened again before the next one. */
  failed(): void {
    if (!this.#mustReopen) this.#doubtful = this.#begun.find(({ type }) => type === 'put')
    this.#mustReopen = true
    this.#chain?.distrust()
  }

  /** Rejects as the database does, where it has less than it had, and where a batch came back whose caller was told that it failed. */
  async reopen(): Promise<void> {
    this.#begun = []
    await this.#openAgain()
  }

  #tellSynced(mark: CommitMark): void {
    this.#durable = mark
    for (const listener of this.#syncListeners) listener(mark)
  }

  async #put(writes: readonly Write[], options: BatchOptions): Promise<void> {
    const { store } = this.#init
    try {
      await store.batch([...writes], options)
    } catch (cause) {
      if (!(cause instanceof TornLogError)) throw cause
      this.#mustReopen = true
      await this.#openAgain()
      await store.batch([...writes], options)
    }
  }

  #makeChain(prefix: string): CommitChain {
    // A damaged one is as good as a missing one.
    const read = (from: string): AsyncIterable<StoredRecord> =>
      this.#init.reader.range(from, { damaged: () => undefined })
    return new CommitChain({ prefix, read, seal: this.#init.seals.put })
  }

  async #openAgain(): Promise<void> {
    const opened = this.#init.reopen?.()
    if (opened !== undefined) this.#init.reader.waitFor(opened)
    await opened
    await this.#checkWhole()
    this.#mustReopen = false
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
    const found = await this.#init.reader.sealed(doubtful.key)
    // Sealing is random: equal bytes are that very write.
    if (found === undefined || !equalBytes(found, doubtful.value)) return
    throw this.#init.trouble.last?.error ?? new StoreError('ERR_IO')
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
    const sealed = await this.#init.reader.sealed(key)
    const value = sealed === undefined ? undefined : this.#init.seals.again(key, sealed)
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
      return newest.get(key) === operation ? [this.#init.seals.put(key, value())] : []
    })
  }
}

/** `sync` is an option of LevelDB that the common type leaves out; a memory or browser store ignores it. */
interface BatchOptions extends AbstractBatchOptions<string, Uint8Array> {
  readonly sync: boolean
}
