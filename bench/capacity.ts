/** What a mailbox takes of memory and disk: the figures that a plan is made of. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onDisk, withIdle } from './mailbox/memory.ts'
import type { Bench, Case } from './rounds.ts'

const QUEUES = 100
const PER_QUEUE = 80
const IDLE = 100

export async function capacityBench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'))
  // Taken once: filling takes long, and sizes do not vary as times do.
  const of = (job: string, measure: () => Promise<number>): Case => {
    let value: Promise<number> | undefined
    return { job, subject: 'sotto', unit: 'MiB', run: () => (value ??= measure()) }
  }
  return {
    cases: [
      of('rss-empty', () => withIdle(folder, 0)),
      of('rss-100-idle', () => withIdle(folder, IDLE)),
      of('disk-8k', () => onDisk(folder, QUEUES, PER_QUEUE)),
    ],
    end: () => rmSync(folder, { recursive: true, force: true }),
  }
}
