/** What a mailbox has resident with many owners: a process and a folder of its own for each figure. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from '../child.ts'
import { scripted } from './servers.ts'
import type { OwnersOrder } from './orders.ts'

const KIB_PER_MIB = 1024

/** MiB with so many queues of so many envelopes, their owners away. */
export function withMail(folder: string, owners: number, envelopes: number): Promise<number> {
  return measure(folder, (meeting) => ({ meeting, owners, envelopes }))
}

/** MiB with so many owners who wait for mail. */
export function withIdle(folder: string, owners: number): Promise<number> {
  return measure(folder, (meeting) => ({ meeting, owners }))
}

async function measure(folder: string, order: (meeting: string) => OwnersOrder): Promise<number> {
  const own = join(folder, 'memory')
  mkdirSync(own, { mode: 0o700 })
  const server = await scripted('sotto-host')(own)
  const owners = Child.start<OwnersOrder>(new URL('owners-worker.ts', import.meta.url))
  try {
    await owners.ask(order(server.meeting))
    return resident(server.pid)
  } finally {
    owners.end()
    server.end()
    rmSync(own, { recursive: true, force: true })
  }
}

/** MiB, as the system counts them. */
function resident(pid: number): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })
  return Number(stdout) / KIB_PER_MIB
}
