/**
 * What is inside the seal of a backup (docs/mailbox.md, "Backups"; docs/architecture.md, "Backups"). WHAT is `node` or `mailbox`:
 *
 *   "sotto WHAT backup 1\n", then frames: u32 length of what follows ‖ u8 kind ‖
 *     1 head    u64 created at ‖ u8 flags ‖ account seed[32]      first, once; flags: 1 the folder was sealed by a passphrase
 *     2 record  u16 length of the name ‖ name ‖ value             in the order of the names
 *     3 end     u64 records ‖ u64 damaged ‖ SHA-256 of all bytes before it
 *
 * Read and written piece by piece: a backup is as large as the store.
 */
import { concat, equalBytes, fromUtf8, u16, u32, u64, u8, utf8 } from '../../protocol/bytes.ts'
import { DecodeError } from '../../protocol/errors.ts'
import { reader } from '../../protocol/reader.ts'
import { gathered, Pieces } from './pieces.ts'
import type { Reader } from '../../protocol/reader.ts'
import type { StoredRecord } from '../records.ts'

const VERSION = 1
const LINE_FEED = 0x0a
const FIRST_LINE_PATTERN = /^sotto (node|mailbox) backup (\d{1,9})\n/
const MAX_FIRST_LINE_BYTES = 32

const HEAD = 1
const RECORD = 2
const END = 3

const SEALED = 1
const SEED_BYTES = 32
const DIGEST_BYTES = 32

/** The largest record is a list of tokens, an envelope or a message, far below it. */
const MAX_FRAME_BYTES = 1024 * 1024

/** What a backup is of. */
export type BackupWord = 'node' | 'mailbox'

export interface BackupHead {
  /** Unix ms. */
  readonly createdAt: number
  /** Whether the folder was sealed by a passphrase. */
  readonly sealed: boolean
  /** 32 secret bytes: whoever made the object overwrites them. */
  readonly accountSeed: Uint8Array
}

export interface BackupEnd {
  readonly records: number
  /** Records that were damaged and are not here. */
  readonly damaged: number
}

/** SHA-256, fed with pieces. */
export interface Digest {
  update(bytes: Uint8Array): unknown
  /** 32 bytes; once. */
  digest(): Uint8Array
}

/** What is read from a backup, in its order. */
export type BackupPart =
  | { readonly kind: 'head'; readonly head: BackupHead }
  | { readonly kind: 'record'; readonly record: StoredRecord }
  | { readonly kind: 'end'; readonly end: BackupEnd }

/** A newer version of the program wrote it. */
export class NewerBackupError extends Error {
  static override readonly name = 'NewerBackupError'
  override readonly name = 'NewerBackupError'
}

/** The bytes of a backup. `damaged` is asked when all records were given. */
export async function* encodeBackup(
  word: BackupWord,
  head: BackupHead,
  records: AsyncIterable<StoredRecord>,
  { sha256, damaged }: { readonly sha256: Digest; readonly damaged: () => number },
): AsyncGenerator<Uint8Array, void, undefined> {
  let count = 0
  const parts = async function* (): AsyncGenerator<Uint8Array> {
    yield utf8(`sotto ${word} backup ${VERSION}\n`)
    yield frame(HEAD, u64(head.createdAt), u8(head.sealed ? SEALED : 0), head.accountSeed)
    for await (const { key, value } of records) {
      const name = utf8(key)
      yield frame(RECORD, u16(name.length), name, value)
      count++
    }
  }
  for await (const piece of gathered(parts())) {
    sha256.update(piece)
    yield piece
  }
  const end = concat(u32(1 + 8 + 8 + DIGEST_BYTES), u8(END), u64(count), u64(damaged()))
  sha256.update(end)
  yield concat(end, sha256.digest())
}

/**
 * Reads a backup. Its last part is the end, which is given only if everything before it is there and as it was written. Throws
 * `DecodeError`, `NewerBackupError`, and what `pieces` throws.
 */
export async function* decodeBackup(
  word: BackupWord,
  pieces: AsyncIterable<Uint8Array>,
  sha256: Digest,
): AsyncGenerator<BackupPart, void, undefined> {
  const bytes = new Pieces(pieces)
  try {
    sha256.update(await firstLine(word, bytes))
    const first = await nextFrame(bytes)
    sha256.update(first)
    yield { kind: 'head', head: readHead(first) }
    for (let records = 0; ; records++) {
      const next = await nextFrame(bytes)
      if (next[KIND_AT] === END) {
        const end = readEnd(next, sha256)
        if (end.records !== records) throw new DecodeError('ERR_MALFORMED')
        if (await bytes.some()) throw new DecodeError('ERR_TRAILING')
        return yield { kind: 'end', end }
      }
      sha256.update(next)
      yield { kind: 'record', record: readRecord(next) }
    }
  } finally {
    await bytes.close()
  }
}

/** Where the kind stands in a frame. */
const KIND_AT = 4

function frame(kind: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(u8(kind), ...parts)
  return concat(u32(body.length), body)
}

/** A whole frame, with its length. */
async function nextFrame(bytes: Pieces): Promise<Uint8Array> {
  const length = await bytes.take(KIND_AT)
  const size = reader(length).u32()
  if (size === 0) throw new DecodeError('ERR_MALFORMED')
  if (size > MAX_FRAME_BYTES) throw new DecodeError('ERR_TOO_LARGE')
  return concat(length, await bytes.take(size))
}

function readHead(whole: Uint8Array): BackupHead {
  const from = body(whole, HEAD)
  const createdAt = from.u64()
  const flags = from.u8()
  if (flags > SEALED) throw new DecodeError('ERR_MALFORMED')
  const accountSeed = from.take(SEED_BYTES).slice()
  from.end()
  return { createdAt, sealed: flags === SEALED, accountSeed }
}

function readRecord(whole: Uint8Array): StoredRecord {
  const from = body(whole, RECORD)
  const key = fromUtf8(from.take(from.u16()))
  return { key, value: from.rest() }
}

function readEnd(whole: Uint8Array, sha256: Digest): BackupEnd {
  const from = body(whole, END)
  const end = { records: from.u64(), damaged: from.u64() }
  sha256.update(whole.subarray(0, whole.length - from.left))
  const digest = from.take(DIGEST_BYTES)
  from.end()
  if (!equalBytes(digest, sha256.digest())) throw new DecodeError('ERR_MALFORMED')
  return end
}

function body(whole: Uint8Array, kind: number): Reader {
  const from = reader(whole.subarray(KIND_AT))
  if (from.u8() !== kind) throw new DecodeError('ERR_MALFORMED')
  return from
}

async function firstLine(word: BackupWord, bytes: Pieces): Promise<Uint8Array> {
  let line: Uint8Array = new Uint8Array(0)
  while (line.length < MAX_FIRST_LINE_BYTES && line.at(-1) !== LINE_FEED) {
    line = concat(line, await bytes.take(1))
  }
  const [, itsWord, version] = FIRST_LINE_PATTERN.exec(new TextDecoder().decode(line)) ?? []
  if (version === undefined || itsWord !== word) throw new DecodeError('ERR_MALFORMED')
  if (Number(version) > VERSION) throw new NewerBackupError(version)
  if (Number(version) < VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
  return line
}
