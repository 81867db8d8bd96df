// What happens in a mailbox, as metrics for Prometheus. Labels have few values that are known beforehand: never an account, an
// address or a name. The registry is one's own, so that several mailboxes may run in one process.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { clockStepMs } from './clock-step.ts'
import { libp2pText } from './libp2p-metrics.ts'
import { balanceOf } from './snapshot.ts'
import type { MailboxEvent } from '../observer.ts'
import type { Health } from './health.ts'
import type { LoopLag } from './lag.ts'
import type { Snapshot } from './snapshot.ts'

/** From half a millisecond, an fsync of a good disk, to ten seconds. */
const LATENCY = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

const [MINUTE, HOUR, DAY] = [60, 3600, 86_400]
const RESIDENCE = [1, 10, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 14 * DAY]

export interface Versions {
  readonly version: string
  readonly node: string
  readonly libp2p: string
}

export interface MetricsInit {
  readonly versions: Versions
  readonly health: Health
  readonly lag: LoopLag
  readonly look: () => Promise<Snapshot>
}

export class MailboxMetrics {
  readonly registry = new Registry()
  readonly #init: MetricsInit
  #collecting: Promise<string> | undefined

  readonly #members = this.#gauge('mailbox_members', 'Members.', ['status'])
  readonly #boxes = this.#gauge('mailbox_boxes', 'Boxes in which mail waits.')
  readonly #messages = this.#gauge('mailbox_messages', 'Envelopes that wait.')
  readonly #stored = this.#gauge('mailbox_stored_bytes', 'Bytes that are stored.', ['kind'])
  readonly #budget = this.#gauge('mailbox_disk_budget_bytes', 'Bytes that may be stored.', ['kind'])
  readonly #free = this.#gauge('mailbox_disk_free_bytes', 'Free bytes on the disk.', ['kind'])
  readonly #oldest = this.#gauge('mailbox_oldest_message_seconds', 'Age of the oldest envelope.')
  readonly #balance = this.#gauge(
    'mailbox_balance',
    'Envelopes accepted, less those acknowledged, expired, removed and stored. Must be 0.',
  )
  readonly #damaged = this.#gauge('mailbox_damaged_records', 'Records that do not open any more.')
  readonly #ready = this.#gauge('mailbox_ready', 'Whether mail can be taken: 1 or 0.')
  readonly #check = this.#gauge('mailbox_check', 'Whether a check succeeds: 1 or 0.', ['check'])
  readonly #connections = this.#gauge('connections', 'Open connections.', [
    'transport',
    'direction',
  ])
  readonly #lag = this.#gauge('event_loop_lag_seconds', 'The largest of the last 15 seconds.')
  readonly #step = this.#gauge(
    'clock_step_seconds',
    'By how much the clock was set since the start.',
  )

  // Counted by the store, over restarts.
  readonly #deposits = this.#counter('mailbox_deposits_total', 'Attempts to leave mail.', [
    'result',
  ])
  readonly #acked = this.#counter('mailbox_acked_total', 'Envelopes that their owners have.')
  readonly #deleted = this.#counter('mailbox_deleted_total', 'Envelopes deleted, for any reason.')
  readonly #expired = this.#counter(
    'mailbox_expired_total',
    'Envelopes deleted without an owner.',
    ['reason'],
  )

  readonly #depositBytes = this.#counter('mailbox_deposit_bytes_total', 'Bytes accepted.')
  readonly #fetched = this.#counter('mailbox_fetched_total', 'Envelopes handed out.')
  readonly #fetchBytes = this.#counter('mailbox_fetch_bytes_total', 'Bytes handed out.')
  readonly #invites = this.#counter('mailbox_invites_total', 'Attempts to join.', ['event'])
  readonly #limited = this.#counter('rate_limited_total', 'Requests beyond a limit.', ['bucket'])
  readonly #failures = this.#counter('mailbox_store_failures_total', 'Writes that failed.')
  readonly #dialFailures = this.#counter(
    'dial_failures_total',
    'Addresses that could not be dialled.',
    ['transport', 'reason'],
  )
  readonly #opened = this.#counter('connections_opened_total', 'Connections opened.', ['transport'])
  readonly #depositSeconds = this.#histogram(
    'mailbox_deposit_seconds',
    'From a request to its signed receipt.',
    LATENCY,
  )
  readonly #fsyncSeconds = this.#histogram('mailbox_fsync_seconds', 'Synced writes.', LATENCY)
  readonly #storeSeconds = this.#histogram(
    'mailbox_store_op_seconds',
    'Calls of the store, with their writes.',
    LATENCY,
    ['op'],
  )
  readonly #residence = this.#histogram(
    'mailbox_residence_seconds',
    'From a deposit to its acknowledgement.',
    RESIDENCE,
  )

  constructor(init: MetricsInit) {
    this.#init = init
    const labels = ['version', 'node', 'libp2p'] as const
    this.#gauge('build_info', 'What runs here: always 1.', labels).set({ ...init.versions }, 1)
    for (const result of ['accepted', 'quota', 'policy', 'rate', 'too_large', 'error'])
      this.#deposits.inc({ result }, 0)
    for (const bucket of ['deposits', 'prekeys', 'all_prekeys', 'invitations'])
      this.#limited.inc({ bucket }, 0)
    for (const event of ['joined', 'refused']) this.#invites.inc({ event }, 0)
  }

  observe(event: MailboxEvent): void {
    switch (event.kind) {
      case 'deposit':
        return this.#deposit(event)
      case 'oversized':
        return this.#deposits.inc({ result: 'too_large' })
      case 'fetch':
        this.#fetched.inc(event.envelopes)
        return this.#fetchBytes.inc(event.bytes)
      case 'acknowledge':
        for (const ms of event.keptMs) this.#residence.observe(ms / 1000)
        return
      case 'join':
        return this.#invites.inc({ event: event.joined ? 'joined' : 'refused' })
      case 'limit':
        return this.#limited.inc({ bucket: event.bucket })
      case 'sync':
        return this.#fsyncSeconds.observe(event.ms / 1000)
      case 'store':
        return this.#storeSeconds.observe({ op: event.call }, event.ms / 1000)
      case 'store-failure':
        return this.#failures.inc()
      case 'expire':
        return // counted by the store
    }
  }

  connected(transport: string): void {
    this.#opened.inc({ transport })
  }

  dialFailed(transport: string, reason: string): void {
    this.#dialFailures.inc({ transport, reason })
  }

  /** The text for a scrape. However many ask at once, it is made once. Rejects with `StoreError` when the store does not answer. */
  async text(): Promise<string> {
    this.#collecting ??= this.#collect().finally(() => {
      this.#collecting = undefined
    })
    return await this.#collecting
  }

  async #collect(): Promise<string> {
    const { health, lag, look } = this.#init
    const { status, oldestMs, diskBudget, diskFree, connections } = await look()
    this.#members.set({ status: 'active' }, status.members - status.suspended)
    this.#members.set({ status: 'suspended' }, status.suspended)
    this.#boxes.set(status.boxes)
    this.#messages.set(status.waiting)
    this.#stored.set({ kind: 'mail' }, status.waitingBytes)
    if (diskBudget !== undefined) this.#budget.set({ kind: 'mail' }, diskBudget)
    if (diskFree !== undefined) this.#free.set({ kind: 'folder' }, diskFree)
    this.#oldest.set(oldestMs / 1000)
    this.#balance.set(balanceOf(status))
    this.#damaged.set(status.damaged)
    this.#step.set(clockStepMs() / 1000)
    this.#lag.set(lag.worst / 1000)
    this.#ready.set(health.isReady ? 1 : 0)
    for (const { name, ok } of health.results) this.#check.set({ check: name }, ok ? 1 : 0)
    this.#connections.reset()
    for (const { transport, direction, count } of connections)
      this.#connections.set({ transport, direction }, count)
    this.#count(status)
    const texts = [this.registry.metrics(), processRegistry().metrics(), libp2pText()]
    return (await Promise.all(texts)).join('\n')
  }

  #count({ accepted, acknowledged, expired, removed }: Snapshot['status']): void {
    setCounter(this.#deposits, accepted, { result: 'accepted' })
    setCounter(this.#acked, acknowledged)
    setCounter(this.#deleted, removed)
    setCounter(this.#expired, expired, { reason: 'age' })
    setCounter(this.#expired, removed - acknowledged - expired, { reason: 'removed' })
  }

  #deposit({ result, bytes, ms }: Extract<MailboxEvent, { kind: 'deposit' }>): void {
    if (result !== 'accepted') return this.#deposits.inc({ result })
    this.#depositBytes.inc(bytes)
    this.#depositSeconds.observe(ms / 1000)
  }

  #gauge<T extends string = never>(name: string, help: string, labels: readonly T[] = []) {
    return new Gauge({ ...named(name, help, this.registry), labelNames: labels })
  }

  #counter<T extends string = never>(name: string, help: string, labels: readonly T[] = []) {
    return new Counter({ ...named(name, help, this.registry), labelNames: labels })
  }

  #histogram<T extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labels: readonly T[] = [],
  ) {
    const base = named(name, help, this.registry)
    return new Histogram({ ...base, labelNames: labels, buckets: [...buckets] })
  }
}

function named(name: string, help: string, registry: Registry) {
  return { name: `sotto_${name}`, help, registers: [registry] }
}

/** What the store has counted so far takes the place of what was known of it. */
function setCounter<T extends string>(
  counter: Counter<T>,
  total: number,
  labels: Partial<Record<T, string>> = {},
): void {
  counter.remove(labels)
  counter.inc(labels, Math.max(0, total))
}

let ofProcess: Registry | undefined

/** `process_*` and `nodejs_*`, once for the process: what they watch cannot be let go of again. */
function processRegistry(): Registry {
  if (ofProcess === undefined) {
    ofProcess = new Registry()
    collectDefaultMetrics({ register: ofProcess })
  }
  return ofProcess
}
