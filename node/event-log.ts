// The numbered log of what happened, and the streams that read it. A record is written in the same batch as the change it
// tells of; it is handed out only after that batch is in the store. Numbers are given at the moment a batch is queued, and
// batches are written in that order, so the log has no holes and no number stands for two things.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { EventRecordSchema, type EventRecord } from '../protocol/generated/store_pb.ts'
import type { Operation, Records } from '../net/records.ts'
import type { EventOf, EventsOptions, EventType, NodeEvent } from './api.ts'
import { SottoError } from './errors.ts'
import { keys } from './keys.ts'

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
}

type Ephemeral = Extract<
  NodeEvent,
  { type: `node.${string}` | `mailbox.${string}` | 'contact.session' | 'contact.found' }
>

export interface EventLogInit {
  readonly records: Records
  /** Fills in contact and message; undefined for what can no longer be told. */
  readonly describe: (seq: number, record: EventRecord) => Promise<NodeEvent | undefined>
  /** Told when a listener throws. */
  readonly onListenerError: (error: unknown) => void
}

export type DeliveredEvent = NodeEvent & { ack(): Promise<void> }

const MAX_CONSUMER_NAME = 64
const MAX_EPHEMERAL = 256

export class EventLog {
  readonly #records: Records
  readonly #describe: EventLogInit['describe']
  readonly #onListenerError: (error: unknown) => void
  readonly #listeners = new Set<{
    readonly type: string
    readonly run: (event: NodeEvent) => void
  }>()
  readonly #streams = new Set<EventStream>()
  /** Highest number given out, and highest known to be in the store. */
  #given = 0
  #written = 0
  /** Listeners hear events one after another, in order. Never rejects. */
  #telling: Promise<void> = Promise.resolve()

  constructor(init: EventLogInit) {
    this.#records = init.records
    this.#describe = init.describe
    this.#onListenerError = init.onListenerError
    init.records.onFailure(() => {
      this.#given = this.#written // what was queued is gone, and so are its numbers
    })
  }

  /** The number of the newest record. */
  get head(): number {
    return this.#written
  }

  async start(): Promise<void> {
    for await (const { key } of this.#records.range(keys.events, { reverse: true, limit: 1 })) {
      this.#written = Number.parseInt(key.slice(keys.events.length), 16)
    }
    this.#given = this.#written
  }

  /** Ends all streams. */
  stop(): void {
    for (const stream of this.#streams) stream.end()
    this.#listeners.clear()
  }

  /**
   * Numbers an event and makes its record. Must be called in the turn in which the batch is queued; `written` must be called
   * once that batch is in the store.
   */
  append(event: LoggedEvent): { readonly seq: number; readonly operation: Operation } {
    const seq = ++this.#given
    const value = toBinary(
      EventRecordSchema,
      create(EventRecordSchema, {
        version: 1,
        at: BigInt(event.at),
        type: event.type,
        contact: event.contact,
        messageId: event.messageId ?? new Uint8Array(0),
        outgoing: event.outgoing ?? false,
        ...(event.from === undefined ? {} : { from: event.from }),
        ...(event.to === undefined ? {} : { to: event.to }),
        trustFrom: event.trustFrom ?? 0,
        trustTo: event.trustTo ?? 0,
      }),
    )
    return { seq, operation: { type: 'put', key: keys.event(seq), value } }
  }

  /** The batch with this number is in the store: streams and listeners may have it. */
  written(seq: number): void {
    if (seq <= this.#written) return
    const first = this.#written + 1
    this.#written = seq
    for (const stream of this.#streams) stream.wake()
    if (this.#listeners.size > 0) this.#telling = this.#telling.then(() => this.#tell(first, seq))
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

  async *events(options: EventsOptions = {}): AsyncGenerator<DeliveredEvent, void, undefined> {
    options.signal?.throwIfAborted()
    const stream = new EventStream()
    this.#streams.add(stream)
    const quit = (): void => stream.end()
    options.signal?.addEventListener('abort', quit)
    try {
      let next = await this.#startOf(options)
      while (!stream.ended) {
        for (const event of stream.take())
          if (wanted(event, options)) yield this.#deliver(event, options)
        for await (const event of this.#read(next, this.#written)) {
          next = event.seq + 1
          if (event.event !== undefined && wanted(event.event, options)) {
            yield this.#deliver(event.event, options)
          }
          if (stream.ended) break
        }
        if (next > this.#written) await stream.wait()
      }
      options.signal?.throwIfAborted()
    } finally {
      options.signal?.removeEventListener('abort', quit)
      this.#streams.delete(stream)
    }
  }

  async #startOf({ consumer, from }: EventsOptions): Promise<number> {
    if (consumer !== undefined) {
      const cursor = await this.#cursor(consumer)
      if (cursor !== undefined) return cursor + 1
    }
    if (typeof from === 'number') return from
    return (from ?? (consumer === undefined ? 'now' : 'start')) === 'now' ? this.#written + 1 : 1
  }

  async #cursor(consumer: string): Promise<number | undefined> {
    if (!/^[\w.-]+$/.test(consumer) || consumer.length > MAX_CONSUMER_NAME) {
      throw new SottoError('INVALID_ARGUMENT', 'a consumer name has 1 to 64 letters, digits, . _ -')
    }
    const value = await this.#records.get(keys.consumer(consumer))
    return value === undefined
      ? undefined
      : Number(new DataView(value.buffer, value.byteOffset).getBigUint64(0))
  }

  #deliver(event: NodeEvent, { consumer }: EventsOptions): DeliveredEvent {
    const { seq } = event
    const ack = async (): Promise<void> => {
      if (consumer === undefined || seq === undefined) return
      const value = new Uint8Array(8)
      new DataView(value.buffer).setBigUint64(0, BigInt(seq))
      await this.#records.later([{ type: 'put', key: keys.consumer(consumer), value }])
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
    })) {
      const seq = Number.parseInt(key.slice(keys.events.length), 16)
      if (seq > to) return
      yield { seq, event: await this.#describe(seq, fromBinary(EventRecordSchema, value)) }
    }
  }

  async #tell(from: number, to: number): Promise<void> {
    try {
      for await (const { event } of this.#read(from, to)) if (event !== undefined) this.#call(event)
    } catch (error) {
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

function wanted(event: NodeEvent, { types, contacts }: EventsOptions): boolean {
  if (types !== undefined && !types.includes(event.type)) return false
  if (contacts === undefined) return true
  return 'contact' in event && contacts.includes(event.contact.id)
}

/** What one reader waits for. */
class EventStream {
  #ephemeral: NodeEvent[] = []
  #wake: (() => void) | undefined
  #woken = false
  ended = false

  push(event: NodeEvent): void {
    this.#ephemeral.push(event)
    if (this.#ephemeral.length > MAX_EPHEMERAL) this.#ephemeral.shift()
    this.wake()
  }

  take(): readonly NodeEvent[] {
    const taken = this.#ephemeral
    this.#ephemeral = []
    return taken
  }

  wake(): void {
    this.#woken = true
    this.#wake?.()
  }

  end(): void {
    this.ended = true
    this.wake()
  }

  async wait(): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#woken = false
    this.#wake = undefined
  }
}
