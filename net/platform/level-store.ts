/** One LevelDB for everything: the records of the core, and a corner for libp2p. One lock, one log. */
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { iteratorOptions } from '../record-range.ts'
import { sizeOf } from '../operation.ts'
import { storeError } from '../store-error.ts'
import { writeSynced } from './durable-file.ts'
import { HomeError, homeError, systemCode } from './home-error.ts'
import { damagedTables, noteTables } from './level-tables.ts'
import { NetworkDatastore } from './network-datastore.ts'
import { SharedLog } from './shared-log.ts'
import type { AbstractBatchOptions, AbstractLevel } from 'abstract-level'
import type { Datastore } from 'interface-datastore'
import type { Write } from '../operation.ts'
import type { Store } from '../ports.ts'

export interface OpenStores {
  readonly records: Store
  readonly datastore: Datastore
  /**
   * Whether parts of the log could not be read when it was opened, or a table is not what it was: what stood in them is lost, and nothing
   * else tells of it.
   */
  readonly isCut: boolean
  /** What was found is dealt with, and not told of again. */
  readonly settled: () => Promise<void>
  /** Closes and opens again, as after a failed write. Throws `StoreError`. */
  readonly reopen: () => Promise<void>
  /** Takes away what was deleted or replaced among the records whose names begin so. */
  readonly compact: (prefix: string) => Promise<void>
  readonly close: () => Promise<void>
}

type Database = AbstractLevel<string | Uint8Array | Buffer, string, Uint8Array>
type BatchOptions = AbstractBatchOptions<string, Uint8Array>

const ENCODINGS = { keyEncoding: 'utf8', valueEncoding: 'view' } as const

/** What LevelDB gathers in memory before it sorts it into a table; twice that while it does. Its own default. */
const WRITE_BUFFER_BYTES = 4 * 1024 * 1024

/** Opens a database in this folder. Throws `HomeError`: ERR_LOCKED, ERR_CORRUPT, and as the disk fails. */
export async function openLevel(
  path: string,
  writeBufferSize = WRITE_BUFFER_BYTES,
): Promise<OpenStores> {
  const damaged = await beforeOpening(path)
  // Values are sealed: compressing them would cost time and save nothing. From here on it opens by itself.
  const options = { ...ENCODINGS, compression: false, writeBufferSize }
  const level = new Level<string, Uint8Array>(path, options)
  try {
    await level.open()
  } catch (cause) {
    const inner = cause instanceof Error ? cause.cause : undefined
    if (systemCode(inner) === 'LEVEL_LOCKED') throw new HomeError('ERR_LOCKED', { cause })
    throw homeError(inner ?? cause)
  }
  return {
    ...storesOf(level, () => probe(path, 2 * writeBufferSize)),
    isCut: damaged.length > 0 || (await hasDropped(path)),
    settled: async () => {
      if (damaged.length > 0) await noteTables(path, damaged)
    },
  }
}

/** What must be so before LevelDB touches the folder. Tables that are damaged. Throws `HomeError`. */
async function beforeOpening(path: string): Promise<readonly number[]> {
  try {
    await needDescriptors()
    return await damagedTables(path)
  } catch (cause) {
    throw homeError(cause)
  }
}

/** LevelDB goes on behind a damaged block of its log, or without a log that it cannot open, and says so in a file alone. */
async function hasDropped(path: string): Promise<boolean> {
  const said = await readFile(join(path, 'LOG'), 'utf8').catch(() => '')
  return /\bdropping \d+ bytes\b|\bIgnoring error\b/.test(said)
}

/** More than LevelDB opens at a time while it opens, and than others may take meanwhile. */
const DESCRIPTORS = 48

/**
 * Throws EMFILE or ENFILE where there are not enough left: LevelDB passes over a log that it cannot open for want of one, and takes it
 * away with all that is in it.
 */
async function needDescriptors(): Promise<void> {
  if (process.platform === 'win32') return // folders cannot be opened there, and there is no such limit
  const opening = Array.from({ length: DESCRIPTORS }, () => open('/', 'r'))
  const opened = await Promise.allSettled(opening)
  for (const one of opened) if (one.status === 'fulfilled') await one.value.close()
  for (const one of opened) if (one.status === 'rejected') throw one.reason
}

/**
 * Throws as the disk fails when there is no room for more than LevelDB writes when it opens: its log as a table, and a new manifest. The
 * database stays open then, and what is in it can be read.
 */
async function probe(path: string, bytes: number): Promise<void> {
  const file = join(path, 'probe')
  await rm(file, { force: true }) // left by a crash
  try {
    await writeSynced(file, new Uint8Array(bytes))
  } finally {
    await rm(file, { force: true })
  }
  await needDescriptors()
}

/** LevelDB can, a database in memory has nothing to take away. */
function canCompact(
  level: object,
): level is { compactRange(start: string, end: string): Promise<void> } {
  return 'compactRange' in level
}

/** What is handed over one by one has a copy that is let go with the garbage, of which V8 does not know how large it is. */
const ONE_BY_ONE_BYTES = 256 * 1024

/**
 * Hands the writes of a small batch over one by one: an array costs twice the time, being taken apart by the names of its fields.
 */
function batchWriter(
  level: Database,
  nameOf: (key: string) => string,
): (writes: readonly Write[], options: BatchOptions) => Promise<void> {
  return async (writes, options) => {
    if (sizeOf(writes) > ONE_BY_ONE_BYTES) {
      return await level.batch(
        writes.map((write) => ({ ...write, key: nameOf(write.key) })),
        options,
      )
    }
    const batch = level.batch()
    for (const write of writes) {
      if (write.type === 'put') batch.put(nameOf(write.key), write.value)
      else batch.del(nameOf(write.key))
    }
    await batch.write(options)
  }
}

/** Both corners of an open database. `check` throws when closing it would be a mistake, as it could not be opened again. */
export function storesOf(
  level: Database,
  check: () => Promise<void> = () => Promise.resolve(),
): Omit<OpenStores, 'isCut' | 'settled'> {
  const records = level.sublevel<string, Uint8Array>('records', ENCODINGS)
  const network = level.sublevel<string, Uint8Array>('libp2p', ENCODINGS)
  const log = new SharedLog()
  // It is typed for a whole database and uses what a sublevel has as well.
  const datastore = new NetworkDatastore(network as unknown as Level<string, Uint8Array>, log)
  const write = batchWriter(level, (key) => records.prefixKey(key, 'utf8'))
  Object.defineProperty(records, 'batch', {
    configurable: true,
    value: (writes: readonly Write[], options: BatchOptions = {}) =>
      log.write(() => write(writes, options)),
  })
  return {
    records,
    datastore,
    reopen: async () => {
      try {
        await log.mend(async () => {
          await check()
          await level.close()
          await level.open()
          await Promise.all([records.open(), network.open()])
        })
      } catch (cause) {
        throw storeError(cause instanceof Error ? (cause.cause ?? cause) : cause)
      }
    },
    compact: async (prefix) => {
      if (!canCompact(level)) return
      const { gte, lt = gte } = iteratorOptions(prefix, {})
      await level.compactRange(records.prefixKey(gte, 'utf8'), records.prefixKey(lt, 'utf8'))
    },
    close: () => level.close(),
  }
}
