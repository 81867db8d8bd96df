// The secret in the mailbox's link, for whoever prints the link. The service itself keeps only its hash.

import { keys } from './keys.ts'
import { SoundRecords } from './sound-records.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Records } from '../net/records.ts'

const SECRET_BYTES = 16

/** The join secret of this mailbox, made at the first call (or anew, if it was damaged) and durable when it resolves. */
export async function keptJoinSecret(records: Records, random: RandomBytes): Promise<Uint8Array> {
  const kept = await new SoundRecords(records).get(keys.joinSecret, (value) => value)
  if (kept instanceof Uint8Array && kept.length === SECRET_BYTES) return kept
  const value = random(SECRET_BYTES)
  await records.commit([{ type: 'put', key: keys.joinSecret, value }])
  return value
}
