import type { Clock, Timer } from '../ports.ts'

/** The real clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, run) => (ms <= 0 ? afterTurn(run) : afterTime(ms, run)),
}

function afterTime(ms: number, run: () => void): Timer {
  const timer: unknown = setTimeout(run, ms)
  // Node's timers keep the process alive unless told otherwise; a browser's are plain numbers.
  if (isTimeout(timer)) timer.unref()
  return { cancel: () => cancel(timer) }
}

/**
 * Node has a list of timers for each number of milliseconds, and lets go of an empty one at once only if the timer that leaves it
 * keeps the process alive; otherwise it stays for as long as the timer would have run, which may be days.
 */
function cancel(timer: unknown): void {
  if (isTimeout(timer)) timer.ref()
  clearTimeout(timer as number)
}

function isTimeout(timer: unknown): timer is { ref(): void; unref(): void } {
  return typeof timer === 'object' && timer !== null && 'unref' in timer && 'ref' in timer
}

function afterTurn(run: () => void): Timer {
  let cancelled = false
  schedule(() => {
    if (!cancelled) run()
  })
  return { cancel: () => void (cancelled = true) }
}

const schedule: (task: () => void) => void =
  typeof setImmediate === 'function' ? (task) => void setImmediate(task) : messageTask()

/** Browsers have no `setImmediate`; a posted message does not wait as a timer does. */
function messageTask(): (task: () => void) => void {
  const tasks: (() => void)[] = []
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => tasks.shift()?.()
  return (task) => {
    tasks.push(task)
    port2.postMessage(undefined)
  }
}
