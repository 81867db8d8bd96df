// Own keys over a store in memory, a clock that stands still and seeded randomness.
import { MemoryLevel } from 'memory-level'
import { OwnKeys } from '../../node/own-keys.ts'
import { Records } from '../../net/records.ts'
import { generateSecret, ready } from '../../protocol/crypto.ts'
import { testAccount } from '../support/accounts.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'
import type { Store } from '../../net/ports.ts'
import type { Operation } from '../../net/records.ts'
import type { Account } from '../../protocol/account.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'

export const HOUR = 3_600_000
export const DAY = 24 * HOUR

export interface OwnWorldInit {
  readonly seed?: string
  readonly clock?: ManualClock
  readonly store?: Store
}

/** A node's own keys and what they stand on. `again` opens the same store after a stop or a crash. */
export class OwnWorld {
  readonly clock: ManualClock
  readonly random: RandomBytes
  readonly account: Account
  readonly store: Store
  readonly records: Records
  readonly keys: OwnKeys
  readonly #seed: string

  private constructor({ seed = 'own', clock, store }: OwnWorldInit, turn: number) {
    this.#seed = seed
    this.clock = clock ?? new ManualClock()
    this.account = testAccount(seededRandom(`${seed} account`))
    this.random = seededRandom(`${seed} ${turn}`)
    this.store = store ?? new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' })
    const dataKey = generateSecret('DataKey', 32, seededRandom(`${seed} data key`))
    this.records = new Records({
      store: this.store,
      dataKey,
      clock: this.clock,
      random: this.random,
    })
    this.keys = this.other(this.account)
  }

  static async make(init: OwnWorldInit = {}): Promise<OwnWorld> {
    await ready
    return new OwnWorld(init, 0)
  }

  static async start(init: OwnWorldInit = {}): Promise<OwnWorld> {
    const world = await OwnWorld.make(init)
    await world.keys.start()
    return world
  }

  /** What a new process finds: the same account, store and clock. Not started. */
  again(): OwnWorld {
    return new OwnWorld({ seed: this.#seed, clock: this.clock, store: this.store }, 1)
  }

  /** Stops cleanly, lets time pass, and starts again. */
  async restartAfter(ms: number): Promise<OwnWorld> {
    await this.keys.stop()
    await this.records.close()
    await this.clock.advance(ms)
    const next = this.again()
    await next.keys.start()
    return next
  }

  /** Own keys of any account over this store. */
  other(account: Account): OwnKeys {
    const { records, clock, random } = this
    return new OwnKeys({ account, records, clock, random })
  }

  /** Lets time pass with `maintain` now and then, as in a running node. */
  async live(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 6 * HOUR) {
      await this.clock.advance(Math.min(6 * HOUR, ms - at))
      await this.keys.maintain()
    }
  }

  async stored(prefix: string): Promise<readonly string[]> {
    const names: string[] = []
    for await (const { key } of this.records.range(prefix)) names.push(key)
    return names
  }

  async commit(operations: readonly Operation[]): Promise<void> {
    await this.records.commit(operations)
  }
}
