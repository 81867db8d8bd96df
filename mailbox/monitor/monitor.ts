// Watching a mailbox: health and metrics over HTTP, and a log. One for each mailbox; it may be there before the mailbox is.

import { open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { version as libp2pVersion } from 'libp2p/version'
import { systemCode } from '../../net/platform/home-error.ts'
import { readVersion } from '../../net/platform/version.ts'
import { Health } from './health.ts'
import { json, serveHttp, text } from './http.ts'
import { LoopLag } from './lag.ts'
import { EventLog } from './log.ts'
import { libp2pMetrics } from './libp2p-metrics.ts'
import { MailboxMetrics } from './metrics.ts'
import { balanceOf } from './snapshot.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import type { Clock } from '../../net/ports.ts'
import type { MailboxEvent, MailboxObserver } from '../observer.ts'
import type { Check } from './health.ts'
import type { Endpoint, HttpServer, Page } from './http.ts'
import type { Libp2pMetrics } from './libp2p-metrics.ts'
import type { EventLogInit } from './log.ts'
import type { MailboxServiceStatus } from '../service.ts'
import type { ConnectionCount, Snapshot } from './snapshot.ts'

export interface MonitorOptions {
  /** Where to serve `/livez`, `/readyz`, `/health` and `/metrics`, to everybody who reaches it. @default nowhere */
  readonly listen?: Endpoint | undefined
  /** @default none */
  readonly log?: Pick<EventLogInit, 'write' | 'level'> | undefined
}

export interface MonitorInit extends MonitorOptions {
  readonly clock: Clock
  readonly random: RandomBytes
  /** The mailbox's folder; undefined for one in memory. */
  readonly dir: string | undefined
}

/** What a monitor asks of a running mailbox. */
export interface Watched {
  status(): Promise<MailboxServiceStatus>
  /** Looks into every box. */
  oldestMs(): Promise<number>
  diskBudget(): number | undefined
  connections(): readonly ConnectionCount[]
  /** How many addresses it listens on. */
  listening(): number
}

/** Less free space than this, and nothing more should be taken. */
const MIN_FREE_BYTES = 64 * 1024 * 1024

/** Of its budget, from where on a mailbox takes no more. */
const STOP_AT = 0.9

/** A program whose event loop is later than this does not live. */
const DEAD_MS = 1000

/** made --start--> watching --stop--> stopped */
export class Monitor implements MailboxObserver {
  readonly #init: MonitorInit
  readonly #lag = new LoopLag()
  readonly #health: Health
  readonly #log: EventLog | undefined
  #metrics: MailboxMetrics | undefined
  #server: HttpServer | undefined
  #watched: Watched | undefined
  #storeFails = false

  constructor(init: MonitorInit) {
    this.#init = init
    const { log, clock, random } = init
    this.#log = log === undefined ? undefined : new EventLog({ ...log, clock, random })
    this.#health = new Health({
      ...{ checks: this.#checks(), clock, now: () => this.now() },
      onChange: (check, problem) => {
        if (problem === undefined) this.#log?.say('info', 'check.passed', { check })
        else this.#log?.say('warn', 'check.failed', { check, problem })
      },
    })
  }

  now(): number {
    return performance.now()
  }

  /** For libp2p; undefined where nobody can read it. */
  get libp2pMetrics(): Libp2pMetrics | undefined {
    return this.#init.listen === undefined ? undefined : libp2pMetrics()
  }

  observe(event: MailboxEvent): void {
    if (event.kind === 'store-failure') this.#storeFails = true
    if (event.kind === 'sync') this.#storeFails = false
    try {
      this.#metrics?.observe(event)
      this.#log?.observe(event)
    } catch {
      // Nobody goes without mail because a log cannot be written.
    }
  }

  /** A connection was opened. */
  connected(transport: string): void {
    this.#metrics?.connected(transport)
  }

  /** An address could not be dialled. */
  dialFailed(transport: string, reason: string): void {
    this.#metrics?.dialFailed(transport, reason)
  }

  /** Of the HTTP server. */
  get endpoint(): Endpoint | undefined {
    return this.#server?.endpoint
  }

  /** Rejects with the system's error when it cannot listen. */
  async start(watched: Watched): Promise<void> {
    const version = await readVersion()
    this.#watched = watched
    this.#lag.start()
    await this.#health.start()
    const { listen } = this.#init
    if (listen !== undefined) await this.#serve(listen, version)
    this.#log?.say('info', 'start', { version })
  }

  /** From now on the mailbox is not ready. */
  async ending(): Promise<void> {
    await this.#health.stop()
  }

  async stop(): Promise<void> {
    await this.#health.stop()
    this.#lag.stop()
    await this.#server?.stop()
    this.#log?.stop()
    if (this.#watched !== undefined) this.#log?.say('info', 'stop')
  }

  async #serve(listen: Endpoint, version: string): Promise<void> {
    const versions = { version, node: process.versions.node, libp2p: libp2pVersion }
    const [health, lag, look] = [this.#health, this.#lag, () => this.#look()]
    const metrics = new MailboxMetrics({ versions, health, lag, look })
    this.#metrics = metrics
    this.#server = await serveHttp(listen, {
      '/livez': () => this.#live(),
      '/readyz': () => this.#ready(),
      '/health': () => json(health.isReady ? 200 : 503, this.#report(version)),
      '/metrics': async () => {
        return { status: 200, type: metrics.registry.contentType, body: await metrics.text() }
      },
    })
  }

  #live(): Page {
    const { last } = this.#lag
    return last < DEAD_MS
      ? text(200, 'ok')
      : text(503, `the event loop is ${last.toFixed()} ms late`)
  }

  #ready(): Page {
    if (this.#health.isReady) return text(200, 'ok')
    const wrong = this.#health.results.filter(({ ok, vital }) => vital && !ok)
    return text(503, wrong.map(({ name, problem }) => `${name}: ${problem}`).join('\n'))
  }

  #report(version: string) {
    const { isReady, results } = this.#health
    return { ready: isReady, version, checks: results }
  }

  async #look(): Promise<Snapshot> {
    const watched = this.#running()
    return {
      status: await watched.status(),
      oldestMs: await watched.oldestMs(),
      diskBudget: watched.diskBudget(),
      diskFree: await this.#free(),
      connections: watched.connections(),
    }
  }

  #running(): Watched {
    if (this.#watched === undefined) throw new Error('the mailbox does not run')
    return this.#watched
  }

  async #free(): Promise<number | undefined> {
    const { dir } = this.#init
    if (dir === undefined) return undefined
    const { bavail, bsize } = await statfs(dir)
    return bavail * bsize
  }

  #checks(): readonly Check[] {
    const check = (name: string, isVital: boolean, problem: Check['problem']): Check => {
      return { name, isVital, problem }
    }
    return [
      check('store', true, async () =>
        this.#storeFails ? 'the last write to the store failed' : undefined,
      ),
      check('disk', true, () => this.#diskProblem()),
      check('budget', true, async () => this.#budgetProblem()),
      check('listener', true, async () =>
        this.#running().listening() === 0 ? 'it listens on no address' : undefined,
      ),
      check('balance', false, async () => balanceProblem(await this.#running().status())),
      check('event-loop', false, async () =>
        this.#lag.worst < DEAD_MS ? undefined : `was ${this.#lag.worst.toFixed()} ms late`,
      ),
    ]
  }

  async #budgetProblem(): Promise<string | undefined> {
    const watched = this.#running()
    const budget = watched.diskBudget() ?? Number.POSITIVE_INFINITY
    if ((await watched.status()).waitingBytes < STOP_AT * budget) return undefined
    return 'nine tenths of the budget are used: nothing more is taken'
  }

  /** Nothing of the store is touched: a write of its own that fails would end what others are reading. */
  async #diskProblem(): Promise<string | undefined> {
    const { dir } = this.#init
    if (dir === undefined) return undefined
    const free = await this.#free()
    if (free !== undefined && free < MIN_FREE_BYTES) return 'less than 64 MiB are free'
    try {
      await writeThrough(join(dir, 'writable'))
      return undefined
    } catch (cause) {
      return `cannot be written: ${systemCode(cause) ?? 'unknown'}`
    }
  }
}

async function writeThrough(path: string): Promise<void> {
  const file = await open(path, 'w', 0o600)
  try {
    await file.write('1')
    await file.sync()
  } finally {
    await file.close()
    await rm(path, { force: true })
  }
}

function balanceProblem(status: MailboxServiceStatus): string | undefined {
  const balance = balanceOf(status)
  if (balance === 0) return undefined
  return balance > 0 ? `${balance} envelopes are missing` : `${-balance} envelopes are too many`
}
