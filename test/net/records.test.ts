import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { MemoryLevel } from 'memory-level'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Store } from '../../net/ports.ts'
import { type Operation, Records, type RecordsInit } from '../../net/records.ts'
import { StoreError } from '../../net/store-error.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { generateSecret, ready } from '../../protocol/crypto.ts'
import { ManualClock, settle, until } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'

const random = seededRandom('records')
const ENCODINGS = { keyEncoding: 'utf8', valueEncoding: 'view' } as const

let store: Store
let clock: ManualClock
let close: () => Promise<void>

beforeAll(() => ready)

describe.each([
  ['in memory', openMemory],
  ['on disk', openDisk],
])('%s', (_, open) => {
  beforeEach(async () => {
    clock = new ManualClock()
    close = await open()
  })
  afterEach(() => close())

  test('what was committed is read, also by the next run', async () => {
    const records = create()
    await records.commit([put('a/1', 'one'), put('a/2', 'two')])
    await records.commit([{ type: 'del', key: 'a/1' }])
    expect(await textOf(records, 'a/1')).toBeUndefined()
    expect(await textOf(records, 'a/2')).toBe('two')
    await records.close()
    expect(await textOf(create(), 'a/2')).toBe('two')
  })

  test('a range keeps to its prefix, its start, its length and its direction', async () => {
    const records = create()
    const keys = ['a', 'a/1', 'a/2', 'a/3', 'a0', 'b/1']
    await records.commit(keys.map((key) => put(key, key)))
    expect(await keysOf(records.range('a/'))).toEqual(['a/1', 'a/2', 'a/3'])
    expect(await keysOf(records.range('a/', { from: 'a/2' }))).toEqual(['a/2', 'a/3'])
    expect(await keysOf(records.range('a/', { limit: 2 }))).toEqual(['a/1', 'a/2'])
    expect(await keysOf(records.range('a/', { reverse: true }))).toEqual(['a/3', 'a/2', 'a/1'])
    const back = records.range('a/', { reverse: true, from: 'a/2', limit: 1 })
    expect(await keysOf(back)).toEqual(['a/2'])
    expect(await keysOf(records.range(''))).toEqual(keys)
    expect(await keysOf(records.range('c'))).toEqual([])
  })

  test('a range can be longer than one fetch', async () => {
    const records = create()
    const keys = Array.from({ length: 1000 }, (_, at) => `k/${String(at).padStart(4, '0')}`)
    await records.commit(keys.map((key) => put(key, key)))
    expect(await keysOf(records.range('k/'))).toEqual(keys)
  })

  test('values are sealed, and bound to their place', async () => {
    const records = create()
    await records.commit([put('a', 'plain text'), put('b', 'other')])
    const raw = await store.get('a')
    expect(new TextDecoder().decode(raw)).not.toContain('plain')
    await store.put('b', raw ?? new Uint8Array(0))
    await expect(records.get('b')).rejects.toMatchObject({ code: 'ERR_CORRUPT', key: 'b' })
    await expect(keysOf(records.range(''))).rejects.toMatchObject({ code: 'ERR_CORRUPT', key: 'b' })
    expect(await textOf(records, 'a')).toBe('plain text')
  })

  test('the caller may wipe a value at once', async () => {
    const records = create()
    const value = utf8('secret')
    const committed = records.commit([{ type: 'put', key: 'a', value }])
    value.fill(0)
    await committed
    expect(await textOf(records, 'a')).toBe('secret')
  })

  test('with 64 commits in flight a commit costs less than a tenth of a batch', async () => {
    const records = create()
    const each = 50
    const worker = async (name: number): Promise<void> => {
      for (let at = 0; at < each; at++) await records.commit([put(`w/${name}/${at}`, 'x')])
    }
    await Promise.all(Array.from({ length: 64 }, (_, name) => worker(name)))
    expect(records.counts.batches / (64 * each)).toBeLessThan(0.1)
    expect(records.counts.synced).toBe(records.counts.batches)
    expect(await keysOf(records.range('w/'))).toHaveLength(64 * each)
  })

  test('one commit at a time costs one batch each', async () => {
    const records = create()
    for (let at = 0; at < 5; at++) await records.commit([put('a', String(at))])
    expect(records.counts).toEqual({ batches: 5, synced: 5 })
  })

  test('the last of several writes to one place wins, in one batch and over several', async () => {
    const records = create()
    const commits = Array.from({ length: 200 }, (_, at) => records.commit([put('a', String(at))]))
    await Promise.all(commits)
    expect(await textOf(records, 'a')).toBe('199')
  })

  test('commits that follow each other within a few promises share a batch, and of many the first do not wait for the rest', async () => {
    const records = create()
    await following(records, 31)
    expect(records.counts).toEqual({ batches: 1, synced: 1 })
    await following(records, 100)
    expect(records.counts.batches).toBeGreaterThan(2)
    expect(await keysOf(records.range('c/'))).toHaveLength(100)
  })

  test('of several states of one key in a batch the last is asked for, and no other', async () => {
    const records = create()
    const asked: string[] = []
    const state = (key: string, text: string): Operation => ({
      type: 'state',
      key,
      value: () => {
        asked.push(text)
        return utf8(text)
      },
    })
    const first = records.commit([state('a', 'one'), state('b', 'other')])
    await Promise.all([first, records.commit([state('a', 'two'), put('c', 'beside')])])
    expect(asked.toSorted()).toEqual(['other', 'two'])
    expect(await textOf(records, 'a')).toBe('two')
    await records.commit([state('a', 'three'), { type: 'del', key: 'a' }])
    expect(await textOf(records, 'a')).toBeUndefined()
    await records.commit([{ type: 'del', key: 'a' }, state('a', 'four')])
    expect(await textOf(records, 'a')).toBe('four')
  })

  test('batches are chained where that is asked for, over restarts and failures', async () => {
    const records = create({ chain: 'c/' })
    expect((await records.durable()).number).toBe(0)
    await records.commit([put('a', '1')])
    await records.commit([put('a', '2')])
    expect((await records.durable()).number).toBe(2)
    const next = create({ chain: 'c/' })
    expect(await next.continuity()).toMatchObject({ isWhole: true, head: { number: 2 } })
    await next.commit([put('b', '1')])
    expect((await next.durable()).number).toBe(3)
    expect(await create({ chain: 'c/' }).continuity()).toMatchObject({ isWhole: true })
  })

  test('a batch that is missing between others shows, damaged or gone', async () => {
    const records = create({ chain: 'c/' })
    for (let at = 0; at < 5; at++) await records.commit([put('a', String(at))])
    const third = (await store.get('c/003')) ?? new Uint8Array(0)
    await store.del('c/003')
    expect(await create({ chain: 'c/' }).continuity()).toMatchObject({ isWhole: false })
    await store.put('c/003', Uint8Array.from([...third, 0]))
    expect(await create({ chain: 'c/' }).continuity()).toMatchObject({ isWhole: false })
    await store.put('c/003', third)
    expect(await create({ chain: 'c/' }).continuity()).toMatchObject({ isWhole: true })
  })

  test('a batch in the place of another shows', async () => {
    const records = create({ chain: 'c/' })
    await records.commit([put('a', '1')])
    const early = await store.iterator().all()
    await records.commit([put('a', '2')])
    const second = (await store.get('c/002')) ?? new Uint8Array(0)
    await store.batch(early.map(([key, value]) => ({ type: 'put' as const, key, value })))
    await store.del('c/002')
    const copy = create({ chain: 'c/' })
    await copy.commit([put('a', 'two')])
    await copy.commit([put('a', '3')])
    expect(await create({ chain: 'c/' }).continuity()).toMatchObject({ isWhole: true })
    await store.put('c/002', second)
    expect(await create({ chain: 'c/' }).continuity()).toMatchObject({ isWhole: false })
  })

  test('a thousand batches are remembered, and older ones make room', async () => {
    const records = create({ chain: 'c/' })
    for (let at = 0; at < 1010; at++) await records.commit([put('a', String(at))])
    expect(await records.count('c/')).toBe(1000)
    const chain = await create({ chain: 'c/' }).continuity()
    expect(chain).toMatchObject({ isWhole: true, head: { number: 1010 } })
    expect(chain?.hashAt(10)).toBeUndefined()
    expect(chain?.hashAt(11)).toHaveLength(16)
    await store.del('c/011')
    expect(await create({ chain: 'c/' }).continuity()).toMatchObject({ isWhole: false })
  })

  test('a chain that begins anew says nothing of what was before', async () => {
    const records = create({ chain: 'c/' })
    for (let at = 0; at < 5; at++) await records.commit([put('a', String(at))])
    await store.del('c/003')
    const next = create({ chain: 'c/' })
    await next.beginChainAbove(900)
    expect((await next.durable()).number).toBe(901)
    await next.commit([put('a', 'x')])
    const chain = await create({ chain: 'c/' }).continuity()
    expect(chain).toMatchObject({ isWhole: true, head: { number: 902 } })
    expect(chain?.hashAt(5)).toBeUndefined()
    await store.del('c/901')
    expect(await create({ chain: 'c/' }).continuity()).toMatchObject({ isWhole: false })
  })

  test('a chain begins anew though other batches are on their way', async () => {
    const records = create({ chain: 'c/' })
    for (let at = 0; at < 5; at++) await records.commit([put('a', String(at))])
    const before = records.commit([put('b', 'before')])
    await beingWritten()
    const begun = records.beginChainAbove(900)
    await before
    await beingWritten()
    await Promise.all([begun, records.commit([put('b', 'beside')])])
    const chain = await create({ chain: 'c/' }).continuity()
    expect(chain?.isWhole).toBe(true)
    expect(chain?.head.number).toBeGreaterThan(900)
    expect(chain?.hashAt(5)).toBeUndefined()
  })

  test('what can wait rides with the next commit, in the order of the calls', async () => {
    const records = create()
    void records.later([put('a', 'first'), put('b', 'kept')])
    await records.commit([put('a', 'second')])
    expect(records.counts).toEqual({ batches: 1, synced: 1 })
    expect(await textOf(records, 'a')).toBe('second')
    expect(await textOf(records, 'b')).toBe('kept')
    expect(clock.pending).toBe(0)
  })

  test('what can wait is written without fsync when no commit comes', async () => {
    const records = create()
    void records.later([put('a', 'alone')])
    await clock.advance(49)
    expect(records.counts.batches).toBe(0)
    await clock.advance(1)
    await until(() => records.counts.batches > 0)
    expect(records.counts).toEqual({ batches: 1, synced: 0 })
    await records.close()
    expect(records.counts.synced).toBe(1)
    expect(await textOf(create(), 'a')).toBe('alone')
  })

  test('what others are told of waits as well, and is synced when no commit comes', async () => {
    const records = create()
    let told = false
    void records.soon([put('a', 'alone')]).then(() => (told = true))
    await clock.advance(49)
    expect(records.counts.batches).toBe(0)
    await clock.advance(1)
    await until(() => told)
    expect(records.counts).toEqual({ batches: 1, synced: 1 })
  })

  test('what can wait does not make a batch of its own behind a commit', async () => {
    const records = create()
    const commit = records.commit([put('a', '1')])
    await beingWritten()
    void records.later([put('b', '2')])
    await commit
    await settle(50)
    expect(records.counts.batches).toBe(1)
    await records.flush()
    expect(records.counts).toEqual({ batches: 2, synced: 2 })
    expect(await textOf(records, 'b')).toBe('2')
  })

  test('after close nothing is accepted', async () => {
    const records = create()
    await records.commit([put('a', '1')])
    await records.close()
    await expect(records.commit([put('a', '2')])).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(records.flush()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    void records.later([put('a', '3')])
    await records.close()
    expect(await textOf(create(), 'a')).toBe('1')
  })

  test('a database that was closed under us is an error of ours', async () => {
    const records = create()
    await store.close()
    await expect(records.get('a')).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(records.commit([put('a', '1')])).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(keysOf(records.range('a'))).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await store.open()
  })
})

describe('a failed batch', () => {
  beforeEach(async () => {
    clock = new ManualClock()
    close = await openMemory()
  })
  afterEach(() => close())

  test('rejects what was in it and all that was queued behind it, and stores none of it', async () => {
    const disk = breakable(store)
    const records = create()
    const heard: string[] = []
    const order: string[] = []
    records.onFailure(({ code }) => {
      heard.push(code)
      order.push('told')
    })
    disk.fail(new Error('IO error: 000005.log: No space left on device'))
    const first = records.commit([put('a', '1')])
    await disk.asked()
    const second = records.commit([put('b', '2')])
    void records.later([put('c', '3')])
    disk.answer()
    first.catch(() => order.push('rejected'))
    await expect(first).rejects.toMatchObject({ name: 'StoreError', code: 'ERR_FULL' })
    await expect(second).rejects.toMatchObject({ code: 'ERR_FULL' })
    expect(heard).toEqual(['ERR_FULL'])
    expect(order).toEqual(['told', 'rejected'])
    expect(records.counts.batches).toBe(0)

    await records.commit([put('d', '4')])
    expect(await keysOf(records.range(''))).toEqual(['d'])
  })

  test('has the database opened again before the next one, and fails if that fails', async () => {
    const disk = breakable(store)
    const reopened: string[] = []
    const records = create({
      reopen: async () => {
        reopened.push('tried')
        if (reopened.length === 1) throw new StoreError('ERR_FULL')
      },
    })
    disk.fail(new Error('Read-only file system'))
    disk.answer()
    await expect(records.commit([put('a', '1')])).rejects.toMatchObject({ code: 'ERR_READ_ONLY' })
    expect(reopened).toEqual([])
    await expect(records.commit([put('a', '2')])).rejects.toMatchObject({ code: 'ERR_FULL' })
    await records.commit([put('a', '3')])
    await records.commit([put('b', '4')])
    expect(reopened).toEqual(['tried', 'tried'])
    expect(await textOf(records, 'a')).toBe('3')
  })

  test('that comes back when the database is opened again is told before anything is written over it', async () => {
    const disk = breakable(store)
    const log: unknown[] = []
    const { batch } = store
    Object.assign(store, {
      batch: (operations: never, options: never) => {
        log.push(operations)
        return batch(operations, options)
      },
    })
    const heard: string[] = []
    const records = create({
      // The log had the whole of it: only its fsync failed.
      reopen: async () => {
        const [first] = log.splice(0)
        if (heard.length === 1) await batch(first as never, {})
      },
    })
    records.onFailure(({ code }) => heard.push(code))
    disk.fail(new Error('Input/output error'))
    disk.answer()
    await expect(records.commit([put('a', 'failed')])).rejects.toMatchObject({ code: 'ERR_IO' })
    await expect(records.commit([put('b', '1')])).rejects.toMatchObject({ code: 'ERR_IO' })
    expect(heard).toEqual(['ERR_IO', 'ERR_IO'])
    expect(await textOf(records, 'a')).toBe('failed')
    await records.commit([put('b', '2')])
    expect(await keysOf(records.range(''))).toEqual(['a', 'b'])
  })

  test.each([
    ['IO error: x: No space left on device', 'ERR_FULL'],
    ['IO error: x: Disk quota exceeded', 'ERR_FULL'],
    ['IO error: x: Read-only file system', 'ERR_READ_ONLY'],
    ['IO error: x: Too many open files', 'ERR_TOO_MANY_FILES'],
    ['Corruption: bad block', 'ERR_CORRUPT'],
    ['IO error: x: Input/output error', 'ERR_IO'],
  ])('that says %o is %s', async (text, code) => {
    const disk = breakable(store)
    const records = create()
    disk.fail(new Error(text))
    disk.answer()
    await expect(records.commit([put('a', '1')])).rejects.toMatchObject({ code })
  })
})

/** What was committed just now is on its way to the store. */
async function beingWritten(): Promise<void> {
  for (let turn = 0; turn < 64; turn++) await Promise.resolve()
}

function create(init: Partial<RecordsInit> = {}): Records {
  const dataKey = generateSecret('DataKey', 32, seededRandom('data key'))
  return new Records({ store, dataKey, clock, random, ...init })
}

async function openMemory(): Promise<() => Promise<void>> {
  const level = new MemoryLevel<string, Uint8Array>({ ...ENCODINGS, storeEncoding: 'view' })
  await level.open()
  store = level
  return () => level.close()
}

async function openDisk(): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'sotto-records-'))
  const level = new Level<string, Uint8Array>(dir, ENCODINGS)
  await level.open()
  store = level
  return async () => {
    await level.close()
    await rm(dir, { recursive: true })
  }
}

/** Makes one batch of a store fail, at a moment that the test chooses. */
function breakable(store: Store) {
  const batch = store.batch.bind(store)
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  let error: Error | undefined
  Object.assign(store, {
    batch: async (operations: never, options: never) => {
      if (error === undefined) return await batch(operations, options)
      asked.resolve()
      await answer.promise
      const failure = error
      error = undefined
      throw failure
    },
  })
  return {
    fail: (failure: Error) => void (error = failure),
    asked: () => asked.promise,
    answer: () => answer.resolve(),
  }
}

/** So many commits, each a few promises behind the one before. Resolves when all are written. */
async function following(records: Records, count: number): Promise<void> {
  const commits: Promise<void>[] = []
  for (let at = 0; at < count; at++) {
    commits.push(records.commit([put(`c/${at}`, 'x')]))
    for (let turn = 0; turn < 8; turn++) await Promise.resolve()
  }
  await Promise.all(commits)
}

function put(key: string, text: string): Operation {
  return { type: 'put', key, value: utf8(text) }
}

async function textOf(records: Records, key: string): Promise<string | undefined> {
  const value = await records.get(key)
  return value === undefined ? undefined : new TextDecoder().decode(value)
}

async function keysOf(range: AsyncIterable<{ key: string; value: Uint8Array }>): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of range) keys.push(key)
  return keys
}
