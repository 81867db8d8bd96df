// Ending a membership with all that is stored under its number.

import { keys } from './keys.ts'
import type { Records } from '../../net/records.ts'
import type { SoundRecords } from './sound-records.ts'

/** Records deleted together. */
const RUN = 256

/** What is left after a crash goes when its time comes: each has an entry among the expiries. */
export async function wipeBox(
  records: Records,
  sound: SoundRecords,
  member: number,
): Promise<void> {
  for (const prefix of [keys.items, keys.receipts, keys.pairs, keys.allTaken]) {
    await wipe(records, sound, prefix(member))
  }
}

async function wipe(records: Records, sound: SoundRecords, prefix: string): Promise<void> {
  for (;;) {
    const names: string[] = []
    const passed = (key: string): void => void names.push(key)
    const found = sound.range(prefix, () => true, { limit: RUN, passed })
    for await (const { key } of found) names.push(key)
    if (names.length === 0) return
    await records.commit(names.map((key) => ({ type: 'del', key })))
  }
}
