// Single values that change from one to the next: replaced only by those who know what they replace.

import { KeyedLock } from '../../net/lock.ts'
import { isSame } from '../same.ts'
import { Damaged } from './sound-records.ts'
import type { Records } from '../../net/records.ts'
import type { SoundRecords } from './sound-records.ts'

export class Cells {
  readonly #records: Records
  readonly #sound: SoundRecords
  readonly #lock = new KeyedLock()

  constructor(records: Records, sound: SoundRecords) {
    this.#records = records
    this.#sound = sound
  }

  /** A damaged value is none. */
  async get(key: string): Promise<Uint8Array | undefined> {
    const value = await this.#sound.get(key, (bytes) => bytes)
    return value instanceof Damaged ? undefined : value
  }

  /**
   * Writes what `next` makes of the value that is there; durable when it resolves. False when it makes nothing. `next` runs in one
   * step with the commit, so that what it looks at cannot have changed by then.
   */
  async update(
    key: string,
    next: (held: Uint8Array | undefined) => Uint8Array | undefined,
  ): Promise<boolean> {
    return await this.#lock.run(key, async () => {
      const value = next(await this.get(key))
      if (value === undefined) return false
      await this.#records.commit([{ type: 'put', key, value }])
      return true
    })
  }

  async replace(key: string, value: Uint8Array, instead: Uint8Array | undefined): Promise<boolean> {
    return await this.update(key, (held) => (isSame(held, instead) ? value : undefined))
  }
}
