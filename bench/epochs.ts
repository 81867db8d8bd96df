/**
 * What a change of the epoch key costs: all sessions and skipped keys of a node are written again, on LevelDB in the temporary folder.
 * Run with `node bench/epochs.ts`; prints the middle of five changes for each size.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { EpochKeys } from '../net/epoch-keys.ts'
import { systemClock as clock } from '../net/platform/clock.ts'
import { openHome } from '../net/platform/home.ts'
import { platformRandom as random, pooled } from '../net/platform/random.ts'
import { Records } from '../net/records.ts'
import { DYING } from '../node/keys.ts'

/** Sessions, and skipped keys of all of them. */
const SIZES = [
  [10, 0],
  [100, 1_000],
  [1_000, 20_000],
] as const

const SESSION_BYTES = 3_000
const SKIPPED_BYTES = 80
const CHANGES = 5
const AT_ONCE = 500

for (const [sessions, skipped] of SIZES) {
  const ms = await measured(sessions, skipped)
  console.log(`${sessions} sessions, ${skipped} skipped keys: ${ms.toFixed(0)} ms`)
}

async function measured(sessions: number, skipped: number): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'sotto-epochs-'))
  const home = await openHome(dir, { create: {} })
  const { store, dataKey, epochs: file } = home
  const keys = new EpochKeys({ file, dataKey, clock, random })
  const dying = { keys, prefixes: DYING }
  const records = new Records({ store, dataKey, dying, clock, random: pooled(random) })
  await records.begin()
  await fill(records, 'session/c/', { count: sessions, bytes: SESSION_BYTES })
  await fill(records, 'skipped/c/', { count: skipped, bytes: SKIPPED_BYTES })
  await records.renewKeys()
  const times: number[] = []
  for (let change = 0; change < CHANGES; change++) {
    const began = performance.now()
    await records.renewKeys()
    times.push(performance.now() - began)
  }
  await records.close()
  await home.close()
  await rm(dir, { recursive: true })
  return times.toSorted((a, b) => a - b)[Math.floor(CHANGES / 2)] ?? 0
}

async function fill(
  records: Records,
  prefix: string,
  { count, bytes }: { readonly count: number; readonly bytes: number },
): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE) {
    const length = Math.min(AT_ONCE, count - from)
    const some = Array.from({ length }, (_, at) => `${prefix}${from + at}`)
    await records.commit(some.map((key) => ({ type: 'put', key, value: random(bytes) })))
  }
}
