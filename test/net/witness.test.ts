import { MemoryLevel } from 'memory-level'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { generateSecret, ready } from '../../protocol/crypto.ts'
import type { Store } from '../../net/ports.ts'
import { Records } from '../../net/records.ts'
import { Witness, type StoreFinding, type WitnessFile } from '../../net/witness.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'

class MemoryFile implements WitnessFile {
  bytes: Uint8Array | undefined
  isFull = false
  readonly isLoose: boolean

  constructor(isLoose = false) {
    this.isLoose = isLoose
  }

  read(): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.bytes)
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.isFull) return Promise.reject(new Error('no room'))
    this.bytes = bytes
    return Promise.resolve()
  }
}

beforeAll(() => ready)

let clock: ManualClock
let store: Store
let file: MemoryFile
let loose: MemoryFile

beforeEach(() => {
  clock = new ManualClock()
  store = new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' })
  file = new MemoryFile()
  loose = new MemoryFile(true)
})

interface Run {
  readonly witness: Witness
  readonly records: Records
  write(batches: number): Promise<void>
}

const random = seededRandom('witness')
const KEY = generateSecret('DataKey', 32, () => new Uint8Array(32).fill(7))

function run(options: { isCut?: boolean; host?: Uint8Array } = {}): Run {
  const records = new Records({ store, dataKey: KEY, clock, random, chain: 'c/' })
  const { isCut = false, host } = options
  return {
    witness: new Witness({ files: [file, loose], records, isCut, clock, host }),
    records,
    write: async (batches) => {
      for (let at = 0; at < batches; at++) {
        await records.commit([{ type: 'put', key: 'a', value: random(8) }])
      }
    },
  }
}

async function started(options: { isCut?: boolean } = {}): Promise<Run> {
  const one = run(options)
  await one.witness.start()
  return one
}

async function finding(options = {}): Promise<StoreFinding | undefined> {
  return (await run(options).witness.compare()).finding
}

async function copy(): Promise<Store> {
  const other = new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' })
  await other.batch(
    (await store.iterator().all()).map(([key, value]) => ({ type: 'put' as const, key, value })),
  )
  return other
}

test('a store that has as much as it had, or more, has lost nothing', async () => {
  const { write, witness } = await started()
  await write(5)
  await witness.stop()
  await write(2)
  expect(await finding()).toBeUndefined()
  expect((await started()).witness.losses).toBe(0)
})

test('a store that has less has lost something, which is not forgotten', async () => {
  const { write, witness } = await started()
  await write(4)
  const before = await copy()
  await write(1)
  await witness.stop()
  store = before
  expect(await finding()).toBe('older')
  expect((await started()).witness.losses).toBe(1)
  expect((await started()).witness.losses).toBe(1)
})

test('a store that has gone on otherwise from the same point is another one', async () => {
  const { write, witness } = await started()
  await write(4)
  const before = await copy()
  await write(2)
  await witness.stop()
  store = before
  await run().write(5)
  expect(await finding()).toBe('other')
})

test('what is written is told of within ten seconds, for a process that ends without saying so', async () => {
  const { write } = await started()
  const before = await copy()
  await write(5)
  loose.bytes = undefined
  expect(await finding()).toBeUndefined()
  await clock.advance(10_000)
  loose.bytes = undefined
  store = before
  expect(await finding()).toBe('older')
})

test('a loose file is told of every batch, and believed only where it can be read', async () => {
  const { write } = await started()
  const before = await copy()
  await write(1)
  store = before
  expect(await finding()).toBe('older')
  loose.bytes = Uint8Array.of(1, 2, 3)
  expect(await finding()).toBeUndefined()
})

test('without files nothing waits to be noted', async () => {
  const { records, write } = run()
  const witness = new Witness({ files: [], records, isCut: false, clock, host: undefined })
  await witness.start()
  await write(3)
  expect(clock.pending).toBe(0)
  await witness.stop()
  await records.close()
})

test('a full disk does not end it', async () => {
  const { write, witness } = await started()
  const before = await copy()
  file.isFull = loose.isFull = true
  await write(5)
  await clock.advance(10_000)
  file.isFull = loose.isFull = false
  await clock.advance(10_000)
  await witness.stop()
  store = before
  expect((await started()).witness.losses).toBe(1)
})

test('a file is written by one at a time, also when losses are counted meanwhile', async () => {
  const { write, witness } = await started()
  await write(1)
  const put = file.write.bind(file)
  const together: number[] = []
  let writing = 0
  file.write = async (bytes) => {
    together.push(++writing)
    await settle(1)
    await put(bytes)
    writing--
  }
  await Promise.all([witness.count(1), clock.advance(10_000)])
  expect(together).toEqual([1, 1])
  expect((await started()).witness.losses).toBe(1)
})

test('a log that was not read to its end counts, and so does a file that cannot be read', async () => {
  expect(await finding({ isCut: true })).toBe('hole')
  expect((await started({ isCut: true })).witness.losses).toBe(1)
  file.bytes = Uint8Array.of(1, 2, 3)
  expect(await finding()).toBe('unreadable')
  expect((await started()).witness.losses).toBe(2)
})

test('a hole in the store is found', async () => {
  const { write, witness } = await started()
  await write(5)
  await witness.stop()
  await store.del('c/003')
  expect(await finding()).toBe('hole')
})

test('a folder that was on another computer is found, where computers have names', async () => {
  const one = run({ host: new Uint8Array(16).fill(1) })
  await one.witness.start()
  await one.witness.stop()
  expect(await finding({ host: new Uint8Array(16).fill(1) })).toBeUndefined()
  expect(await finding({ host: new Uint8Array(16).fill(2) })).toBe('elsewhere')
  expect(await finding()).toBeUndefined()
})

test('the highest number that is known of is told', async () => {
  const { write, witness } = await started()
  const before = await copy()
  await write(7)
  await witness.stop()
  store = before
  expect((await run().witness.compare()).highest).toBe(7)
})
