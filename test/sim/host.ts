// A computer with a disk, on which a program runs, ends without warning, and is started again.
import { importSecret } from '../../protocol/crypto.ts'
import { accountFromSeed, type Account } from '../../protocol/account.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import type { Secret } from '../../protocol/secret.ts'
import type { Clock, Directory, PeerName, ThrowAwayWires, Wire } from '../../net/ports.ts'
import type { WitnessFile } from '../../net/witness.ts'
import { peerName } from '../../net/peer-name.ts'
import { EpochKeys, type EpochFile } from '../../net/epoch-keys.ts'
import { Records } from '../../net/records.ts'
import { Dice } from '../campaign/dice.ts'
import type { MemoryNetwork } from '../support/memory-wire.ts'
import { seededRandom } from '../support/random.ts'
import type { SimClock } from './clock.ts'
import { SimDisk, type Batch, type Image } from './disk.ts'
import type { FaultLog } from './faults.ts'
import { SimFile } from './file.ts'
import { Process } from './process.ts'
import type { Trace } from './trace.ts'

/** What all hosts of a run share. */
export interface Surroundings {
  readonly seed: string
  readonly clock: SimClock
  readonly network: MemoryNetwork
  readonly directory: Directory
  readonly faults: FaultLog
  readonly trace: Trace
  /** Told of what no power failure can undo any more. */
  readonly onDurable: (peer: PeerName, batch: Batch) => void
}

/** How a program ends: it alone or the whole computer, and whether its peers hear of it. */
export interface Crash {
  readonly power: boolean
  readonly silent: boolean
}

/** What a program stands on. */
export interface HostPorts {
  readonly account: Account
  readonly records: Records
  readonly wire: Wire
  readonly throwAway: ThrowAwayWires
  readonly directory: Directory
  readonly clock: Clock
  readonly random: RandomBytes
}

export class Host {
  readonly name: string
  readonly account: Account
  readonly peer: PeerName
  readonly disk: SimDisk
  /** What notes how far the database is, in its folder: first the one that is synced. */
  readonly witnesses: readonly SimFile[]
  /** The keys of records that must die, in the same folder. */
  readonly epochs: SimFile
  process = new Process(0)
  #dataKey = new Uint8Array(32).fill(7)
  readonly #around: Surroundings
  #starts = 0
  /** The latest that its clock has shown before it was set, in Unix ms. */
  #latest = 0

  constructor(around: Surroundings, name: string) {
    const { seed, clock, faults, trace, onDurable } = around
    this.#around = around
    this.name = name
    const random = seededRandom(`${seed} account ${name}`)
    this.account = accountFromSeed(importSecret('AccountSeed', random(32)))
    this.peer = peerName(this.account.key)
    this.process.alive = false
    const dice = new Dice(`${seed} disk ${name}`)
    this.disk = new SimDisk({
      clock,
      dice,
      onWritten: (batch) => trace.add(clock.now(), name, ...batch.map(({ key }) => key)),
      onDurable: (batch) => onDurable(this.peer, batch),
      onLost: () => faults.happened('unsynced writes lost'),
    })
    const { disk } = this
    this.witnesses = [false, true].map((isLoose) => new SimFile({ clock, dice, disk, isLoose }))
    this.epochs = new SimFile({ clock, dice, disk, isLoose: false })
  }

  get isUp(): boolean {
    return this.process.alive
  }

  /** Sets its clock, to so many ms from true time. */
  setClock(skew: number): void {
    this.#latest = Math.max(this.#latest, this.#now)
    this.process.skew = skew
  }

  /** Whether its clock shows less than it once did: what a program has dated does not go back. */
  get isSetBack(): boolean {
    return this.#now < this.#latest
  }

  get #now(): number {
    return this.#around.clock.now() + this.process.skew
  }

  /** A new process with everything that a program needs; `chain` as `Records` has it, and the names of what must die. */
  async begin(chain: string, dying: readonly string[] = []): Promise<HostPorts> {
    const { seed, network, directory } = this.#around
    const process = (this.process = new Process(this.process.skew))
    const random = seededRandom(`${seed} random ${this.name} ${this.#starts++}`)
    const clock = process.clock(this.#around.clock)
    const wire = process.wire(network.wire(this.peer))
    const dataKey = this.dataKey()
    const opened = await this.disk.open(process)
    const file = asEpochFile(this.epochs.open(process))
    const keys = new EpochKeys({ file, dataKey, clock, random })
    const sealed = { ...opened, dataKey, clock, random, chain }
    const mortal = dying.length === 0 ? {} : { dying: { keys, prefixes: dying } }
    const records = new Records({ ...sealed, ...mortal })
    return {
      account: this.account,
      records,
      wire,
      throwAway: process.throwAway(network.throwAway(this.peer, random)),
      directory: process.directory(directory),
      clock,
      random,
    }
  }

  /** The key of its folder. */
  protected dataKey(): Secret<'DataKey'> {
    return importSecret('DataKey', this.#dataKey.slice())
  }

  /** A new folder takes the place of the one before: what its database holds is sealed under another key, and nothing is beside it. */
  protected replaceFolder(database: (dataKey: Secret<'DataKey'>) => Image): void {
    this.#dataKey = this.#dataKey.map((byte) => byte + 1)
    this.disk.restore(database(this.dataKey()))
    for (const file of [...this.witnesses, this.epochs]) file.restore(undefined)
  }

  /** The program has ended in order, and its connections with it. */
  ended(): void {
    this.process.alive = false
    this.#around.network.crash(this.peer, 'told')
  }

  /** Ends the process now, without any clean-up. */
  crash({ power, silent }: Crash): void {
    if (!this.process.alive) return
    const { network, clock, faults, trace } = this.#around
    trace.add(clock.now(), this.name, 'crash', `${power} ${silent}`)
    faults.happened(power ? 'power failure' : 'crash')
    if (silent) faults.happened('silent crash')
    this.process.alive = false
    network.crash(this.peer, silent ? 'silent' : 'told')
    this.disk.crash(power)
    for (const file of [...this.witnesses, this.epochs]) file.crash(power)
  }

  /** It ends so many beginnings and ends of port calls from now. */
  doom(calls: number, crash: Crash): void {
    this.process.doom(calls, () => {
      this.#around.faults.happened('crash in a call')
      this.crash(crash)
    })
  }
}

function asEpochFile({ read, write }: WitnessFile): EpochFile {
  return { read, replace: write }
}
