import { readdir, readFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryLevel } from 'memory-level'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { decodeEpochs } from '../../net/epoch-codec.ts'
import { EpochKeys, type EpochFile } from '../../net/epoch-keys.ts'
import { epochFile, memoryEpochFile } from '../../net/platform/epoch-file.ts'
import { openLevel } from '../../net/platform/level-store.ts'
import { Records, type StoredRecord } from '../../net/records.ts'
import { openValue, sealValue } from '../../net/sealed-value.ts'
import { fromUtf8, utf8 } from '../../protocol/bytes.ts'
import { importSecret, ready } from '../../protocol/crypto.ts'
import { faultyStore, type FaultyStore } from '../support/faulty-store.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'
import type { Store } from '../../net/ports.ts'
import type { Secret } from '../../protocol/secret.ts'

const KEY = new Uint8Array(32).fill(7)
const PREFIXES = ['dies/', 'goes/']
const random = seededRandom('epochs')
const dataKey = (): Secret<'DataKey'> => importSecret('DataKey', KEY.slice())

beforeAll(() => ready)

interface Opened {
  readonly records: Records
  readonly keys: EpochKeys
}

async function open(store: Store, file: EpochFile, clock = new ManualClock()): Promise<Opened> {
  const keys = new EpochKeys({ file, dataKey: dataKey(), clock, random })
  const dying = { keys, prefixes: PREFIXES }
  const records = new Records({ store, dataKey: dataKey(), dying, clock, random })
  await records.begin()
  return { records, keys }
}

function put(key: string, text = `value of ${key}`) {
  return { type: 'put', key, value: utf8(text) } as const
}

async function textsIn(records: Records): Promise<Readonly<Record<string, string>>> {
  const found: StoredRecord[] = []
  for await (const record of records.range('')) found.push(record)
  return Object.fromEntries(found.map(({ key, value }) => [key, fromUtf8(value)]))
}

/** The keys that the file holds, and the data key. */
async function keysIn(file: EpochFile): Promise<readonly Secret<'DataKey' | 'EpochKey'>[]> {
  const bytes = await file.read()
  if (bytes === undefined) throw new Error('no file')
  const { current, previous } = decodeEpochs(openValue(dataKey(), 'epochs', bytes))
  return [current, dataKey(), ...(previous === undefined ? [] : [previous])]
}

function opens(key: Secret<'DataKey' | 'EpochKey'>, name: string, sealed: Uint8Array): boolean {
  try {
    openValue(key, name, sealed)
    return true
  } catch {
    return false
  }
}

const memory = (): Store => new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' })

test('what must die is under a key of its own; what is there after a change opens, what was there before does not', async () => {
  const [store, file] = [memory(), memoryEpochFile()]
  const { records } = await open(store, file)
  await records.commit([put('dies/a'), put('dies/b'), put('goes/c'), put('stays/d')])
  const before = new Map(await store.iterator().all())
  for (const [name, sealed] of before)
    expect(opens(dataKey(), name, sealed)).toBe(name === 'stays/d')
  const [first] = await keysIn(file)
  await records.commit([{ type: 'del', key: 'dies/b' }])
  expect(records.hasDead).toBe(true)
  await records.renewKeys()
  expect(records.hasDead).toBe(false)

  expect(await textsIn(records)).toEqual({
    'dies/a': 'value of dies/a',
    'goes/c': 'value of goes/c',
    'stays/d': 'value of stays/d',
  })
  expect(first && opens(first, 'dies/b', before.get('dies/b') ?? new Uint8Array())).toBe(true)
  const left = await keysIn(file)
  expect(left).toHaveLength(2)
  for (const [name, sealed] of before) {
    const found = left.some((key) => opens(key, name, sealed))
    expect(found, name).toBe(name === 'stays/d')
  }
  const again = await open(store, file)
  expect(await textsIn(again.records)).toEqual(await textsIn(records))
})

test('a store from before there were such keys is read, and written again', async () => {
  const [store, file] = [memory(), memoryEpochFile()]
  await store.put('dies/a', sealValue(dataKey(), 'dies/a', utf8('old'), random))
  const { records } = await open(store, file)
  expect(records.epochAge).toBe(Number.POSITIVE_INFINITY)
  expect(await textsIn(records)).toEqual({ 'dies/a': 'old' })
  const sealed = await store.get('dies/a')
  await records.renewKeys()
  expect(records.epochAge).toBe(0)
  expect(await textsIn(records)).toEqual({ 'dies/a': 'old' })
  await store.put('dies/a', sealed ?? new Uint8Array())
  await expect(records.get('dies/a')).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
})

test('a damaged file costs what must die, and nothing else', async () => {
  const [store, file] = [memory(), memoryEpochFile()]
  const { records } = await open(store, file)
  await records.commit([put('dies/a'), put('stays/b')])
  await records.renewKeys()
  const bytes = await file.read()
  await file.replace(Uint8Array.from(bytes ?? [], (byte, at) => (at === 40 ? byte ^ 1 : byte)))
  const again = await open(store, file)
  await expect(again.records.get('dies/a')).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
  expect(await again.records.get('stays/b')).toEqual(utf8('value of stays/b'))
  await again.records.commit([put('dies/a', 'new')])
  await again.records.renewKeys()
  expect(await textsIn(again.records)).toEqual({ 'dies/a': 'new', 'stays/b': 'value of stays/b' })
})

test('what is written while the key changes is neither lost nor set back', async () => {
  const [store, file] = [memory(), memoryEpochFile()]
  const { records } = await open(store, file)
  const names = Array.from({ length: 700 }, (_, at) => `dies/${at}`)
  await records.commit(names.map((name) => put(name, 'old')))
  const writing = async (): Promise<void> => {
    for (const name of names) await records.commit([put(name, 'new')])
  }
  const reading = async (): Promise<number> => {
    let count = 0
    for await (const { value } of records.range('dies/')) {
      expect(['old', 'new']).toContain(fromUtf8(value))
      count++
      if (count % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    return count
  }
  const [, , , count] = await Promise.all([
    writing(),
    records.renewKeys(),
    records.renewKeys(),
    reading(),
  ])
  expect(count).toBe(names.length)
  expect(new Set(Object.values(await textsIn(records)))).toEqual(new Set(['new']))
})

test('what waits under the key before, and what shares a batch with its own copy, is as it was meant', async () => {
  const [store, file] = [memory(), memoryEpochFile()]
  const { records, keys } = await open(store, file)
  await records.renewKeys()
  const waiting = records.later([put('dies/late')])
  await records.renewKeys()
  await waiting
  expect(await textsIn(records)).toEqual({ 'dies/late': 'value of dies/late' })

  await keys.begin()
  const newer = records.commit([put('dies/late', 'newer')])
  const again = records.commit([{ type: 'again', key: 'dies/late' }])
  await Promise.all([newer, again])
  expect(await textsIn(records)).toEqual({ 'dies/late': 'newer' })
})

/** A file that fails, before or after it has taken the new content, at one of its replacements. */
function failing(inner: EpochFile, at: number, when: 'before' | 'after'): EpochFile {
  let count = 0
  return {
    read: () => inner.read(),
    replace: async (bytes) => {
      const fails = count++ === at
      if (fails && when === 'before') throw new Error('No space left on device')
      await inner.replace(bytes)
      if (fails) throw new Error('Input/output error')
    },
  }
}

describe('a change that ends at any step loses nothing', () => {
  const names = Array.from({ length: 600 }, (_, at) => `dies/${at}`)
  const all = Object.fromEntries(names.map((name) => [name, `value of ${name}`]))

  async function changed(prepare: (disk: FaultyStore, file: EpochFile) => EpochFile) {
    const inner = memoryEpochFile()
    const disk = await faultyStore()
    const first = await open(disk.store, inner)
    await first.records.commit(names.map((name) => put(name)))
    await first.records.renewKeys()
    const { records } = await open(disk.store, prepare(disk, inner))
    const failed = await records.renewKeys().then(
      () => false,
      () => true,
    )
    disk.fault = 'none'
    // Whether or not the process goes on: another start reads everything, and ends the change.
    const again = await open(disk.store, inner)
    expect(await textsIn(again.records)).toEqual(all)
    await again.records.renewKeys()
    expect(again.keys.isChanging).toBe(false)
    expect(await textsIn(again.records)).toEqual(all)
    return failed
  }

  test.each([0, 1])('at replacement %i of the file', async (at) => {
    for (const when of ['before', 'after'] as const) {
      expect(await changed((_, file) => failing(file, at, when))).toBe(true)
    }
  })

  test.each([0, 1, 2])('after %i batches', async (after) => {
    for (const fault of ['full', 'unsure'] as const) {
      const failed = await changed((disk, file) => {
        Object.assign(disk, { fault, after })
        return file
      })
      expect(failed).toBe(true)
    }
  })

  test('the same process goes on with it as well', async () => {
    const inner = memoryEpochFile()
    const disk = await faultyStore()
    const { records } = await open(disk.store, failing(inner, 2, 'before'))
    await records.commit(names.map((name) => put(name)))
    await expect(records.renewKeys()).rejects.toBeInstanceOf(Error)
    await records.commit([put('dies/0', 'newer')])
    await records.renewKeys()
    expect(await textsIn(records)).toEqual({ ...all, 'dies/0': 'newer' })
  })
})

test('nothing that is left on a disk opens what was deleted: LevelDB keeps the bytes, and the key is gone', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sotto-epochs-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  const path = join(dir, 'store')
  const stores = await openLevel(path)
  const file = epochFile(dir)
  const { records } = await open(stores.records, file)
  await records.commit([put('dies/secret'), put('dies/kept')])
  const sealed = await stores.records.get('dies/secret')
  await records.commit([{ type: 'del', key: 'dies/secret' }])
  expect(await found()).toEqual({ onDisk: true, opened: true })
  await records.renewKeys()
  expect((await found()).opened).toBe(false)
  await records.close()
  await stores.close()
  // The log of LevelDB, and the file of the keys, as a thief has them who knows the data key.
  expect((await found()).opened).toBe(false)
  const reopened = await openLevel(path)
  onTestFinished(() => reopened.close())
  const { compact } = reopened
  const again = await open(reopened.records, { ...file, compact })
  expect(await textsIn(again.records)).toEqual({ 'dies/kept': 'value of dies/kept' })
  // Compaction takes away the bytes, too.
  await again.records.renewKeys()
  expect(await found()).toEqual({ onDisk: false, opened: false })
  expect((await readdir(dir)).toSorted()).toEqual(['epoch.sealed', 'store'])

  async function found() {
    const target = Uint8Array.from(sealed ?? [])
    const files = await readdir(path)
    const contents = await Promise.all(
      files.map((name) => readFile(join(path, name)).catch(() => new Uint8Array())),
    )
    const onDisk = contents.some((bytes) => Buffer.from(bytes).includes(Buffer.from(target)))
    const opened = (await keysIn(file)).some((key) => opens(key, 'dies/secret', target))
    return { onDisk, opened }
  }
})
