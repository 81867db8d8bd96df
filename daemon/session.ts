// What belongs to one caller of the API: its event subscriptions. A caller is a connection to the socket, or the
// command itself when the node runs inside it.

import { SottoError } from '../node/errors.ts'
import type { EventsOptions, Node, NodeEvent } from '../node/api.ts'
import { MAX_SUBSCRIPTIONS, MAX_UNACKNOWLEDGED } from './limits.ts'
import { eventView } from './views.ts'
import type { EventView } from './views.ts'

/** What a subscriber is told. */
export interface EventNotification {
  readonly subscription: number
  /** Absent when the stream has ended. */
  readonly event?: EventView
}

/** Hands a notification to the caller; resolves when there is room for the next. */
export type Notify = (method: string, params: EventNotification) => Promise<void>

/** Which of several subscriptions an acknowledgement is for. */
export type SubscriptionChoice = { readonly subscription: number } | { readonly consumer: string }

interface Subscription {
  readonly consumer: string | undefined
  readonly waiting: Map<number, () => Promise<void>>
  readonly stop: AbortController
  room: PromiseWithResolvers<void> | undefined
}

/** The subscriptions of one caller. `close` ends them all; what was not acknowledged comes again to its consumer. */
export class Session {
  readonly #notify: Notify
  readonly #subscriptions = new Map<number, Subscription>()
  #lastId = 0

  constructor(notify: Notify) {
    this.#notify = notify
  }

  /** Starts a stream of events and returns its number. Throws SottoError RATE_LIMITED above 16 streams. */
  subscribe(node: Node, options: Omit<EventsOptions, 'signal'>): number {
    if (this.#subscriptions.size >= MAX_SUBSCRIPTIONS) {
      throw new SottoError('RATE_LIMITED', `at most ${MAX_SUBSCRIPTIONS} event streams at once`)
    }
    const stop = new AbortController()
    const subscription: Subscription = {
      consumer: options.consumer,
      waiting: new Map(),
      stop,
      room: undefined,
    }
    const id = ++this.#lastId
    this.#subscriptions.set(id, subscription)
    // Opened now, not in the pump: what happens after the reply to this call is in the stream.
    const events = node.events({ ...options, signal: stop.signal })[Symbol.asyncIterator]()
    void this.#pump(id, subscription, events)
    return id
  }

  /** Marks everything up to `seq` as handled. Unknown numbers are ignored: they were acknowledged before. */
  async acknowledge(choice: SubscriptionChoice, seq: number): Promise<void> {
    const subscription = this.#find(choice)
    for (const [waiting, ack] of [...subscription.waiting]) {
      if (waiting > seq) continue
      subscription.waiting.delete(waiting)
      await ack()
    }
    subscription.room?.resolve()
  }

  close(): void {
    for (const subscription of this.#subscriptions.values()) {
      subscription.stop.abort()
      subscription.room?.resolve()
    }
    this.#subscriptions.clear()
  }

  #find(choice: SubscriptionChoice): Subscription {
    for (const [id, subscription] of this.#subscriptions) {
      if ('subscription' in choice && choice.subscription === id) return subscription
      if ('consumer' in choice && choice.consumer === subscription.consumer) return subscription
    }
    throw new SottoError('INVALID_ARGUMENT', 'no such event stream on this connection')
  }

  async #pump(
    id: number,
    subscription: Subscription,
    events: AsyncIterator<StreamedEvent>,
  ): Promise<void> {
    const { signal } = subscription.stop
    try {
      for (let next = await events.next(); next.done !== true; next = await events.next()) {
        await this.#hand(id, subscription, next.value)
        await this.#untilRoom(subscription)
        if (signal.aborted) break
      }
    } catch {
      // The stream ended because the caller left or the node stops; both are told below.
    } finally {
      this.#subscriptions.delete(id)
      await events.return?.().catch(ignore)
      if (!signal.aborted) await this.#notify('event', { subscription: id }).catch(ignore)
    }
  }

  async #hand(id: number, subscription: Subscription, event: StreamedEvent): Promise<void> {
    if (event.seq !== undefined) subscription.waiting.set(event.seq, () => event.ack())
    await this.#notify('event', { subscription: id, event: eventView(event) })
  }

  async #untilRoom(subscription: Subscription): Promise<void> {
    while (subscription.waiting.size >= MAX_UNACKNOWLEDGED && !subscription.stop.signal.aborted) {
      subscription.room = Promise.withResolvers<void>()
      await subscription.room.promise
    }
  }
}

type StreamedEvent = NodeEvent & { ack(): Promise<void> }

/** The caller is gone or the node is stopping; there is nobody to tell. */
function ignore(): void {}
