import type { ComponentLogger, Logger } from '@libp2p/interface'

const silent: Logger = Object.assign(() => undefined, {
  error: () => undefined,
  trace: () => undefined,
  enabled: false,
  newScope: () => silent,
})

/** Writes nothing: libp2p's log lines hold peer ids and addresses. */
export const silentLogger: ComponentLogger = { forComponent: () => silent }
