/** What is inside the seal of a backup, and what a restored mailbox keeps of it. */
import { createHash } from 'node:crypto'
import { decodeBackup, encodeBackup, NewerBackupError } from '../../../net/backup/format.ts'
import { decodeRestored, encodeRestored } from '../../../mailbox/restored.ts'
import { concat, utf8 } from '../../../protocol/bytes.ts'
import { DecodeError } from '../../../protocol/errors.ts'
import { parser } from '../parser.ts'
import type { Parser } from '../parser.ts'
import type { StoredRecord } from '../../../net/records.ts'

const NOW = 1_800_000_000_000

export async function backupParsers(): Promise<readonly Parser[]> {
  const record = (key: string): StoredRecord => ({ key, value: utf8(`value of ${key}`) })
  const examples = [await written([]), await written(['a', 'b', 'c'].map(record))]
  return [
    parser({
      ...{ name: 'backup', covers: [], shape: 'bytes', examples, accepted: 'authentic' },
      errors: [DecodeError, NewerBackupError],
      read: async (input) => {
        for await (const _ of decodeBackup('mailbox', one(input), createHash('sha256')));
      },
    }),
    parser({
      ...{ name: 'mailbox record: restored', covers: ['mailbox decodeRestored'], shape: 'bytes' },
      ...{ examples: [encodeRestored(NOW)], errors: [DecodeError], accepted: 'exact' },
      ...{ read: decodeRestored, write: encodeRestored },
    }),
  ]
}

async function written(records: readonly StoredRecord[]): Promise<Uint8Array> {
  const head = { createdAt: NOW, sealed: false, accountSeed: new Uint8Array(32).fill(1) }
  const digest = { sha256: createHash('sha256'), damaged: () => 0 }
  let bytes: Uint8Array = new Uint8Array(0)
  for await (const piece of encodeBackup('mailbox', head, one(...records), digest)) {
    bytes = concat(bytes, piece)
  }
  return bytes
}

async function* one<T>(...values: readonly T[]): AsyncGenerator<T> {
  yield* values
}
