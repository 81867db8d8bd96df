// A program of its own: libp2p fills the log that it shares with the records until the system refuses, and then the records write, and
// have room. Says how many were written. Started by test/net/full-disk.test.ts with a limit on the size of files; argv: folder.
import { Key } from 'interface-datastore'
import { systemClock } from '../../net/platform/clock.ts'
import { openHome } from '../../net/platform/home.ts'
import { platformRandom } from '../../net/platform/random.ts'
import { Records } from '../../net/records.ts'

const [, , dir = ''] = process.argv
const RECORDS = 40

const home = await openHome(dir, { create: {} })
const { store, dataKey, reopen, datastore } = home
const parts = { store, dataKey, reopen, clock: systemClock, random: platformRandom }
const records = new Records({ ...parts, chain: 'commit/' })
await records.durable()

let refused: Error | undefined
for (let at = 0; refused === undefined; at++) {
  try {
    await datastore.put(new Key(`/dht/${at}`), new Uint8Array(5_000))
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause
    refused = cause
  }
}
process.once('message', () => void write())
process.send?.(refused.message)

async function write(): Promise<void> {
  const value = new Uint8Array(1_000)
  for (let at = 0; at < RECORDS; at++) {
    await records.commit([{ type: 'put', key: `value/${String(at).padStart(6, '0')}`, value }])
  }
  process.send?.(RECORDS)
  process.once('message', () => process.kill(process.pid, 'SIGKILL'))
}
