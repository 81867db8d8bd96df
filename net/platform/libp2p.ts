/** A libp2p node with the transports, limits and services that all of sotto shares. */
import { identify, identifyPush } from '@libp2p/identify'
import { mdns } from '@libp2p/mdns'
import { ping } from '@libp2p/ping'
import { createLibp2p } from 'libp2p'
import { ready } from '../../protocol/crypto.ts'
import { AGENT, MDNS_SERVICE_TAG } from '../names.ts'
import { dialPolicy, MAX_DIALLED_ADDRESSES, type DialPolicy } from '../dial-policy.ts'
import { InboundDoor, NODE_INBOUND, type InboundLimits } from '../inbound-limits.ts'
import { keepDialling } from './bootstrap.ts'
import { systemClock } from './clock.ts'
import { dialGater, inboundGater } from './gater.ts'
import { libp2pKey } from './identity-codec.ts'
import { platformRandom } from './random.ts'
import { silentLogger } from './silent-logger.ts'
import { transports } from './transports.ts'
import { watchedDials, type DialFailure } from './watched-dials.ts'
import type { Identify, IdentifyPush } from '@libp2p/identify'
import type { KadDHT, KadDHTComponents } from '@libp2p/kad-dht'
import type { ComponentLogger, Libp2p, PeerDiscovery, PeerInfo } from '@libp2p/interface'
import type { MulticastDNSComponents } from '@libp2p/mdns'
import type { Ping } from '@libp2p/ping'
import type { Datastore } from 'interface-datastore'
import type { Libp2pInit, ServiceFactoryMap } from 'libp2p'
import type { RandomBytes } from '../../protocol/bytes.ts'
import type { Account } from '../../protocol/account.ts'
import type { Clock, PeerName } from '../ports.ts'

export interface NetworkOptions<Services extends Record<string, unknown>> {
  readonly account: Account
  /** Multiaddrs; none at all makes a node that only dials. When none of them works, starting fails. */
  readonly listen: readonly string[]
  /** What to tell others instead of the listen addresses, for instance behind a TLS proxy. */
  readonly announce?: readonly string[]
  /** Multiaddrs that are dialled again and again while there is no connection to them. */
  readonly bootstrap: readonly string[]
  /** Whether to announce this node on the local network and to look for others there. */
  readonly lan: boolean
  /** For the peer store and the DHT; opened and closed by the caller. Absent: kept in memory. */
  readonly datastore?: Datastore
  /** The service half of `directory`. */
  readonly dht: (components: KadDHTComponents) => KadDHT
  /** Which addresses that were learnt from others are dialled. @default by what is listened on, announced and bootstrapped from */
  readonly dialPolicy?: DialPolicy
  /** More services, for instance `chat` or `mailbox`. */
  readonly services?: ServiceFactoryMap<Services>
  /** Connections that others may open. @default those of a chat node */
  readonly inbound?: InboundLimits
  /** Peers that the reserved room among them is for. @default nobody */
  readonly isKnown?: (peer: PeerName) => boolean | Promise<boolean>
  /** @default 300 */
  readonly maxConnections?: number
  /**
   * Incoming connections that are being set up at a time; one more is refused. More than one host may have open, or a host that
   * begins them and says nothing would keep out everybody else. Owners of a mailbox come back all at once.
   *
   * @default 64
   */
  readonly maxPendingConnections?: number
  /** Told of each address that could not be dialled, by transport. @default nobody */
  readonly onDialFailure?: (transport: string, reason: DialFailure) => void
  /** Counts what libp2p does. @default nothing is counted */
  readonly metrics?: Libp2pInit['metrics']
  /** @default a logger that writes nothing: log lines hold peer ids and addresses */
  readonly logger?: ComponentLogger
  readonly clock?: Clock
  readonly random?: RandomBytes
}

/** The services of every node; a type, because libp2p wants an index signature. */
export type NetworkServices = {
  readonly identify: Identify
  readonly identifyPush: IdentifyPush
  readonly ping: Ping
  readonly dht: KadDHT
}

/** New connections a second from one address that libp2p lets pass to our own limits, which know an address that many share. */
const LIBP2P_RATE = 1000

/** Peers found on the local network that are dialled at the same time. */
const MAX_LAN_DIALS = 8

const LAN_DIAL_MS = 10_000

/**
 * Starts a node. Its `stop` ends everything that was begun here. The options are read once and not changed, so that the same
 * object may start several nodes. Rejects with libp2p's error when it cannot listen or a multiaddr cannot be read.
 */
export async function startNetwork<Services extends Record<string, unknown>>(
  options: NetworkOptions<Services>,
): Promise<Libp2p<NetworkServices & Services>> {
  await ready
  const node = await createLibp2p<NetworkServices & Services>(await configuration(options))
  const { clock = systemClock, random = platformRandom } = options
  try {
    const stopDialling = keepDialling(node, options.bootstrap, { clock, random })
    node.addEventListener('stop', stopDialling, { once: true })
    return node
  } catch (cause) {
    await node.stop()
    throw cause
  }
}

async function configuration<Services extends Record<string, unknown>>(
  options: NetworkOptions<Services>,
): Promise<Parameters<typeof createLibp2p<NetworkServices & Services>>[0]> {
  const { isKnown = () => false, clock = systemClock, inbound = NODE_INBOUND } = options
  const door = new InboundDoor(inbound, clock)
  return {
    privateKey: await libp2pKey(options.account),
    nodeInfo: { name: AGENT, version: '1', userAgent: AGENT },
    logger: options.logger ?? silentLogger,
    addresses: { listen: [...options.listen], announce: [...(options.announce ?? [])] },
    ...transports(),
    ...(options.onDialFailure && {
      transports: watchedDials(transports().transports, options.onDialFailure),
    }),
    connectionGater: {
      ...dialGater(options.dialPolicy ?? dialPolicy(options)),
      ...inboundGater(door, (peer) => isKnown(peer.toString() as PeerName)),
    },
    connectionManager: {
      maxPeerAddrsToDial: MAX_DIALLED_ADDRESSES,
      maxConnections: options.maxConnections ?? 300,
      inboundConnectionThreshold: LIBP2P_RATE,
      maxIncomingPendingConnections: options.maxPendingConnections ?? 64,
    },
    peerDiscovery: options.lan ? [lanDiscovery()] : [],
    services: {
      ...options.services,
      identify: identify(),
      identifyPush: identifyPush(),
      ping: ping(),
      dht: options.dht,
    } as ServiceFactoryMap<NetworkServices & Services>, // TypeScript does not see through the spread of a generic map
    ...(options.datastore === undefined ? {} : { datastore: options.datastore }),
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
  }
}

interface LanComponents extends MulticastDNSComponents {
  readonly connectionManager: KadDHTComponents['connectionManager']
}

/** Multicast DNS under a service tag of our own: only sotto answers. libp2p finds peers, we dial them. */
function lanDiscovery(): (components: LanComponents) => PeerDiscovery {
  return (components) => {
    const discovery = mdns({ serviceTag: MDNS_SERVICE_TAG })(components)
    const { connectionManager } = components
    let dialling = 0
    discovery.addEventListener('peer', ({ detail: peer }: CustomEvent<PeerInfo>) => {
      if (dialling >= MAX_LAN_DIALS || connectionManager.getConnections(peer.id).length > 0) return
      dialling++
      connectionManager
        .openConnection(peer.multiaddrs, { signal: AbortSignal.timeout(LAN_DIAL_MS) })
        .catch(() => undefined) // it announces itself again
        .finally(() => dialling--)
    })
    return discovery
  }
}
