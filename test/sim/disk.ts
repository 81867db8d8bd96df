// A disk under a database as LevelDB is one: a batch is in the log first and durable after its fsync. A crash of the process loses
// what was not in the log yet, a power failure what was not synced, from a point on that chance decides.
import { MemoryLevel } from 'memory-level'
import type { Clock, Store } from '../../net/ports.ts'
import type { Dice } from '../campaign/dice.ts'
import { never, type Process } from './process.ts'

type Write =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }
/** Records that are written together or not at all. */
export type Batch = readonly Write[]

/** `full` and `broken` write nothing; `unsure` has the batch in the log and fails, as an fsync that reports an error. */
export type DiskFault = 'none' | 'full' | 'broken' | 'unsure'

/** Everything on a disk. */
export type Image = ReadonlyMap<string, Uint8Array>

export interface DiskInit {
  readonly clock: Clock & { pause(ms: number): Promise<void> }
  readonly dice: Dice
  /** Told of each batch that reached the log. */
  readonly onWritten: (batch: Batch) => void
  /** Told of each batch that a power failure cannot undo any more. */
  readonly onDurable: (batch: Batch) => void
  /** Told when a power failure lost batches. */
  readonly onLost: () => void
}

const TEXTS = {
  full: 'No space left on device',
  broken: 'Input/output error',
  unsure: 'Input/output error',
}

export class SimDisk {
  fault: DiskFault = 'none'
  /** Whether the database is being opened again, or its process ended while it was: who reads it waits for that. */
  isReopening = false
  /** Names of records that were durable at any time. */
  readonly everDurable = new Set<string>()
  readonly #init: DiskInit
  #durable = new Map<string, Uint8Array>()
  /** In the log, and not synced. */
  #log: Batch[] = []
  /** On its way to the log. */
  #under: Batch | undefined
  /** In the log by an fsync that failed: back when the database is opened again. */
  #doubtful: Batch | undefined
  /** Why nothing more is written until the database is opened again. */
  #failed: string | undefined
  #view = memory()

  constructor(init: DiskInit) {
    this.#init = init
  }

  /** The database as one process sees it, opened; and what closes and opens it again. */
  async open(
    process: Process,
  ): Promise<{ readonly store: Store; readonly reopen: () => Promise<void> }> {
    this.#failed = undefined
    this.isReopening = false
    this.#sync() // opening a database makes a table of its log
    const view = (this.#view = memory())
    await view.open()
    await view.batch([...this.image()].map(([key, value]) => ({ type: 'put', key, value })))
    const batch = (writes: Batch, options?: { readonly sync?: boolean }): Promise<void> =>
      this.#batch(process, [...writes], options?.sync === true)
    const store = new Proxy<Store>(view, {
      get: (target, name) => {
        if (name === 'batch') return batch
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const reopen = async (): Promise<void> => {
      this.isReopening = true
      try {
        await this.#reopen(process)
      } finally {
        this.isReopening = false
      }
    }
    return { store, reopen }
  }

  /** What a process that starts now finds. */
  image(): Image {
    const image = new Map(this.#durable)
    for (const batch of this.#log) apply(image, batch)
    return image
  }

  /** Puts an older copy in the place of everything. */
  restore(image: Image): void {
    this.#durable = new Map(image)
    this.#log = []
    this.#doubtful = undefined
    this.#tell([...image].map(([key, value]) => ({ type: 'put', key, value })))
  }

  /** Flips a bit in one record under a prefix, while nobody has the database open. False when there is none. */
  damage(prefix: string): boolean {
    const { dice } = this.#init
    this.#sync()
    const names = [...this.#durable.keys()].filter((key) => key.startsWith(prefix))
    const [name] = names.length === 0 ? [] : [dice.pick(names)]
    const value = name === undefined ? undefined : this.#durable.get(name)?.slice()
    if (name === undefined || value === undefined) return false
    const at = dice.below(value.length)
    value[at] = (value[at] ?? 0) ^ (1 << dice.below(8))
    this.#durable.set(name, value)
    return true
  }

  /** The process has ended, or the whole computer. */
  crash(power: boolean): void {
    const { dice, onLost } = this.#init
    if (this.#under !== undefined && dice.onceIn(2)) this.#write(this.#under)
    this.#under = undefined
    if (this.#doubtful !== undefined && dice.onceIn(2)) this.#write(this.#doubtful)
    this.#doubtful = undefined
    if (!power) return
    const kept = dice.below(this.#log.length + 1)
    if (kept < this.#log.length) onLost()
    this.#log.length = kept
    this.#sync()
  }

  async #batch(process: Process, batch: Batch, sync: boolean): Promise<void> {
    const { clock, dice } = this.#init
    if (!process.step()) return never()
    this.#under = batch
    await clock.pause(sync ? 1 + dice.below(dice.onceIn(20) ? 400 : 8) : dice.below(2))
    if (!process.alive) return never()
    this.#under = undefined
    if (this.fault !== 'none') return this.#refuse(batch)
    if (this.#failed !== undefined) throw new Error(this.#failed)
    this.#write(batch)
    if (!process.step()) return never() // in the log, and not synced
    const view = this.#view
    await view.batch([...batch])
    if (sync) this.#sync()
    if (!process.step()) return never()
  }

  #refuse(batch: Batch): never {
    const { fault } = this
    if (fault === 'none') throw new Error('nothing is wrong with this disk')
    if (fault === 'unsure') this.#doubtful = batch
    this.#failed = TEXTS[fault]
    throw new Error(this.#failed)
  }

  async #reopen(process: Process): Promise<void> {
    const { clock, dice } = this.#init
    await clock.pause(1 + dice.below(20))
    if (!process.step()) return never()
    if (this.fault === 'full' || this.fault === 'broken') throw new Error(TEXTS[this.fault])
    this.#failed = undefined
    const back = this.#doubtful
    this.#doubtful = undefined
    if (back !== undefined) {
      this.#write(back)
      await this.#view.batch([...back])
    }
    this.#sync()
  }

  #write(batch: Batch): void {
    this.#log.push(batch)
    this.#init.onWritten(batch)
  }

  #sync(): void {
    for (const batch of this.#log) {
      apply(this.#durable, batch)
      this.#tell(batch)
    }
    this.#log = []
  }

  #tell(batch: Batch): void {
    for (const { type, key } of batch) if (type === 'put') this.everDurable.add(key)
    this.#init.onDurable(batch)
  }
}

function memory(): MemoryLevel<string, Uint8Array> {
  return new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' })
}

function apply(image: Map<string, Uint8Array>, batch: Batch): void {
  for (const write of batch) {
    if (write.type === 'put') image.set(write.key, write.value)
    else image.delete(write.key)
  }
}
