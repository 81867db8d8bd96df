/** A new key for records that must die: all that live are written again under it, and the key before is erased. */
import type { Clock } from './ports.ts'
import type { Operation } from './operation.ts'
import type { RecordReader } from './record-reader.ts'
import type { DyingRecords, RecordSeals } from './record-seals.ts'

export interface EpochRenewalInit {
  readonly dying: DyingRecords
  readonly seals: RecordSeals
  readonly reader: RecordReader
  readonly clock: Clock
  /** As in `Records`. */
  readonly records: {
    commit(operations: readonly Operation[]): Promise<void>
    flush(): Promise<void>
  }
}

/** Records that are written again in one batch: what else is to be written waits for it. */
const AT_ONCE = 256

export class EpochRenewal {
  readonly #init: EpochRenewalInit
  #hasDead = false
  /** One change of the key after another. Never rejects. */
  #renewing: Promise<void> = Promise.resolve()

  constructor(init: EpochRenewalInit) {
    this.#init = init
  }

  /** Rejects as the file of the keys does. */
  begin(): Promise<void> {
    return this.#init.dying.keys.load()
  }

  /** Ms since the key of now was made; infinite while one before it is not erased. */
  get age(): number {
    const { keys } = this.#init.dying
    const age = this.#init.clock.now() - keys.since
    // One made by a clock that was ahead would never get old.
    return keys.isChanging || age < 0 ? Number.POSITIVE_INFINITY : age
  }

  /** Whether something has died under the key of now, or is left under the one before. */
  get isDue(): boolean {
    return this.#hasDead || this.#init.dying.keys.isChanging
  }

  /** Told of what is about to be written. */
  note(operations: readonly Operation[]): void {
    const { seals } = this.#init
    this.#hasDead ||= operations.some(({ type, key }) => type !== 'again' && seals.dies(key))
  }

  /** Rejects as a commit or the file of the keys does; the next call goes on then, also after a restart. */
  renew(): Promise<void> {
    const renewed = this.#renewing.then(async () => {
      // One that was cut short ends first: what has died since is under the key that it had begun.
      if (this.#init.dying.keys.isChanging) await this.#change()
      await this.#change()
    })
    this.#renewing = renewed.catch(() => undefined) // told to the caller
    return renewed
  }

  async #change(): Promise<void> {
    const { dying, seals, records } = this.#init
    const { keys, prefixes } = dying
    await keys.begin()
    this.#hasDead = false
    await records.flush() // what waits may be under the key before
    for (const prefix of prefixes) await this.#writeAgain(prefix)
    await seals.readsEnded()
    await keys.end()
    await keys.compact(prefixes)
  }

  async #writeAgain(prefix: string): Promise<void> {
    const { reader, records } = this.#init
    for await (const names of reader.names(prefix, AT_ONCE)) {
      await records.commit(names.map((key) => ({ type: 'again', key })))
    }
  }
}
