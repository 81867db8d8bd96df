import type { Clock } from '../ports.ts'

/** The real clock. */
export const systemClock: Clock = {
  now: () => Date.now(),

  after(ms, run) {
    const timer: unknown = setTimeout(run, ms)
    // Node's timers keep the process alive unless told otherwise; a browser's are plain numbers.
    if (isTimeout(timer)) timer.unref()
    return { cancel: () => clearTimeout(timer as number) }
  },
}

function isTimeout(timer: unknown): timer is { unref(): void } {
  return typeof timer === 'object' && timer !== null && 'unref' in timer
}
