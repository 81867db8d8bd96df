/**
 * Delivery from end to end: two processes on loopback, LevelDB on disk, direct streams. `limit` is a stub of the same path.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pair } from './delivery/pair.ts'
import type { Bench, Case } from './rounds.ts'

const ONE_AT_A_TIME = 200
const WINDOWED = 3_000

/** Starts the processes of both subjects; `end` stops them and removes their folders. */
export async function deliveryBench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'))
  const pairs: Pair[] = []
  const end = (): void => {
    for (const pair of pairs) pair.end()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const cases: Case[] = []
    for (const subject of ['sotto', 'limit']) {
      const pair = await Pair.start(`./${subject}-worker.ts`, join(folder, subject))
      pairs.push(pair)
      cases.push(...casesOf(subject, pair))
    }
    return { cases: cases.toSorted((a, b) => a.job.localeCompare(b.job)), end }
  } catch (cause) {
    end()
    throw cause
  }
}

function casesOf(subject: string, pair: Pair): readonly Case[] {
  return [
    {
      job: 'one-at-a-time',
      subject,
      unit: 'ms',
      run: () => pair.run('one-at-a-time', ONE_AT_A_TIME),
    },
    { job: 'windowed', subject, unit: '1/s', run: () => pair.run('windowed', WINDOWED) },
  ]
}
