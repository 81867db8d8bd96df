// What a node of a test network says that happens: its event stream, kept, and waited for.

import { streamEvents, type Caller } from '../daemon/caller.ts'
import type { EventView } from '../daemon/views.ts'
import type { EventType } from '../node/api.ts'

export type EventViewOf<T extends EventType> = Extract<EventView, { readonly type: T }>
export type StateEvent = EventViewOf<'message.state'>

/** Something did not happen that should have: the network does not do what it promises. */
export class StoryError extends Error {
  static override readonly name = 'StoryError'
  override readonly name = 'StoryError'
}

/** How long anything may take, in ms. */
const PATIENCE = 30_000

/** An acknowledgement covers all events before it; a stream pauses when 64 are without. */
const ACKNOWLEDGE_EVERY = 32

interface Waiter {
  readonly test: () => boolean
  readonly resolve: () => void
}

/** The events of one run of a node, from the call of `open` on, and what its log has of before when asked for. */
export class Watch {
  readonly events: EventView[] = []
  /** The newest state of each of the node's own messages, by id. */
  readonly states: Map<string, StateEvent> = new Map()
  readonly #waiters = new Set<Waiter>()

  /** Resolves when the stream is open: nothing that happens after that is missed. */
  static async open(
    node: Caller,
    signal: AbortSignal,
    from: 'now' | 'start' = 'now',
  ): Promise<Watch> {
    const watch = new Watch()
    void watch.#follow(node, signal, from)
    // The reply to a later call comes after the stream was opened.
    await node.call('meta.hello', {}, { signal })
    return watch
  }

  /** The first event, also of those before the call, that fits. Rejects with StoryError after 30 s. */
  async first<T extends EventType>(
    type: T,
    what: string,
    test: (event: EventViewOf<T>) => boolean = () => true,
  ): Promise<EventViewOf<T>> {
    const find = (): EventViewOf<T> | undefined =>
      this.events.find((event): event is EventViewOf<T> => is(event, type) && test(event))
    await this.until(what, () => find() !== undefined)
    const found = find()
    if (found === undefined) throw new StoryError(what)
    return found
  }

  /** Waits until something is true, looking after every event. Rejects with StoryError after 30 s. */
  async until(what: string, test: () => boolean): Promise<void> {
    if (test()) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiter: Waiter = { test, resolve }
    this.#waiters.add(waiter)
    const late = (): void => reject(new StoryError(`${what}: not within ${PATIENCE / 1000} s`))
    const timer = setTimeout(late, PATIENCE)
    try {
      await promise
    } finally {
      clearTimeout(timer)
      this.#waiters.delete(waiter)
    }
  }

  /** Never rejects. */
  async #follow(node: Caller, signal: AbortSignal, from: 'now' | 'start'): Promise<void> {
    try {
      for await (const received of streamEvents(node, { from }, { signal })) {
        this.#take(received.event)
        if ((received.event.seq ?? 1) % ACKNOWLEDGE_EVERY === 0) await received.ack()
      }
    } catch {
      // The node was stopped or killed, or we were: whoever waits for more finds out by waiting.
    }
  }

  #take(event: EventView): void {
    this.events.push(event)
    if (event.type === 'message.state') this.states.set(event.messageId, event)
    for (const waiter of this.#waiters) if (waiter.test()) waiter.resolve()
  }
}

function is<T extends EventType>(event: EventView, type: T): event is EventViewOf<T> {
  return event.type === type
}
