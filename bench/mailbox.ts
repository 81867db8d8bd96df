/**
 * The mailbox: mailbox, depositors and the one who drains in processes of their own, LevelDB on disk. `limit` moves the same bytes
 * and does nothing else; Redis and NATS are what an operator would otherwise reach for.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { medianSync } from './mailbox/disk.ts'
import { withIdle, withMail } from './mailbox/memory.ts'
import { type Program, programs, scripted, type StartServer } from './mailbox/servers.ts'
import { System } from './mailbox/system.ts'
import { installPeers } from './peers.ts'
import type { Unit } from './report.ts'
import { percentile } from './statistics.ts'
import type { Bench, Case } from './rounds.ts'

/** Deposits of a sample, by the number of depositors. */
const DEPOSITS = { 1: 300, 8: 1600, 64: 6400 } as const

/**
 * Before the first round, this many times: what runs for months is not measured while its code is being compiled. For the same reason each
 * sample of deposits is taken twice, and the second counts: V8 lets go of code while the other subjects have their turn.
 */
const WARM_UP = 3

/** For the figures about memory. */
const QUEUES = 1000
const PER_QUEUE = 100
const IDLE = 500

/** Jobs in the order of a round: each sample of deposits is there before the drain. */
const JOBS = [
  'fdatasync',
  'deposit-1',
  'deposit-p50',
  'deposit-p99',
  'deposit-8',
  'deposit-64',
  'drain',
  'rss-100k',
  'rss-500-idle',
]

/** Starts all processes; `end` stops them and removes their folders. */
export async function mailboxBench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'))
  const systems: System[] = []
  const end = (): void => {
    for (const system of systems) system.end()
    rmSync(folder, { recursive: true, force: true })
  }
  const found = programs()
  const peers = found.filter(({ version }) => version !== undefined)
  try {
    if (peers.length > 0) installPeers()
    const cases: Case[] = [diskCase(folder), ...memoryCases(folder)]
    for (const { subject, start } of [...OURS, ...peers]) {
      const system = await System.start(`./${subject}`, start, join(folder, subject))
      systems.push(system)
      await warmUp(system)
      cases.push(...casesOf(subject, system))
    }
    return { cases: cases.toSorted(byJob), notes: notesOf(found), end }
  } catch (cause) {
    end()
    throw cause
  }
}

async function warmUp(system: System): Promise<void> {
  for (let run = 0; run < WARM_UP; run++) {
    await system.deposit(DEPOSITS[64], 64)
    await system.drain()
  }
}

const OURS: readonly { readonly subject: string; readonly start: StartServer }[] = [
  { subject: 'sotto', start: scripted('sotto-host') },
  { subject: 'limit', start: scripted('limit-host') },
]

function casesOf(subject: string, system: System): readonly Case[] {
  const of = (job: string, unit: Unit, run: () => Promise<number>): Case => {
    return { job, subject, unit, run }
  }
  let times: readonly number[] = []
  const rate = async (depositors: keyof typeof DEPOSITS): Promise<number> => {
    const count = DEPOSITS[depositors]
    await system.deposit(count, depositors)
    const deposited = await system.deposit(count, depositors)
    if (depositors === 1) ({ times } = deposited)
    return count / deposited.seconds
  }
  return [
    of('deposit-1', '1/s', () => rate(1)),
    of('deposit-p50', 'ms', () => Promise.resolve(percentile(times, 0.5))),
    of('deposit-p99', 'ms', () => Promise.resolve(percentile(times, 0.99))),
    of('deposit-8', '1/s', () => rate(8)),
    of('deposit-64', '1/s', () => rate(64)),
    of('drain', '1/s', () => system.drain()),
  ]
}

/** Taken once: what fills a mailbox takes longer than a round, and does not vary as times do. */
function memoryCases(folder: string): readonly Case[] {
  const once = (job: string, measure: () => Promise<number>): Case => {
    let value: Promise<number> | undefined
    return { job, subject: 'sotto', unit: 'MiB', run: () => (value ??= measure()) }
  }
  return [
    once('rss-100k', () => withMail(folder, QUEUES, PER_QUEUE)),
    once('rss-500-idle', () => withIdle(folder, IDLE)),
  ]
}

/** What a sync costs in the same run, without which no durable figure says anything. */
function diskCase(folder: string): Case {
  return {
    job: 'fdatasync',
    subject: 'disk',
    unit: 'ms',
    run: () => Promise.resolve(medianSync(folder)),
  }
}

function notesOf(found: readonly Program[]): readonly string[] {
  return found.map(({ program, version, package: name }) =>
    version === undefined
      ? `Without ${program}, which this machine lacks (Debian: \`apt-get install ${name}\`).`
      : `Beside ${program} ${version}.`,
  )
}

function byJob(a: Case, b: Case): number {
  return JOBS.indexOf(a.job) - JOBS.indexOf(b.job)
}
