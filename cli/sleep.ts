import { setTimeout as after } from 'node:timers/promises'

/** Waits; rejects with the reason of `signal` when it aborts. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await after(ms, undefined, { signal })
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}
