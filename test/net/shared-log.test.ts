import { Key } from 'interface-datastore'
import { MemoryLevel } from 'memory-level'
import { beforeEach, describe, expect, test } from 'vitest'
import { SharedLog } from '../../net/platform/shared-log.ts'
import { storesOf } from '../../net/platform/level-store.ts'

const FULL = new Error('No space left on device')

describe('a log that two write to', () => {
  test('is never written by both at once', async () => {
    const log = new SharedLog()
    const now = { libp2p: 0, records: 0 }
    const seen: string[] = []
    const write = (who: keyof typeof now) => async (): Promise<void> => {
      now[who]++
      await new Promise((resolve) => setImmediate(resolve))
      seen.push(`${now.libp2p > 0 ? 'libp2p' : ''}${now.records > 0 ? 'records' : ''}`)
      now[who]--
    }
    await Promise.all(
      Array.from({ length: 40 }, (_, at) =>
        at % 3 === 0 ? log.write(write('records')) : log.share(write('libp2p')),
      ),
    )
    expect(new Set(seen)).toEqual(new Set(['libp2p', 'records']))
  })

  test('is written by nobody after a failure of either, until it was opened again', async () => {
    const fail = (): Promise<never> => Promise.reject(FULL)
    for (const failing of ['share', 'write'] as const) {
      const log = new SharedLog()
      await expect(log[failing](fail)).rejects.toBe(FULL)
      for (const write of ['share', 'write'] as const) {
        const writing = log[write](() => Promise.resolve())
        await expect(writing).rejects.toMatchObject({ name: 'TornLogError', cause: FULL })
      }
      await expect(log.mend(fail)).rejects.toBe(FULL)
      await expect(log.write(() => Promise.resolve())).rejects.toThrow('has failed')
      await log.mend(() => Promise.resolve())
      await log.write(() => Promise.resolve())
      await log.share(() => Promise.resolve())
    }
  })

  test('that libp2p is writing to when the records come is waited for', async () => {
    const log = new SharedLog()
    const { promise, reject } = Promise.withResolvers<void>()
    const sharing = log.share(() => promise)
    const writing = log.write(() => Promise.resolve('written'))
    reject(FULL)
    await expect(sharing).rejects.toBe(FULL)
    await expect(writing).rejects.toMatchObject({ name: 'TornLogError' })
  })
})

describe('the corner of libp2p on a disk that fails', () => {
  const PEER = new Key('/peers/one')
  const RECORD = new Key('/dht/one')
  let level: MemoryLevel<string, Uint8Array>

  beforeEach(async () => {
    level = new MemoryLevel({ keyEncoding: 'utf8', valueEncoding: 'view', storeEncoding: 'view' })
    await level.open()
  })

  test('gives up what it knows of peers, and nothing else', async () => {
    const { datastore } = storesOf(level)
    await datastore.put(PEER, Uint8Array.of(1))
    await datastore.put(RECORD, Uint8Array.of(2))
    await level.close()
    await datastore.put(PEER, Uint8Array.of(3))
    await datastore.delete(PEER)
    await expect(datastore.get(PEER)).rejects.toMatchObject({ name: 'NotFoundError' })
    await expect(datastore.put(RECORD, Uint8Array.of(3))).rejects.toThrow()
    await expect(datastore.get(RECORD)).rejects.toMatchObject({ name: 'GetFailedError' })
    const batch = datastore.batch()
    batch.put(PEER, Uint8Array.of(4))
    await batch.commit()
    batch.delete(RECORD)
    await expect(batch.commit()).rejects.toThrow()
  })

  test('and the records go on when it was opened again', async () => {
    const { datastore, records, reopen } = storesOf(level)
    await level.close()
    await expect(datastore.put(RECORD, Uint8Array.of(3))).rejects.toThrow()
    const write = (): Promise<void> =>
      records.batch([{ type: 'put', key: 'a', value: Uint8Array.of(1) }])
    await expect(write()).rejects.toMatchObject({ name: 'TornLogError' })
    await reopen()
    await write()
    await datastore.put(RECORD, Uint8Array.of(5))
    expect(await datastore.get(RECORD)).toEqual(Uint8Array.of(5))
  })
})
