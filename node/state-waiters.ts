// Those who wait for a message to get somewhere.

import { toHex } from '../protocol/bytes.ts'
import type { Clock } from '../net/ports.ts'
import type { DeliveryState } from './api.ts'
import { SottoError } from './errors.ts'
import { reached, stateOf, type StoredMessage } from './message.ts'

export interface WaitOptions {
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
}

type Listener = (message: StoredMessage) => void

export class StateWaiters {
  readonly #clock: Clock
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #stopped = new AbortController()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A message of ours is as it is given. */
  changed(message: StoredMessage): void {
    for (const listener of this.#listeners.get(toHex(message.id)) ?? []) listener(message)
  }

  /** Nothing will change any more: whoever waits is told NODE_STOPPED. */
  stop(): void {
    this.#stopped.abort(new SottoError('NODE_STOPPED', 'the node has stopped'))
  }

  /**
   * Resolves when the message with this id has reached `wanted`; `current` reads it as it is now. SottoError WAIT_TIMEOUT (the
   * message stays queued), NOT_ALLOWED when it failed, NODE_STOPPED; rejects with the reason of `signal`.
   */
  async until(
    id: Uint8Array,
    wanted: DeliveryState,
    current: () => Promise<StoredMessage>,
    { timeout, signal: given }: WaitOptions,
  ): Promise<StoredMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<StoredMessage>()
    promise.catch(() => undefined) // nobody looks at it when `current` fails first
    const look = (now: StoredMessage): void => {
      const state = stateOf(now)
      if (reached(state, wanted)) resolve(now)
      else if (state === 'failed') reject(failed(now))
    }
    const stopped = this.#stopped.signal
    const signal = given === undefined ? stopped : AbortSignal.any([given, stopped])
    const quit = (): void => reject(signal.reason)
    const late = (): void => reject(timedOut(wanted))
    const timer = timeout === undefined ? undefined : this.#clock.after(timeout, late)
    const leave = this.#listen(id, look)
    signal.addEventListener('abort', quit)
    try {
      signal.throwIfAborted()
      look(await current()) // listening already: a change in between is not missed
      return await promise
    } finally {
      leave()
      timer?.cancel()
      signal.removeEventListener('abort', quit)
    }
  }

  #listen(id: Uint8Array, listener: Listener): () => void {
    const key = toHex(id)
    const listeners = this.#listeners.get(key) ?? new Set()
    this.#listeners.set(key, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(key)
    }
  }
}

function failed(message: StoredMessage): SottoError {
  const reason = message.states.at(-1)?.reason ?? 'rejected'
  return new SottoError('NOT_ALLOWED', `the message failed: ${reason}`)
}

function timedOut(wanted: DeliveryState): SottoError {
  return new SottoError('WAIT_TIMEOUT', `the message is not ${wanted} yet; it stays queued`, {
    hint: 'sotto status shows what waits; the node keeps trying',
    retryable: true,
  })
}
