// The back ends that must keep the contract of a mailbox's store.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryLevel } from 'memory-level'
import { ConditionalMailboxStore } from '../../mailbox/conditional/conditional-store.ts'
import { LevelMailboxStore } from '../../mailbox/level/level-store.ts'
import { openLevel } from '../../net/platform/level-store.ts'
import { Records } from '../../net/records.ts'
import { generateSecret } from '../../protocol/crypto.ts'
import { ConditionalEngine, EngineClient } from '../support/conditional-engine.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'
import type { FrontEnd, StoreSubject } from '../../mailbox/store-contract.ts'
import type { StoreLimits } from '../../mailbox/store.ts'
import type { Store } from '../../net/ports.ts'

const dataKey = () => generateSecret('DataKey', 32, seededRandom('data key'))

/** LevelDB in a folder of its own. */
export async function levelSubject(limits: StoreLimits): Promise<StoreSubject> {
  const dir = await mkdtemp(join(tmpdir(), 'sotto-store-'))
  const { records, close } = await openLevel(join(dir, 'store'))
  const subject = levelLike(records, limits)
  return {
    ...subject,
    close: async () => {
      await close()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

export async function memorySubject(limits: StoreLimits): Promise<StoreSubject> {
  const store: Store = new MemoryLevel<string, Uint8Array>({
    valueEncoding: 'view',
    storeEncoding: 'view',
  })
  await store.open()
  return { ...levelLike(store, limits), close: () => store.close() }
}

function levelLike(store: Store, limits: StoreLimits): Omit<StoreSubject, 'close'> {
  const random = seededRandom('store')
  return {
    frontEnds: 1,
    open: async () => await levelFrontEnd(store, limits, random),
    damageMail: async () => {
      const [[key, value] = []] = await store.iterator({ gte: 'mailbox/item/', limit: 1 }).all()
      if (key === undefined || value === undefined) throw new Error('nothing waits')
      await store.put(key, flipped(value))
    },
    kept: async () => sizes(await store.values().all()),
  }
}

async function levelFrontEnd(
  store: Store,
  limits: StoreLimits,
  random: ReturnType<typeof seededRandom>,
): Promise<FrontEnd> {
  const process = new Process()
  const clock = new ManualClock()
  const records = new Records({ store: process.view(store), dataKey: dataKey(), clock, random })
  const mailboxStore = new LevelMailboxStore({ records, clock, limits })
  await mailboxStore.start()
  return {
    store: mailboxStore,
    reads: () => process.reads,
    dieAt: (write, happens) => process.dieAt(write, happens),
    isDead: () => process.dead,
    crash: async () => {
      process.dieAt(0, false)
      await records.flush().catch(() => undefined) // what it still had to write goes nowhere
    },
  }
}

/** What one process sees of a store. */
class Process {
  reads = 0
  dead = false
  #left = Number.POSITIVE_INFINITY
  #happens = false

  dieAt(write: number, happens: boolean): void {
    this.#left = write
    this.#happens = happens
    if (write === 0) this.dead = true
  }

  view(store: Store): Store {
    const reads = ['get', 'getSync', 'iterator']
    return new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target)
        if (typeof value !== 'function') return value
        const call: (...parts: readonly unknown[]) => unknown = value.bind(target)
        if (name === 'batch')
          return (...parts: readonly unknown[]) => this.#write(() => call(...parts))
        if (!reads.includes(String(name))) return call
        return (...parts: readonly unknown[]) => {
          this.reads++
          return call(...parts)
        }
      },
    })
  }

  async #write(write: () => unknown): Promise<void> {
    if (!this.dead && --this.#left > 0) return void (await write())
    const last = !this.dead && this.#happens
    this.dead = true
    if (last) await write()
    throw new Error('Input/output error')
  }
}

/** Several front ends on one engine that has conditional writes only. */
export async function conditionalSubject(limits: StoreLimits): Promise<StoreSubject> {
  const random = seededRandom('engine')
  const engine = new ConditionalEngine(() => turns(random(1)[0] ?? 0))
  const all: EngineClient[] = []
  return {
    frontEnds: 3,
    open: async () => {
      const entries = new EngineClient(engine)
      all.push(entries)
      const store = new ConditionalMailboxStore({ entries, dataKey: dataKey(), random, limits })
      await store.start()
      return {
        store,
        reads: () => entries.reads,
        dieAt: (write, happens) => entries.dieAt(write, happens),
        isDead: () => entries.dead,
        crash: async () => {
          entries.dead = true
        },
      }
    },
    damageMail: async () => {
      const oldest = [...engine.entries].find(([name]) => name.startsWith('blob/'))
      if (oldest === undefined) throw new Error('nothing waits')
      const [name, entry] = oldest
      engine.entries.set(name, { ...entry, value: flipped(entry.value) })
    },
    kept: async () => sizes([...engine.entries.values()].map(({ value }) => value)),
    close: async () => {
      for (const client of all) client.dead = true
    },
  }
}

/** Most steps are about as fast as each other; now and then a process sleeps while others do a lot. */
function turns(byte: number): number {
  return byte < 240 ? byte % 8 : 200
}

function sizes(values: readonly Uint8Array[]): { entries: number; bytes: number } {
  return { entries: values.length, bytes: values.reduce((sum, { length }) => sum + length, 0) }
}

/** With one bit that is another. */
function flipped(value: Uint8Array): Uint8Array {
  return value.with(value.length - 1, (value.at(-1) ?? 0) ^ 1)
}
