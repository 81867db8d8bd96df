// A program of its own: fills a store until the system refuses, says so, and goes on when it is told that there is room again.
// Started by test/net/full-disk.test.ts with a limit on the size of files; argv: folder.
import { openHome } from '../../net/platform/home.ts'
import { systemClock } from '../../net/platform/clock.ts'
import { platformRandom } from '../../net/platform/random.ts'
import { Records } from '../../net/records.ts'
import { StoreError } from '../../net/store-error.ts'

const [, , dir = ''] = process.argv
const home = await openHome(dir, { create: {} })
const { store, dataKey, reopen } = home
const records = new Records({ store, dataKey, clock: systemClock, random: platformRandom, reopen })
const heard: string[] = []
records.onFailure(({ code }) => heard.push(code))

const value = new Uint8Array(10_000)
const stored: string[] = []
let refused: StoreError | undefined
for (let at = 0; refused === undefined; at++) {
  const key = `value/${String(at).padStart(6, '0')}`
  try {
    await records.commit([{ type: 'put', key, value }])
    stored.push(key)
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause
    refused = cause
  }
}
const again = await records
  .commit([{ type: 'put', key: 'value/again', value }])
  .catch(({ code }: StoreError) => code)
const readable: string[] = []
for await (const { key } of records.range('value/')) readable.push(key)
process.send?.({ code: refused.code, heard, stored: stored.length, again, readable })

process.once('message', () => void writeAgain())

async function writeAgain(): Promise<void> {
  await records.commit([{ type: 'put', key: 'value/after', value }])
  const found: string[] = []
  for await (const { key } of records.range('value/')) found.push(key)
  process.send?.({ stored: [...stored, 'value/after'], found })
  await records.close()
  await home.close()
  process.disconnect()
}
