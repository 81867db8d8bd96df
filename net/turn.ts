/** Runs `task` when everything that is ready in this turn of the event loop has run, before the next wait for input. */
export const afterTurn: (task: () => void) => void =
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
