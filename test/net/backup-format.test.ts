import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBackup, encodeBackup, NewerBackupError } from '../../net/backup/format.ts'
import { concat, utf8 } from '../../protocol/bytes.ts'
import { DecodeError } from '../../protocol/errors.ts'
import type { BackupPart } from '../../net/backup/format.ts'
import type { StoredRecord } from '../../net/records.ts'

const sha256 = () => createHash('sha256')
const head = { createdAt: 1_795_000_000_000, sealed: true, accountSeed: new Uint8Array(32).fill(9) }

async function* each<T>(values: Iterable<T>): AsyncGenerator<T> {
  yield* values
}

async function all<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const value of values) found.push(value)
  return found
}

async function encode(records: readonly StoredRecord[], damaged = 0): Promise<Uint8Array> {
  const digest = { sha256: sha256(), damaged: () => damaged }
  return concat(...(await all(encodeBackup('mailbox', head, each(records), digest))))
}

async function decode(...pieces: readonly Uint8Array[]): Promise<readonly BackupPart[]> {
  return await all(decodeBackup('mailbox', each(pieces), sha256()))
}

const record = (key: string, value: string): StoredRecord => ({ key, value: utf8(value) })
const TWO = [record('mailbox/a', 'one'), record('mailbox/b', '')]

test('what is written is read, however it is cut into pieces', async () => {
  const records = fc.array(
    fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 50 }), value: fc.uint8Array() }),
  )
  const cases = fc.asyncProperty(records, fc.integer({ min: 1, max: 300 }), async (given, size) => {
    const bytes = await encode(given, 3)
    const count = Math.ceil(bytes.length / size)
    const pieces = Array.from({ length: count }, (_, at) => bytes.slice(at * size, (at + 1) * size))
    expect(await decode(...pieces)).toEqual([
      { kind: 'head', head },
      ...given.map((one) => ({ kind: 'record', record: one })),
      { kind: 'end', end: { records: given.length, damaged: 3 } },
    ])
  })
  await fc.assert(cases, { numRuns: 50 })
})

test('every beginning, every flipped bit and anything behind it is refused', async () => {
  const bytes = await encode(TWO)
  for (let end = 0; end < bytes.length; end++) {
    await expect(decode(bytes.subarray(0, end))).rejects.toBeInstanceOf(DecodeError)
  }
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Uint8Array.from(bytes)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const refusal = await decode(changed).catch((cause: unknown) => cause)
    expect(refusal, `bit ${bit}`).toBeInstanceOf(Error)
    const isNewer = refusal instanceof NewerBackupError
    expect(isNewer || refusal instanceof DecodeError, `bit ${bit}`).toBe(true)
  }
  await expect(decode(bytes, Uint8Array.of(0))).rejects.toMatchObject({ code: 'ERR_TRAILING' })
})

test('a newer format is told apart, and a frame has an end', async () => {
  const newer = decode(utf8('sotto mailbox backup 2\n'))
  await expect(newer).rejects.toBeInstanceOf(NewerBackupError)
  const bytes = await encode([])
  const first = bytes.indexOf(0x0a) + 1
  const huge = Uint8Array.from(bytes)
  huge.set([0x7f, 255, 255, 255], first)
  await expect(decode(huge)).rejects.toMatchObject({ code: 'ERR_TOO_LARGE' })
})

test('records before the head, two heads and a wrong number of records are refused', async () => {
  const [none, two] = [await encode([]), await encode(TWO)]
  const first = none.indexOf(0x0a) + 1
  const headEnd = first + 4 + 1 + 8 + 1 + 32
  const [line, itsHead] = [two.subarray(0, first), two.subarray(first, headEnd)]
  const rest = two.subarray(headEnd)
  await expect(decode(line, rest)).rejects.toMatchObject({ code: 'ERR_MALFORMED' })
  await expect(decode(line, itsHead, itsHead, rest)).rejects.toMatchObject({
    code: 'ERR_MALFORMED',
  })
  const end = none.subarray(headEnd)
  await expect(decode(line, itsHead, rest.subarray(0, 20), end)).rejects.toBeInstanceOf(DecodeError)
})
