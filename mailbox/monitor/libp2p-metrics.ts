// What libp2p counts. Its adapter to Prometheus keeps one object for each name in the whole process, so these are of the process: of
// several mailboxes in one, together, and what is only asked for when it is read, of the first.

import { prometheusMetrics } from '@libp2p/prometheus-metrics'
import { Registry } from 'prom-client'

/** What `createLibp2p` takes as `metrics`. */
export type Libp2pMetrics = ReturnType<typeof prometheusMetrics>

const registry = new Registry()

/** What transports say by address; `sotto_connections` has it by transport. */
const WITH_ADDRESSES = /^libp2p_(?:tcp|websockets)_/

/** For one node. */
export function libp2pMetrics(): Libp2pMetrics {
  // Without the second flag, the global registry of whoever embeds us would be cleared.
  return prometheusMetrics({
    ...{ collectDefaultMetrics: false, preserveExistingMetrics: true },
    registry,
  })
}

/** The text for a scrape. */
export async function libp2pText(): Promise<string> {
  for (const { name } of registry.getMetricsAsArray())
    if (WITH_ADDRESSES.test(name)) registry.removeSingleMetric(name)
  return await registry.metrics()
}
