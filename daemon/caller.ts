// How a command reaches the methods, wherever the node runs.

import { SottoError } from '../node/errors.ts'
import type { MethodName, ParamsOf, ResultOf } from './method-types.ts'
import type { EventNotification } from './session.ts'
import type { EventView } from './views.ts'

/** Aborting a call rejects it with the signal's reason; what it has already queued stays queued. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/** A table of methods: of each what it takes and gives. */
export type Methods<Types> = {
  readonly [M in keyof Types]: { readonly params: object; readonly result: unknown }
}

/** The methods of one node: over its socket, or of a node inside this process. Same table, same answers. */
export interface Caller {
  readonly mode: 'daemon' | 'embedded'
  /** Rejects with SottoError when the node goes away; never resolves. */
  readonly lost: Promise<never>
  call<M extends MethodName>(
    method: M,
    params: ParamsOf<M>,
    options?: CallOptions,
  ): Promise<ResultOf<M>>
  onNotification(listener: (notification: EventNotification) => void): () => void
  close(): Promise<void>
}

/** One event and the way to say that it was handled; without it the stream pauses after 64 and a consumer gets it again. */
export interface ReceivedEvent {
  readonly event: EventView
  ack(): Promise<void>
}

/** The event stream, until `signal` aborts (rejects with its reason) or the node goes away (NODE_STOPPED). */
export async function* streamEvents(
  caller: Caller,
  params: ParamsOf<'event.subscribe'>,
  { signal }: CallOptions = {},
): AsyncGenerator<ReceivedEvent, void, undefined> {
  const arrived: EventNotification[] = []
  let wake = Promise.withResolvers<void>()
  const off = caller.onNotification((notification) => {
    arrived.push(notification)
    wake.resolve()
  })
  const ended = Promise.race([caller.lost, aborted(signal)])
  // Awaited in the loop; when the loop is left for another reason this must not become an unhandled rejection.
  ended.catch(() => undefined)
  try {
    const { subscription } = await caller.call('event.subscribe', params, { signal })
    for (;;) {
      for (let next = arrived.shift(); next !== undefined; next = arrived.shift()) {
        signal?.throwIfAborted()
        if (next.subscription === subscription) yield received(caller, next)
      }
      wake = Promise.withResolvers<void>()
      await Promise.race([wake.promise, ended])
    }
  } finally {
    off()
  }
}

function received(caller: Caller, { subscription, event }: EventNotification): ReceivedEvent {
  if (event === undefined) throw new SottoError('NODE_STOPPED', 'the node is stopping')
  const { seq } = event
  return {
    event,
    async ack() {
      if (seq !== undefined) await caller.call('event.ack', { subscription, seq })
    },
  }
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    if (signal?.aborted === true) reject(signal.reason)
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
