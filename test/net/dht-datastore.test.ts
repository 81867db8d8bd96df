import { Record } from '@libp2p/kad-dht'
import { Key } from 'interface-datastore'
import { toString } from 'uint8arrays/to-string'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RECORD_LIFETIME_MS, RecordPolicy } from '../../net/dht-policy.ts'
import type { ShelfLimits } from '../../net/dht-shelf.ts'
import { DhtDatastore } from '../../net/platform/dht-datastore.ts'
import type { Home } from '../../net/platform/home.ts'
import { memoryHome } from '../../net/platform/memory-home.ts'
import { bundleKey, type VerifiedBundle } from '../../protocol/bundle.ts'
import { testAccount, testBundle } from '../support/bundles.ts'
import { ManualClock } from '../support/manual-clock.ts'

const DAY = 24 * 60 * 60 * 1000

let home: Home
let clock: ManualClock
let datastore: DhtDatastore

beforeEach(async () => {
  home = await memoryHome()
  clock = new ManualClock()
  datastore = create()
})
afterEach(() => home.close())

test('a good record is stored and given back', async () => {
  const bundle = bundleOf('alice', 1)
  await datastore.put(...recordOf(bundle))
  expect(await datastore.local(bundleKey(bundle.account))).toEqual(bundle.bytes)
})

describe('refused is', () => {
  test('a record under the name of another', async () => {
    const [, value] = recordOf(bundleOf('alice', 1))
    const [name] = recordOf(bundleOf('bob', 1))
    await expect(datastore.put(name, value)).rejects.toMatchObject({ code: 'ERR_MALFORMED' })
  })

  test('a bundle under the key of another account', async () => {
    const bundle = bundleOf('alice', 1)
    const put = datastore.put(...recordOf(bundle, bundleKey(testAccount('bob').key)))
    await expect(put).rejects.toMatchObject({ code: 'ERR_WRONG_ACCOUNT' })
  })

  test('another namespace, a long key, a long value, and no bundle at all', async () => {
    const bundle = bundleOf('alice', 1)
    const key = bundleKey(bundle.account)
    const text = (name: string) => new TextEncoder().encode(name)
    for (const [wrong, value] of [
      [text('/pk/abc'), bundle.bytes],
      [text(`/sotto/${'x'.repeat(100)}`), bundle.bytes],
      [key, new Uint8Array(4097)],
      [key, Uint8Array.of(1, 2, 3)],
      [key, new Uint8Array(0)],
    ] as const) {
      await expect(datastore.put(...record(wrong, value))).rejects.toBeInstanceOf(Error)
    }
    expect(await keysIn()).toEqual([])
  })

  test('what the DHT wants to keep besides records', async () => {
    const put = datastore.put(new Key('/dht/provider/x/y'), Uint8Array.of(1))
    await expect(put).rejects.toBeInstanceOf(Error)
  })

  test('a damaged signature, an expired bundle and one from the future', async () => {
    const bundle = bundleOf('alice', 1)
    const damaged = bundle.bytes.slice()
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1
    const put = (value: Uint8Array) => datastore.put(...record(bundleKey(bundle.account), value))
    await expect(put(damaged)).rejects.toMatchObject({ code: 'ERR_BAD_SIGNATURE' })
    clock.jump(bundle.expiresAt)
    await expect(put(bundle.bytes)).rejects.toMatchObject({ code: 'ERR_EXPIRED' })
    clock.jump(bundle.issuedAt - DAY)
    await expect(put(bundle.bytes)).rejects.toMatchObject({ code: 'ERR_NOT_YET_VALID' })
  })

  test('an older bundle, and another one of the same number', async () => {
    const newer = bundleOf('alice', 2)
    await datastore.put(...recordOf(newer))
    const twin = testBundle(testAccount('alice'), clock.now(), {
      sequence: 2,
      expiresAt: newer.expiresAt + 1,
    })
    for (const other of [bundleOf('alice', 1), twin]) {
      await expect(datastore.put(...recordOf(other))).rejects.toMatchObject({
        code: 'ERR_OLD_SEQUENCE',
      })
    }
    await datastore.put(...recordOf(newer))
    await datastore.put(...recordOf(bundleOf('alice', 3)))
    expect(await keysIn()).toHaveLength(1)
  })

  test('the older of two that come at once', async () => {
    const puts = [3, 1, 2].map((sequence) =>
      datastore.put(...recordOf(bundleOf('alice', sequence))),
    )
    await Promise.allSettled(puts)
    const held = await datastore.local(bundleKey(testAccount('alice').key))
    expect(held).toEqual(bundleOf('alice', 3).bytes)
  })
})

test('an expired record gives way to a valid one of a lower number', async () => {
  await datastore.put(...recordOf(bundleOf('alice', 9)))
  clock.jump(clock.now() + 40 * DAY)
  const fresh = bundleOf('alice', 1)
  await datastore.put(...recordOf(fresh))
  expect(await datastore.local(bundleKey(fresh.account))).toEqual(fresh.bytes)
})

test('there are never more records than the limit', async () => {
  datastore = create({ maxRecords: 3 })
  let refused = 0
  for (let at = 0; at < 10; at++) {
    await datastore.put(...recordOf(bundleOf(`account ${at}`, 1))).catch(() => refused++)
  }
  expect(await keysIn()).toHaveLength(3)
  expect(refused).toBeGreaterThan(0)

  // The next run counts what this one has left.
  datastore = create({ maxRecords: 3 })
  for (let at = 10; at < 20; at++) {
    await datastore.put(...recordOf(bundleOf(`account ${at}`, 1))).catch(() => undefined)
  }
  expect(await keysIn()).toHaveLength(3)
})

test('a source has its share, however it is named', async () => {
  datastore = create({ maxPerSource: 1 })
  const bring = (name: string) => {
    const bundle = bundleOf(name, 1)
    const key = bundleKey(bundle.account)
    return datastore.bringing(key, '10.0.0', () => datastore.put(...recordOf(bundle)))
  }
  await bring('a')
  await expect(bring('b')).rejects.toMatchObject({ code: 'ERR_LIMIT' })
  await datastore.put(...recordOf(bundleOf('c', 1)))
  expect(await keysIn()).toHaveLength(2)
})

test('two sources that bring the same record at once are both counted', async () => {
  datastore = create({ maxPerSource: 1 })
  const bring = (name: string, source: string, sequence = 1) => {
    const bundle = bundleOf(name, sequence)
    const key = bundleKey(bundle.account)
    return datastore.bringing(key, source, () => datastore.put(...recordOf(bundle)))
  }
  await bring('full', '10.0.0')
  const refused = await Promise.allSettled([bring('a', '10.0.1'), bring('b', '10.0.0')])
  expect(refused.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  await Promise.allSettled([bring('c', '10.0.2'), bring('c', '10.0.0', 2)])
  // The second took the record over: the first may bring another one.
  await bring('d', '10.0.2')
  await expect(bring('e', '10.0.0')).rejects.toMatchObject({ code: 'ERR_LIMIT' })
})

test('after limits were lowered what is left fits them', async () => {
  for (let at = 0; at < 6; at++) await datastore.put(...recordOf(bundleOf(`account ${at}`, 1)))
  datastore = create({ maxRecords: 3 })
  await datastore.put(...recordOf(bundleOf('account 0', 2))).catch(() => undefined)
  expect(await keysIn()).toHaveLength(3)
})

test('a DHT of another prefix beside it is left alone, and a failed look at the store is repeated', async () => {
  const other = new Key('/dht-lan/record/x', false)
  await home.datastore.put(other, Uint8Array.of(255))
  const { query } = home.datastore
  home.datastore.query = () => {
    home.datastore.query = query
    throw new Error('not now')
  }
  const record = recordOf(bundleOf('alice', 1))
  await expect(datastore.put(...record)).rejects.toThrow('not now')
  await datastore.put(...record)
  expect(await home.datastore.has(other)).toBe(true)
})

test('what has lapsed is swept when something is stored', async () => {
  const old = bundleOf('alice', 1)
  await datastore.put(...recordOf(old))
  clock.jump(clock.now() + RECORD_LIFETIME_MS)
  expect(await datastore.local(bundleKey(old.account))).toBeUndefined()
  const fresh = bundleOf('bob', 1)
  await datastore.put(...recordOf(fresh))
  expect(await keysIn()).toHaveLength(1)
  expect(await datastore.local(bundleKey(fresh.account))).toEqual(fresh.bytes)
})

test('everything outside the DHT goes through', async () => {
  const name = new Key('/peers/x')
  await datastore.put(name, Uint8Array.of(1))
  expect(await datastore.has(name)).toBe(true)
  expect([...(await datastore.get(name))]).toEqual([1])
  await datastore.delete(name)
  expect(await datastore.has(name)).toBe(false)
})

test('writing many at once does not go past the policy', async () => {
  const good = recordOf(bundleOf('alice', 1))
  const bad = record(bundleKey(testAccount('bob').key), Uint8Array.of(1))
  const batch = datastore.batch()
  batch.put(...good)
  batch.put(...bad)
  await expect(batch.commit()).rejects.toBeInstanceOf(Error)
  const many = datastore.putMany([{ key: bad[0], value: bad[1] }])
  await expect(many.next()).rejects.toBeInstanceOf(Error)
  expect(await keysIn()).toHaveLength(1)
})

function create(limits?: ShelfLimits): DhtDatastore {
  const policy = new RecordPolicy(clock)
  const inner = home.datastore
  return new DhtDatastore({ inner, prefix: '/dht', self: home.account.key, policy, clock, limits })
}

function bundleOf(name: string, sequence: number): VerifiedBundle {
  return testBundle(testAccount(name), clock.now(), { sequence })
}

function recordOf(
  bundle: VerifiedBundle,
  key: Uint8Array = bundleKey(bundle.account),
): [Key, Uint8Array] {
  return record(key, bundle.bytes)
}

/** As the DHT writes it. */
function record(key: Uint8Array, value: Uint8Array): [Key, Uint8Array] {
  const name = new Key(`/dht/record/${toString(key, 'base32')}`, false)
  return [name, new Record(key, value, new Date(clock.now())).serialize().subarray()]
}

async function keysIn(): Promise<string[]> {
  const names: string[] = []
  for await (const key of home.datastore.queryKeys({ prefix: '/dht' })) names.push(key.toString())
  return names
}
