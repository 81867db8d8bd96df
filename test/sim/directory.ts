// A DHT in one map: what is put is found, a moment later.
import { toHex } from '../../protocol/bytes.ts'
import type { Directory, DirectoryAnswer, PeerName } from '../../net/ports.ts'
import type { Dice } from '../campaign/dice.ts'
import type { SimClock } from './clock.ts'

export interface SimDirectoryInit {
  readonly clock: SimClock
  readonly dice: Dice
  /** Who holds everything. */
  readonly holder: PeerName
}

export class SimDirectory implements Directory {
  readonly #init: SimDirectoryInit
  readonly #values = new Map<string, Uint8Array>()

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
    this.#values.set(toHex(key), value)
    return [this.#init.holder]
  }

  async *get(
    key: Uint8Array,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncIterable<DirectoryAnswer> {
    await this.#travel()
    signal.throwIfAborted()
    const value = this.#values.get(toHex(key))
    if (value !== undefined) yield { value, from: this.#init.holder }
  }

  #travel(): Promise<void> {
    const { clock, dice } = this.#init
    return clock.pause(20 + dice.below(500))
  }
}
