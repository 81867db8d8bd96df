// The numbered log of what happened, and the streams that read it. A record is written in the same batch as the change it
// tells of; it is handed out only after that batch is in the store. Numbers are given at the moment a batch is queued, and
// batches are written in that order, so the log has no holes and no number stands for two things.

import { create, toBinary } from '@bufbuild/protobuf'
import { EventRecordSchema, type EventRecord } from '../protocol/generated/store_pb.ts'
import type { Operation, Records } from '../net/records.ts'
import { StoreError } from '../net/store-error.ts'
import type { CounterRange } from '../protocol/content.ts'
import type {
  EventOf,
  EventsOptions,
  EventType,
  DamageKind,
  GapState,
  NodeEvent,
  RecoveryReason,
} from './api.ts'
import { Damages, soundly } from './damage.ts'
import { SottoError } from './errors.ts'
import { EventStream } from './event-stream.ts'
import { keys } from './keys.ts'
import { storedReason } from './recovery-note.ts'
import { storedDamage } from './stored-damage.ts'
import { storedGapState } from './stored-gaps.ts'
import { decodeRecord, RECORD_VERSION } from './stored-record.ts'
import { u64 } from '../protocol/bytes.ts'
import { reader } from '../protocol/reader.ts'

/** What is kept of an event; the rest is looked up when it is read. */
export interface LoggedEvent {
  readonly at: number
  readonly type: string
  readonly contact: string
  readonly messageId?: Uint8Array
  readonly outgoing?: boolean
  readonly from?: EventRecord['from']
  readonly to?: EventRecord['to']
  readonly trustFrom?: number
  readonly trustTo?: number
  readonly gap?: CounterRange & { readonly state: GapState }
  /** Of `node.recovery`. */
  readonly reason?: RecoveryReason
  readonly damage?: { readonly what: DamageKind; readonly count: number }
}

/** What is told to whoever listens, and not kept. */
export type Ephemeral = Extract<
  NodeEvent,
  {
    type:
      | `node.${string}`
      | `mailbox.${string}`
      | `clock.${string}`
      | 'contact.session'
      | 'contact.renewal'
      | 'contact.irregular'
      | 'contact.found'
  }
>

export interface EventLogInit {
  readonly records: Records
  /** Fills in contact and message; undefined for what can no longer be told. */
  readonly describe: (seq: number, record: EventRecord) => Promise<NodeEvent | undefined>
  /** Told when a listener throws. */
  readonly onListenerError: (error: unknown) => void
  /** Told of damaged records, which are left out. @default nobody */
  readonly damages?: Damages
}

export type DeliveredEvent = NodeEvent & { ack(): Promise<void> }

const MAX_CONSUMER_NAME = 64

export class EventLog {
  readonly #records: Records
  readonly #describe: EventLogInit['describe']
  readonly #onListenerError: (error: unknown) => void
  readonly #listeners = new Set<{
    readonly type: string
    readonly run: (event: NodeEvent) => void
  }>()
  readonly #damages: Damages
  readonly #streams = new Set<EventStream>()
  /** Highest number given out, and highest known to be in the store. */
  #given = 0
  #written = 0
  /** Highest number that listeners have heard of, or that came when nobody listened. */
  #told = 0
  /** Failed batches so far, and those after which the numbers are known again. */
  #failures = 0
  #settled = 0
  #stopped = false
  /** Listeners hear events one after another, in order. Never rejects. */
  #telling: Promise<void> = Promise.resolve()

  constructor(init: EventLogInit) {
    this.#records = init.records
    this.#describe = init.describe
    this.#onListenerError = init.onListenerError
    this.#damages = init.damages ?? new Damages()
    init.records.onFailure(() => {
      this.#failures++
    })
  }

  /** The number of the newest record. */
  get head(): number {
    return this.#written
  }

  async start(): Promise<void> {
    this.#given = this.#written = this.#told = await this.#storedHead()
  }

  /** A batch failed: which of the numbers given out are in the store is not known. `recover` before the next `append`. */
  get stale(): boolean {
    return this.#settled !== this.#failures
  }

  /**
   * Looks at what the store has after a failed batch: numbers that are gone are given again, what survived is told. Rejects as
   * `Records` does while the store cannot be read; still stale when another batch failed meanwhile.
   */
  async recover(): Promise<void> {
    const failures = this.#failures
    await this.#records.flush()
    const head = await this.#storedHead()
    if (failures !== this.#failures || !this.stale) return
    this.#settled = failures
    this.#given = head
    this.written(head)
    this.#tellSoon() // what could not be read meanwhile
  }

  async #storedHead(): Promise<number> {
    // A damaged record has told of something, too.
    const found: string[] = []
    const damaged = (key: string): void => void found.push(key)
    const range = this.#records.range(keys.events, { reverse: true, limit: 1, damaged })
    for await (const { key } of range) found.push(key)
    const [newest] = found
    return newest === undefined ? 0 : Number.parseInt(newest.slice(keys.events.length), 16)
  }

  /** Ends all streams. */
  stop(): void {
    this.#stopped = true
    for (const stream of this.#streams) stream.end()
    this.#listeners.clear()
  }

  /**
   * Numbers an event and makes its record. Must be called in the turn in which the batch is queued, and not while `stale`;
   * `written` must be called once that batch is in the store.
   */
  append(event: LoggedEvent): { readonly seq: number; readonly operation: Operation } {
    const seq = ++this.#given
    const value = toBinary(
      EventRecordSchema,
      create(EventRecordSchema, {
        version: RECORD_VERSION,
        at: BigInt(event.at),
        type: event.type,
        contact: event.contact,
        messageId: event.messageId ?? new Uint8Array(0),
        outgoing: event.outgoing ?? false,
        ...(event.from === undefined ? {} : { from: event.from }),
        ...(event.to === undefined ? {} : { to: event.to }),
        trustFrom: event.trustFrom ?? 0,
        trustTo: event.trustTo ?? 0,
        ...(event.damage && { damage: storedDamage(event.damage) }),
        recovery: storedReason(event.reason),
        ...(event.gap === undefined ? {} : { gap: storedGapState(event.gap) }),
      }),
    )
    return { seq, operation: { type: 'put', key: keys.event(seq), value } }
  }

  /** The batch with this number is in the store: streams and listeners may have it. */
  written(seq: number): void {
    if (seq <= this.#written) return
    this.#written = seq
    for (const stream of this.#streams) stream.wake()
    this.#tellSoon()
  }

  /** Tells what is not kept. */
  announce(event: Ephemeral): void {
    const frozen = Object.freeze(event)
    for (const stream of this.#streams) stream.push(frozen)
    this.#call(frozen)
  }

  on<T extends EventType>(
    type: T,
    listener: (event: EventOf<T>) => void,
    options?: { readonly signal?: AbortSignal },
  ): void {
    const entry = { type, run: listener as (event: NodeEvent) => void }
    options?.signal?.throwIfAborted()
    this.#listeners.add(entry)
    options?.signal?.addEventListener('abort', () => this.#listeners.delete(entry), { once: true })
  }

  /** 'now' is the moment of the call, not of the first look. Ends when the node stops. */
  events(options: EventsOptions = {}): AsyncGenerator<DeliveredEvent, void, undefined> {
    return this.#stream(options, this.#written + 1)
  }

  async *#stream(
    options: EventsOptions,
    now: number,
  ): AsyncGenerator<DeliveredEvent, void, undefined> {
    options.signal?.throwIfAborted()
    const stream = new EventStream()
    if (this.#stopped) stream.end()
    this.#streams.add(stream)
    const quit = (): void => stream.end()
    options.signal?.addEventListener('abort', quit)
    try {
      let next = await this.#startOf(options, now)
      while (!stream.ended) {
        for (const event of stream.take())
          if (wanted(event, options)) yield this.#deliver(event, options)
        const last = this.#written
        for await (const { seq, event } of this.#read(next, last)) {
          next = seq + 1
          if (event !== undefined && wanted(event, options)) yield this.#deliver(event, options)
          if (stream.ended) break
        }
        next = Math.max(next, last + 1)
        if (next > this.#written) await stream.wait()
      }
      options.signal?.throwIfAborted()
    } finally {
      options.signal?.removeEventListener('abort', quit)
      this.#streams.delete(stream)
    }
  }

  async #startOf({ consumer, from }: EventsOptions, now: number): Promise<number> {
    if (consumer !== undefined) {
      const cursor = await this.#cursor(consumer)
      // A cursor beyond the log is left from records that were lost: their numbers will stand for something else.
      if (cursor !== undefined) return Math.min(cursor, this.#written) + 1
    }
    if (typeof from === 'number') return startNumber(from)
    return (from ?? (consumer === undefined ? 'now' : 'start')) === 'now' ? now : 1
  }

  async #cursor(consumer: string): Promise<number | undefined> {
    if (!/^[\w.-]+$/.test(consumer) || consumer.length > MAX_CONSUMER_NAME) {
      throw new SottoError('INVALID_ARGUMENT', 'a consumer name has 1 to 64 letters, digits, . _ -')
    }
    const key = keys.consumer(consumer)
    const value = await soundly(this.#records, key)
    if (value !== 'damaged') return value && reader(value).u64()
    this.#damages.note({ what: 'other', key })
    return undefined
  }

  #deliver(event: NodeEvent, { consumer }: EventsOptions): DeliveredEvent {
    const { seq } = event
    const ack = async (): Promise<void> => {
      if (consumer === undefined || seq === undefined) return
      const operation = { type: 'put', key: keys.consumer(consumer), value: u64(seq) } as const
      await this.#records.later([operation])
    }
    return Object.freeze({ ...event, ack })
  }

  async *#read(
    from: number,
    to: number,
  ): AsyncGenerator<
    { readonly seq: number; readonly event: NodeEvent | undefined },
    void,
    undefined
  > {
    if (from > to) return
    for await (const { key, value } of this.#records.range(keys.events, {
      from: keys.event(from),
      damaged: (key) => this.#damages.note({ what: 'event', key }),
    })) {
      const seq = Number.parseInt(key.slice(keys.events.length), 16)
      if (seq > to) return
      yield { seq, event: await this.#describe(seq, decodeRecord(EventRecordSchema, value)) }
    }
  }

  /** Listeners hear what is in the store by now; who listens later does not. */
  #tellSoon(): void {
    const to = this.#written
    const isHeard = this.#listeners.size > 0
    this.#telling = this.#telling.then(() => (isHeard ? this.#tell(to) : void (this.#told = to)))
  }

  /** Never rejects. A store that cannot be read now is read again with the next event, or after its next failure. */
  async #tell(to: number): Promise<void> {
    try {
      for await (const { seq, event } of this.#read(this.#told + 1, to)) {
        this.#told = seq
        if (event !== undefined) this.#call(event)
      }
      this.#told = to
    } catch (error) {
      if (!(error instanceof StoreError)) this.#told = to // it would not be read any better
      this.#onListenerError(error)
    }
  }

  #call(event: NodeEvent): void {
    for (const listener of this.#listeners) {
      if (listener.type !== event.type) continue
      try {
        listener.run(event)
      } catch (error) {
        this.#onListenerError(error)
      }
    }
  }
}

function startNumber(from: number): number {
  if (Number.isSafeInteger(from) && from >= 0) return from
  throw new SottoError('INVALID_ARGUMENT', 'events are numbered from 1')
}

function wanted(event: NodeEvent, { types, contacts }: EventsOptions): boolean {
  if (types !== undefined && !types.includes(event.type)) return false
  if (contacts === undefined) return true
  return 'contact' in event && event.contact !== null && contacts.includes(event.contact.id)
}
