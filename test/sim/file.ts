// A small file beside a database, as a program keeps one: replaced as a whole and synced, or loose, and then the system writes it
// when it likes.
import type { WitnessFile } from '../../net/witness.ts'
import type { Dice } from '../campaign/dice.ts'
import type { SimClock } from './clock.ts'
import type { SimDisk } from './disk.ts'
import { never, type Process } from './process.ts'

export interface SimFileInit {
  readonly clock: SimClock
  readonly dice: Dice
  /** On which it lies. */
  readonly disk: SimDisk
  readonly isLoose: boolean
}

export class SimFile {
  readonly #init: SimFileInit
  #content: Uint8Array | undefined
  #durable: Uint8Array | undefined

  constructor(init: SimFileInit) {
    this.#init = init
  }

  /** As one process sees it. */
  open(process: Process): WitnessFile {
    return {
      isLoose: this.#init.isLoose,
      read: async () => (process.step() ? this.#content?.slice() : never()),
      write: (bytes) => this.#write(process, bytes.slice()),
    }
  }

  /** What is in it. */
  image(): Uint8Array | undefined {
    return this.#content
  }

  /** A copy comes into its place. No process runs. */
  restore(content: Uint8Array | undefined): void {
    this.#content = content
    this.#durable = content
  }

  /** The process has ended, or the whole computer. */
  crash(power: boolean): void {
    if (power) this.#content = this.#durable
  }

  async #write(process: Process, bytes: Uint8Array): Promise<void> {
    const { clock, dice, disk, isLoose } = this.#init
    if (!process.step()) return never()
    await clock.pause(isLoose ? dice.below(2) : 1 + dice.below(8))
    if (!process.alive) return never()
    if (disk.fault === 'full' || disk.fault === 'broken') throw new Error('Input/output error')
    this.#content = bytes
    if (!isLoose || dice.onceIn(4)) this.#durable = bytes
    if (!process.step()) return never()
  }
}
