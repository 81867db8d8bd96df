/** Ends a task when its time is up or its caller gives up, whether or not the task listens. */
import type { Clock } from '../net/ports.ts'

export interface DeadlineOptions {
  readonly clock: Clock
  /** From now, in ms. */
  readonly timeout: number
  readonly signal?: AbortSignal | undefined
}

/**
 * Runs `task` with a signal that is aborted after `timeout` or with `signal`. Rejects with the task's error, with a
 * `TimeoutError`, or with the reason of `signal`. A task that ignores its signal is left to itself.
 */
export async function withDeadline<T>(
  { clock, timeout, signal }: DeadlineOptions,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const inner = new AbortController()
  const { promise: ended, reject } = Promise.withResolvers<never>()
  inner.signal.addEventListener('abort', () => reject(inner.signal.reason))
  const quit = (): void => inner.abort(signal?.reason)
  signal?.addEventListener('abort', quit)
  const timer = clock.after(timeout, () => inner.abort(timeoutError(timeout)))
  try {
    return await Promise.race([task(inner.signal), ended])
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', quit)
  }
}

/** What a task that took too long is rejected with; the same as of `AbortSignal.timeout`. */
export function timeoutError(timeout: number): DOMException {
  return new DOMException(`no answer within ${timeout} ms`, 'TimeoutError')
}
