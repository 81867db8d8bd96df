// One line of JSON for each thing worth writing down. Traffic is summed up over a minute, so that a flood cannot fill the disk
// and no line tells when somebody got mail. With `debug` every request has its line, and owners have names that are made for the
// log: keyed hashes, whose key is in memory only and new each day.

import { toHex } from '../../protocol/bytes.ts'
import { keyedHash } from '../../protocol/crypto.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import type { Clock, Timer } from '../../net/ports.ts'
import type { MailboxEvent } from '../observer.ts'

export type LogLevel = 'error' | 'warn' | 'info' | 'debug'

const RANK: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 }

export type Fields = Readonly<Record<string, string | number | boolean>>

export interface EventLogInit {
  /** Takes a line without its end. */
  readonly write: (line: string) => void
  /** Asked for each line: it may change. */
  readonly level: () => LogLevel
  readonly clock: Clock
  readonly random: RandomBytes
}

const SUM_MS = 60_000
const DAY_MS = 86_400_000
const KEY_BYTES = 32
/** The shortest that the hash gives. */
const NAME_BYTES = 16

/** What is said about one event. `many`: how often it may come is up to others. */
interface Entry {
  readonly event: string
  readonly many: boolean
  readonly level: LogLevel
  /** Of equal ones the sums are formed. */
  readonly what: Fields
  readonly sums: Readonly<Record<string, number>>
  readonly owner?: Uint8Array
}

interface Sum {
  readonly entry: Entry
  readonly sums: Record<string, number>
}

export class EventLog {
  readonly #init: EventLogInit
  readonly #sums = new Map<string, Sum>()
  #timer: Timer | undefined
  #key: Uint8Array | undefined
  #day = 0

  constructor(init: EventLogInit) {
    this.#init = init
  }

  observe(event: MailboxEvent): void {
    const entry = entryOf(event)
    if (entry === undefined || !this.#says(entry.level)) return
    if (this.#says('debug')) return this.#detail(entry)
    if (!entry.many) return this.say(entry.level, entry.event, { ...entry.what, ...entry.sums })
    this.#add(entry)
  }

  say(level: LogLevel, event: string, fields: Fields = {}): void {
    if (!this.#says(level)) return
    const at = new Date(this.#init.clock.now()).toISOString()
    this.#init.write(JSON.stringify({ at, level, event, ...fields }))
  }

  /** Writes what was summed up so far. */
  stop(): void {
    this.#timer?.cancel()
    this.#flush()
  }

  #says(level: LogLevel): boolean {
    return RANK[level] <= RANK[this.#init.level()]
  }

  #detail({ level, event, what, sums, owner }: Entry): void {
    const name = owner === undefined ? {} : { owner: this.#nameOf(owner) }
    this.say(level, event, { ...what, ...sums, ...name })
  }

  #add(entry: Entry): void {
    const key = JSON.stringify([entry.event, entry.what])
    const sum = this.#sums.get(key) ?? { entry, sums: { count: 0 } }
    this.#sums.set(key, sum)
    for (const [name, value] of Object.entries({ count: 1, ...entry.sums }))
      sum.sums[name] = (sum.sums[name] ?? 0) + value
    this.#timer ??= this.#init.clock.after(SUM_MS, () => this.#flush())
  }

  #flush(): void {
    this.#timer = undefined
    for (const { entry, sums } of this.#sums.values())
      this.say(entry.level, entry.event, { ...entry.what, ...sums })
    this.#sums.clear()
  }

  #nameOf(account: Uint8Array): string {
    const today = Math.floor(this.#init.clock.now() / DAY_MS)
    if (this.#key === undefined || this.#day !== today) this.#key = this.#init.random(KEY_BYTES)
    this.#day = today
    return toHex(keyedHash(NAME_BYTES, this.#key, 'log name', account))
  }
}

function entryOf(event: MailboxEvent): Entry | undefined {
  switch (event.kind) {
    case 'deposit':
      return depositEntry(event)
    case 'oversized':
      return many('deposit.refused', { result: 'too_large' }, {})
    case 'fetch':
      return many('fetch', {}, { envelopes: event.envelopes, bytes: event.bytes }, event.owner)
    case 'acknowledge':
      return many('ack', {}, { envelopes: event.keptMs.length }, event.owner)
    case 'join':
      return many(event.joined ? 'member.joined' : 'join.refused', {}, {}, event.account)
    case 'limit':
      return many('rate.limited', { bucket: event.bucket }, {})
    case 'expire':
      return once('info', 'expire', { envelopes: event.envelopes })
    case 'store-failure':
      return { ...many('store.failed', {}, {}), level: 'error' }
    case 'sync':
    case 'store':
      return undefined // only to be measured
  }
}

function depositEntry(event: Extract<MailboxEvent, { kind: 'deposit' }>): Entry {
  const { result, bytes, owner } = event
  if (result === 'accepted') return many('deposit.accepted', {}, { bytes }, owner)
  if (result === 'quota') return many('quota.refused', {}, {}, owner)
  return many('deposit.refused', { result }, {}, owner)
}

function many(
  event: string,
  what: Fields,
  sums: Readonly<Record<string, number>>,
  owner?: Uint8Array,
): Entry {
  const base = { event, many: true, level: 'info' as const, what, sums }
  return owner === undefined ? base : { ...base, owner }
}

function once(level: LogLevel, event: string, what: Fields): Entry {
  return { event, many: false, level, what, sums: {} }
}
