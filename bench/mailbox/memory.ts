/** What a mailbox has resident or on disk with many owners: a process and a folder of its own for each figure. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from '../child.ts'
import { scripted, type Server } from './servers.ts'
import type { OwnersOrder } from './orders.ts'

const KIB_PER_MIB = 1024
const MIB = 1024 * 1024

/** MiB with so many queues of so many envelopes, their owners away. */
export function withMail(folder: string, owners: number, envelopes: number): Promise<number> {
  return measure(folder, (meeting) => ({ meeting, owners, envelopes }))
}

/** MiB with so many owners who wait for mail. */
export function withIdle(folder: string, owners: number): Promise<number> {
  return measure(folder, (meeting) => ({ meeting, owners }))
}

/** MiB in the folder of a mailbox with so many queues of so many envelopes. */
export function onDisk(folder: string, owners: number, envelopes: number): Promise<number> {
  return measure(folder, (meeting) => ({ meeting, owners, envelopes }), size)
}

async function measure(
  folder: string,
  order: (meeting: string) => OwnersOrder,
  read: (server: Server, folder: string) => number = resident,
): Promise<number> {
  const own = join(folder, 'memory')
  mkdirSync(own, { mode: 0o700 })
  const server = await scripted('sotto-host')(own)
  const owners = Child.start<OwnersOrder>(new URL('owners-worker.ts', import.meta.url))
  try {
    await owners.ask(order(server.meeting))
    return read(server, own)
  } finally {
    owners.end()
    server.end()
    rmSync(own, { recursive: true, force: true })
  }
}

/** MiB, as the system counts them. */
function resident({ pid }: Server): number {
  const { stdout } = spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })
  return Number(stdout) / KIB_PER_MIB
}

/** MiB of all files. One that is deleted meanwhile counts as nothing. */
function size(_: Server, folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const bytes = names.map((name) => statSync(join(folder, name), { throwIfNoEntry: false }))
  return bytes.reduce((sum, found) => sum + (found?.isFile() === true ? found.size : 0), 0) / MIB
}
