// A DHT in one map: what is put is found, a moment later, unless its peers lie.
import { toHex } from '../../protocol/bytes.ts'
import type { Directory, DirectoryAnswer, PeerName } from '../../net/ports.ts'
import type { Dice } from '../campaign/dice.ts'
import type { SimClock } from './clock.ts'
import type { FaultLog } from './faults.ts'

export interface SimDirectoryInit {
  readonly clock: SimClock
  readonly dice: Dice
  readonly faults: FaultLog
  /** Who holds everything. */
  readonly holder: PeerName
}

/** How the peers of the DHT lie: they store nothing, hold back what they have, or answer with something else. */
export type Lie =
  | 'forgets'
  | 'holds back'
  | 'answers with the old'
  | 'answers with garbage'
  | 'answers with the foreign'

export const LIES: readonly Lie[] = [
  'forgets',
  'holds back',
  'answers with the old',
  'answers with garbage',
  'answers with the foreign',
]

export class SimDirectory implements Directory {
  /** Lies that are told now, each in half of the cases. */
  lies: readonly Lie[] = []
  readonly #init: SimDirectoryInit
  /** All that was ever put, oldest first. */
  readonly #values = new Map<string, readonly Uint8Array[]>()

  constructor(init: SimDirectoryInit) {
    this.#init = init
  }

  async put(
    key: Uint8Array,
    value: Uint8Array,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<readonly PeerName[]> {
    await this.#travel()
    signal.throwIfAborted()
    const name = toHex(key)
    if (!this.#isTold('forgets')) this.#values.set(name, [...(this.#values.get(name) ?? []), value])
    return [this.#init.holder]
  }

  async *get(
    key: Uint8Array,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncIterable<DirectoryAnswer> {
    for (const value of this.#answers(toHex(key))) {
      await this.#travel()
      signal.throwIfAborted()
      yield { value, from: this.#init.holder }
    }
  }

  /** In the order in which they come: who lies is often quicker, and sometimes alone. */
  #answers(name: string): readonly Uint8Array[] {
    const { dice } = this.#init
    const values = this.#values.get(name) ?? []
    const answers: Uint8Array[] = []
    const [oldest] = values
    if (oldest !== undefined && values.length > 1 && this.#isTold('answers with the old'))
      answers.push(oldest)
    if (this.#isTold('answers with garbage')) answers.push(dice.bytes(dice.below(2_000)))
    const others = [...this.#values].filter(([other]) => other !== name)
    if (others.length > 0 && this.#isTold('answers with the foreign')) {
      answers.push(...dice.pick(others)[1].slice(-1))
    }
    if (values.length > 0 && this.#isTold('holds back')) return answers
    return answers.length > 0 && dice.onceIn(2) ? answers : [...answers, ...values.slice(-1)]
  }

  #isTold(lie: Lie): boolean {
    const { dice, faults } = this.#init
    if (!this.lies.includes(lie) || dice.onceIn(2)) return false
    faults.happened(`dht ${lie}`)
    return true
  }

  #travel(): Promise<void> {
    const { clock, dice } = this.#init
    return clock.pause(20 + dice.below(500))
  }
}
