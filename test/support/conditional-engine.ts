// An engine in memory with conditional writes and nothing else, which several front ends use at once.
import { StoreError } from '../../net/store-error.ts'
import type { ConditionalEntries, Entry } from '../../mailbox/conditional/entries.ts'

/** One process that uses the engine: others get their turn before each of its steps, and it may die at a write. */
export class EngineClient implements ConditionalEntries {
  reads = 0
  dead = false
  readonly #engine: ConditionalEngine
  #left = Number.POSITIVE_INFINITY
  #happens = false

  constructor(engine: ConditionalEngine) {
    this.#engine = engine
  }

  /** Its nth write from now is the last thing it does, if it does that. */
  dieAt(write: number, happens: boolean): void {
    this.#left = write
    this.#happens = happens
  }

  async get(name: string): Promise<Entry | undefined> {
    this.reads++
    await this.#turn()
    return this.#engine.entries.get(name)
  }

  async put(name: string, value: Uint8Array, revision: number): Promise<boolean> {
    return await this.#write(() => this.#engine.put(name, value, revision))
  }

  async delete(name: string, revision: number): Promise<boolean> {
    return await this.#write(() => this.#engine.delete(name, revision))
  }

  async list(prefix: string, after: string, limit: number): Promise<readonly string[]> {
    this.reads++
    await this.#turn()
    const names = [...this.#engine.entries.keys()].filter((name) => name.startsWith(prefix))
    return names
      .filter((name) => name > after)
      .toSorted()
      .slice(0, limit)
  }

  async #write(write: () => boolean): Promise<boolean> {
    await this.#turn()
    if (--this.#left > 0) return write()
    this.dead = true
    if (this.#happens) write()
    throw new StoreError('ERR_IO')
  }

  async #turn(): Promise<void> {
    for (let turns = this.#engine.chance(); turns >= 0; turns--) await Promise.resolve()
    if (this.dead) throw new StoreError('ERR_IO')
  }
}

export class ConditionalEngine {
  readonly entries = new Map<string, Entry>()
  /** Turns that a step waits. */
  readonly chance: () => number
  #revision = 0

  constructor(chance: () => number) {
    this.chance = chance
  }

  put(name: string, value: Uint8Array, revision: number): boolean {
    if ((this.entries.get(name)?.revision ?? 0) !== revision) return false
    this.entries.set(name, { value: value.slice(), revision: ++this.#revision })
    return true
  }

  delete(name: string, revision: number): boolean {
    if (this.entries.get(name)?.revision !== revision) return false
    return this.entries.delete(name)
  }
}
