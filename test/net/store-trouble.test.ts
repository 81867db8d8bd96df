// What becomes of a store that refuses to write: it is tried again by itself, says so, and is not used with something missing.

import { MemoryLevel } from 'memory-level'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Records, type RecordsInit } from '../../net/records.ts'
import { StoreError, TornLogError } from '../../net/store-error.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { generateSecret, ready } from '../../protocol/crypto.ts'
import { faultyStore, type FaultyStore } from '../support/faulty-store.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'

const SECOND = 1_000
const random = seededRandom('store trouble')

let disk: FaultyStore
let clock: ManualClock
let heard: string[]
let failures: string[]

beforeAll(() => ready)

beforeEach(async () => {
  disk = await faultyStore(new MemoryLevel({ keyEncoding: 'utf8', valueEncoding: 'view' }))
  clock = new ManualClock()
  heard = []
  failures = []
})

function create(init: Partial<RecordsInit> = {}): Records {
  const dataKey = generateSecret('DataKey', 32, random)
  const records = new Records({ store: disk.store, dataKey, clock, random, ...init })
  records.onTrouble((trouble) => heard.push(trouble?.error.code ?? 'over'))
  records.onFailure(({ code }) => failures.push(code))
  return records
}

const commit = (records: Records, key: string): Promise<void> =>
  records.commit([{ type: 'put', key, value: utf8(key) }])

const refused = (records: Records, key: string): Promise<unknown> =>
  commit(records, key).then(
    () => 'written',
    ({ code }: StoreError) => code,
  )

describe('a store that is full', () => {
  test('says so, is tried again though nobody writes, and says when that is over', async () => {
    const records = create()
    disk.fault = 'full'
    expect(await refused(records, 'a')).toBe('ERR_FULL')
    const since = clock.now()
    expect(records.trouble).toMatchObject({ error: { code: 'ERR_FULL' }, since })
    await clock.advance(60 * SECOND)
    expect(records.trouble).toMatchObject({ error: { code: 'ERR_FULL' }, since })
    expect(heard).toEqual(['ERR_FULL'])
    disk.fault = 'none'
    await clock.advance(10 * SECOND)
    expect(records.trouble).toBeUndefined()
    expect(heard).toEqual(['ERR_FULL', 'over'])
    expect(await refused(records, 'b')).toBe('written')
  })

  test('is well as soon as something is written', async () => {
    const records = create()
    disk.fault = 'full'
    await refused(records, 'a')
    disk.fault = 'none'
    await commit(records, 'b')
    expect(heard).toEqual(['ERR_FULL', 'over'])
    expect(clock.pending).toBe(0)
  })

  test('says that it fails for another reason', async () => {
    const records = create()
    disk.fault = 'full'
    await refused(records, 'a')
    disk.fault = 'broken'
    await refused(records, 'b')
    expect(heard).toEqual(['ERR_FULL', 'ERR_IO'])
  })

  test('leaves no timer behind', async () => {
    const records = create()
    disk.fault = 'full'
    await refused(records, 'a')
    expect(clock.pending).toBe(1)
    await records.close()
    await settle()
    expect(clock.pending).toBe(0)
  })
})

describe('a database that has to be opened again', () => {
  test('is opened quietly: those who were told of the failure hear nothing of tries that fail', async () => {
    let opens = false
    const tries: boolean[] = []
    const reopen = (): Promise<void> => {
      tries.push(opens)
      return opens ? Promise.resolve() : Promise.reject(new StoreError('ERR_TOO_MANY_FILES'))
    }
    const records = create({ reopen })
    disk.fault = 'full'
    await refused(records, 'a')
    disk.fault = 'none'
    await clock.advance(30 * SECOND)
    expect(tries.length).toBeGreaterThan(2)
    expect(failures).toEqual(['ERR_FULL'])
    expect(heard).toEqual(['ERR_FULL', 'ERR_TOO_MANY_FILES'])
    opens = true
    await clock.advance(10 * SECOND)
    expect(heard.at(-1)).toBe('over')
    expect(failures).toEqual(['ERR_FULL'])
  })

  test('and cannot be is closed for that reason, also to those who read', async () => {
    let opens = false
    const reopen = async (): Promise<void> => {
      await disk.store.close()
      if (!opens) throw new StoreError('ERR_TOO_MANY_FILES')
      await disk.store.open()
    }
    const records = create({ reopen })
    await commit(records, 'a')
    disk.fault = 'full'
    await refused(records, 'b')
    disk.fault = 'none'
    await clock.advance(6 * SECOND)
    await expect(records.get('a')).rejects.toMatchObject({ code: 'ERR_TOO_MANY_FILES' })
    await expect(records.count('')).rejects.toMatchObject({ code: 'ERR_TOO_MANY_FILES' })
    const reading = records.range('').next()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_TOO_MANY_FILES' })
    opens = true
    await clock.advance(10 * SECOND)
    expect(records.trouble).toBeUndefined()
  })

  test('is not used where something that was on the disk is missing then', async () => {
    const { store } = disk
    const records = create({ chain: 'commit/', reopen: () => store.clear() })
    await commit(records, 'a')
    disk.fault = 'full'
    await refused(records, 'b')
    disk.fault = 'none'
    expect(await refused(records, 'c')).toBe('ERR_CORRUPT')
    expect(await refused(records, 'd')).toBe('ERR_CORRUPT')
    await clock.advance(60 * SECOND)
    expect(heard).toEqual(['ERR_FULL', 'ERR_CORRUPT'])
    expect(await store.keys().all()).toEqual([])
  })

  test('because of what somebody else wrote is opened, and nobody notices', async () => {
    const { store } = disk
    let opened = 0
    const write = store.batch.bind(store) as (...values: readonly unknown[]) => Promise<void>
    Object.defineProperty(store, 'batch', {
      configurable: true,
      value: (...values: readonly unknown[]) =>
        opened > 0 ? write(...values) : Promise.reject(new TornLogError({ cause: undefined })),
    })
    const reopen = (): Promise<void> => {
      opened++
      return Promise.resolve()
    }
    const records = create({ chain: 'commit/', reopen })
    await commit(records, 'a')
    await commit(records, 'b')
    expect(await records.count('commit/')).toBe(2)
    expect([opened, heard, failures]).toEqual([1, [], []])
  })
})
