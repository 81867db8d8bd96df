/**
 * Which tables of a LevelDB are not as they were written. LevelDB has a checksum over each of their blocks and looks at it only where
 * it is asked to, which nobody can from here: a record whose name has changed would be gone, and nothing would tell. Layout: LevelDB
 * doc/table_format.md, doc/log_format.md, and VersionEdit in db/version_edit.cc.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { concat, equalBytes, toHex, utf8 } from '../../protocol/bytes.ts'
import { crc32c } from './crc32c.ts'
import { writeDurably } from './durable-file.ts'
import { HomeError, systemCode } from './home-error.ts'

/** `BlockHandle metaindex ‖ BlockHandle index ‖ padding ‖ u64 magic`, little-endian. */
const FOOTER_BYTES = 48
const MAGIC = 0xdb4775248b80fb57n

/** Behind each block: `u8 compression ‖ u32 checksum`. */
const TRAILER_BYTES = 5

const UNCOMPRESSED = 0

/** Behind each key. */
const KEY_TAIL_BYTES = 8

/** The first key of a table and the last, as the manifest names them. */
interface KeyRange {
  readonly smallest: Uint8Array
  readonly largest: Uint8Array
}

/** Bytes that are read at a start, newest tables first: two or three seconds. */
const MOST_BYTES = 1024 * 1024 * 1024

/** Beside the tables: the numbers of those that were found damaged and are dealt with, a line each. */
const KNOWN = 'damaged'

/**
 * Numbers of tables in use that are not what they were, but for those that are known. A table is never changed, only replaced by others
 * with other numbers. To be asked before LevelDB opens the folder: it might copy what is in them. Throws `HomeError` ERR_CORRUPT for one that
 * LevelDB could not read, and as the disk fails.
 */
export async function damagedTables(folder: string): Promise<readonly number[]> {
  const known = await knownTables(folder)
  const damaged: number[] = []
  let left = MOST_BYTES
  for (const [number, range] of await tablesInUse(folder)) {
    if (known.includes(number) || left <= 0) continue
    const table = await readTable(folder, number)
    if (table === undefined) continue // LevelDB says itself that it is not there
    const condition = conditionOf(table, range)
    if (condition === 'unreadable') throw new HomeError('ERR_CORRUPT')
    if (condition === 'damaged') damaged.push(number)
    left -= table.length
  }
  return damaged
}

/** They are dealt with: from now on they are known. */
export async function noteTables(folder: string, damaged: readonly number[]): Promise<void> {
  const all = [...(await knownTables(folder)), ...damaged]
  await writeDurably(join(folder, KNOWN), utf8(`${all.join('\n')}\n`))
}

async function knownTables(folder: string): Promise<readonly number[]> {
  const known = new TextDecoder().decode(await readIfThere(join(folder, KNOWN)))
  return known.split('\n').flatMap((line) => (/^\d+$/.test(line) ? [Number(line)] : []))
}

async function readTable(folder: string, number: number): Promise<Uint8Array | undefined> {
  const name = String(number).padStart(6, '0')
  for (const ending of ['ldb', 'sst']) {
    const table = await readIfThere(join(folder, `${name}.${ending}`))
    if (table !== undefined) return table
  }
  return undefined
}

type Condition = 'whole' | 'damaged' | 'unreadable'

function conditionOf(table: Uint8Array, range: KeyRange): Condition {
  try {
    const blocks = blocksOf(table)
    if (blocks.every(({ isWhole }) => isWhole)) return 'whole'
    checkKeys(
      blocks.flatMap(({ bytes }) => keysOf(bytes)),
      range,
    )
    return 'damaged'
  } catch (cause) {
    if (cause instanceof RangeError) return 'unreadable'
    throw cause
  }
}

interface Block {
  readonly bytes: Uint8Array
  readonly isWhole: boolean
}

/** What holds the records. Throws RangeError where what stands around that is not what it was. */
function blocksOf(table: Uint8Array): readonly Block[] {
  if (table.length < FOOTER_BYTES) throw new RangeError('too short')
  const footer = new Fields(table.subarray(-FOOTER_BYTES))
  const [metaindex, index] = [blockAt(table, footer.handle()), blockAt(table, footer.handle())]
  const view = new DataView(table.buffer, table.byteOffset + table.length - 8, 8)
  const isTable = view.getBigUint64(0, true) === MAGIC
  if (!isTable || !metaindex.isWhole || !index.isWhole) throw new RangeError('no table')
  // A filter that is not what it was says that records are not there.
  const filters = handlesIn(metaindex.bytes).map((handle) => blockAt(table, handle))
  if (!filters.every(({ isWhole }) => isWhole)) throw new RangeError('no filter')
  return handlesIn(index.bytes).map((handle) => blockAt(table, handle))
}

interface BlockHandle {
  readonly offset: number
  readonly size: number
}

function blockAt(table: Uint8Array, { offset, size }: BlockHandle): Block {
  const end = offset + size
  if (end + TRAILER_BYTES > table.length) throw new RangeError('no block')
  const view = new DataView(table.buffer, table.byteOffset + end, TRAILER_BYTES)
  if (view.getUint8(0) !== UNCOMPRESSED) throw new RangeError('a compressed block')
  const isWhole = crc32c(table.subarray(offset, end + 1)) === unmask(view.getUint32(1, true))
  return { bytes: table.subarray(offset, end), isWhole }
}

/**
 * Keys of a block that may be damaged, with what LevelDB adds to them. Throws RangeError where it could not be read: LevelDB takes
 * lengths for what they are, and ends the process.
 */
function keysOf(block: Uint8Array): readonly Uint8Array[] {
  if (block.length < 4) throw new RangeError('no block')
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  const restarts = view.getUint32(block.length - 4, true)
  const end = block.length - 4 - 4 * restarts
  if (restarts < 1 || end < 0) throw new RangeError('no restarts')
  const fields = new Fields(block.subarray(0, end))
  const keys: Uint8Array[] = []
  const starts = new Set<number>()
  while (!fields.ended) {
    const { at } = fields
    const [shared, unshared, size] = [fields.varint(), fields.varint(), fields.varint()]
    const before = keys.at(-1) ?? new Uint8Array()
    if (shared > before.length || shared + unshared < KEY_TAIL_BYTES) throw new RangeError('no key')
    if (shared === 0) starts.add(at)
    keys.push(concat(before.subarray(0, shared), fields.take(unshared)))
    fields.take(size)
  }
  for (let at = end; at < block.length - 4; at += 4) {
    if (!starts.has(view.getUint32(at, true))) throw new RangeError('no restart')
  }
  return keys
}

/** Throws RangeError unless they ascend, from the first to the last that the manifest names. */
function checkKeys(keys: readonly Uint8Array[], { smallest, largest }: KeyRange): void {
  const [first, last] = [keys[0], keys.at(-1)]
  if (first === undefined || last === undefined) throw new RangeError('no keys')
  if (!equalBytes(first, smallest) || !equalBytes(last, largest)) throw new RangeError('others')
  for (const [at, key] of keys.entries()) {
    const before = keys[at - 1]
    if ((key.at(-KEY_TAIL_BYTES) ?? 0) > 1) throw new RangeError('no kind of record')
    if (before !== undefined && !ascends(before, key)) throw new RangeError('out of order')
  }
}

/** By their bytes, and with the same bytes the newer one first. */
function ascends(before: Uint8Array, key: Uint8Array): boolean {
  const names = [before, key].map((one) => toHex(one.subarray(0, -KEY_TAIL_BYTES)))
  const [a = '', b = ''] = names
  return a === b ? tailOf(before) > tailOf(key) : a < b
}

/** `u8 kind ‖ u56 sequence`, little-endian. */
function tailOf(key: Uint8Array): bigint {
  const at = key.length - KEY_TAIL_BYTES
  return new DataView(key.buffer, key.byteOffset + at, KEY_TAIL_BYTES).getBigUint64(0, true)
}

/** Values of an index block that is whole: `varint shared ‖ varint unshared ‖ varint size ‖ key ‖ value`, restarts, `u32 restarts`. */
function handlesIn(block: Uint8Array): readonly BlockHandle[] {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
  const restarts = view.getUint32(block.length - 4, true)
  const fields = new Fields(block.subarray(0, block.length - 4 - 4 * restarts))
  const handles: BlockHandle[] = []
  while (!fields.ended) {
    fields.varint()
    const unshared = fields.varint()
    const size = fields.varint()
    fields.take(unshared)
    handles.push(new Fields(fields.take(size)).handle())
  }
  return handles
}

function unmask(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0
  return ((rotated >>> 17) | (rotated << 15)) >>> 0
}

/** Numbers of the tables that the manifest names, newest first; none where it cannot be read, which LevelDB refuses itself. */
async function tablesInUse(folder: string): Promise<readonly (readonly [number, KeyRange])[]> {
  const current = await readIfThere(join(folder, 'CURRENT'))
  const name = new TextDecoder().decode(current ?? new Uint8Array()).trim()
  if (!/^MANIFEST-\d+$/.test(name)) return []
  const manifest = await readIfThere(join(folder, name))
  if (manifest === undefined) return []
  const tables = new Map<number, KeyRange>()
  try {
    for (const record of logRecords(manifest)) applyEdit(record, tables)
  } catch (cause) {
    if (cause instanceof RangeError) return []
    throw cause
  }
  return [...tables].toSorted(([a], [b]) => b - a)
}

const EDIT = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLog: 9,
} as const

/** Adds the tables of one edit and takes away those that it deletes. Throws RangeError for one that is none. */
function applyEdit(record: Uint8Array, tables: Map<number, KeyRange>): void {
  const fields = new Fields(record)
  while (!fields.ended) {
    const tag = fields.varint()
    if (tag === EDIT.comparator) fields.bytes()
    else if (tag === EDIT.compactPointer) {
      fields.varint()
      fields.bytes()
    } else if (tag === EDIT.deletedFile) {
      fields.varint()
      tables.delete(fields.varint())
    } else if (tag === EDIT.newFile) {
      fields.varint()
      const number = fields.varint()
      fields.varint()
      tables.set(number, { smallest: fields.bytes(), largest: fields.bytes() })
    } else if (tag <= EDIT.previousLog) fields.varint()
    else throw new RangeError('an unknown edit')
  }
}

const LOG_BLOCK_BYTES = 32_768
const LOG_HEADER_BYTES = 7
const FULL = 1
const LAST = 4

/** Records of a log: `u32 checksum ‖ u16 length ‖ u8 type` before each part of one, none across the end of a block. */
function* logRecords(log: Uint8Array): Generator<Uint8Array, void, undefined> {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength)
  let parts: Uint8Array[] = []
  for (let at = 0; at + LOG_HEADER_BYTES <= log.length;) {
    const left = LOG_BLOCK_BYTES - (at % LOG_BLOCK_BYTES)
    const type = left < LOG_HEADER_BYTES ? 0 : view.getUint8(at + 6)
    if (type === 0) {
      at += left
      continue
    }
    const start = at + LOG_HEADER_BYTES
    at = start + view.getUint16(at + 4, true)
    if (at > log.length) return // whoever wrote it died then: LevelDB leaves it out as well
    parts.push(log.subarray(start, at))
    if (type !== FULL && type !== LAST) continue
    yield joined(parts)
    parts = []
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only, ...others] = parts
  if (only !== undefined && others.length === 0) return only
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Reads one after another. Throws RangeError behind the end. */
class Fields {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get at(): number {
    return this.#at
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length
  }

  varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined || factor > 2 ** 49) throw new RangeError('no number')
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }

  take(count: number): Uint8Array {
    const start = this.#at
    this.#at += count
    if (this.#at > this.#bytes.length) throw new RangeError('too short')
    return this.#bytes.subarray(start, this.#at)
  }

  bytes(): Uint8Array {
    return this.take(this.varint())
  }

  handle(): BlockHandle {
    return { offset: this.varint(), size: this.varint() }
  }
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path)
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined
    throw cause
  }
}
