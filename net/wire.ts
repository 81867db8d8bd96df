/** The port `Wire` over a libp2p node: dialling, protocol handlers, connection events. */
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { channelOf } from './channel.ts'
import { ChannelError, toError } from './channel-error.ts'
import { accountOf } from './peer-name.ts'
import type {
  AbortOptions,
  Connection,
  Libp2pEvents,
  PeerId,
  PeerInfo,
  PeerStore,
  StreamHandler,
  StreamHandlerOptions,
  TypedEventTarget,
} from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Channel, Clock, HandleOptions, OpenOptions, PeerName, Wire } from './ports.ts'

/** The parts of a libp2p node that the wire needs; a service gets them as its components. */
export interface WireComponents {
  readonly peerId: PeerId
  readonly registrar: {
    handle(
      protocol: string,
      handler: StreamHandler,
      options?: StreamHandlerOptions & AbortOptions,
    ): Promise<void>
    unhandle(protocol: string, options?: AbortOptions): Promise<void>
  }
  readonly connectionManager: {
    openConnection(peer: PeerId, options?: AbortOptions): Promise<Connection>
    getConnections(peer?: PeerId): Connection[]
  }
  readonly peerStore: Pick<PeerStore, 'merge'>
  readonly peerRouting?: {
    findPeer(peer: PeerId, options?: AbortOptions & { useCache?: boolean }): Promise<PeerInfo>
  }
  readonly events: TypedEventTarget<Libp2pEvents>
}

/** More addresses of one peer are not remembered. */
const MAX_ADDRESSES = 16

/** Channels of one protocol that we open to one peer. */
const MAX_OUTBOUND_CHANNELS = 8

/** The wire of one node. `clock` gathers the frames of a turn and times how long a closed channel may linger. */
export function libp2pWire(components: WireComponents, clock: Clock): Wire {
  return new Libp2pWire(components, clock)
}

class Libp2pWire implements Wire {
  readonly self: PeerName
  readonly #components: WireComponents
  readonly #clock: Clock

  constructor(components: WireComponents, clock: Clock) {
    this.self = checkedName(components.peerId)
    this.#components = components
    this.#clock = clock
  }

  async open(peer: PeerName, protocol: string, options: OpenOptions): Promise<Channel> {
    const { maxFrameBytes, signal } = options
    accountOf(peer)
    const connection = await this.#connect(peerIdFromString(peer), options)
    const stream = await connection
      .newStream(protocol, {
        signal,
        runOnLimitedConnection: true,
        maxOutboundStreams: MAX_OUTBOUND_CHANNELS,
      })
      .catch((cause: unknown) => {
        throw toError(cause)
      })
    // A peer with too many streams of ours resets the new one, which still resolves.
    if (stream.status !== 'open') throw new ChannelError('ERR_CLOSED')
    return channelOf(stream, connection, { maxFrameBytes, clock: this.#clock })
  }

  handle(
    protocol: string,
    { maxFrameBytes, maxChannels, unread }: HandleOptions,
    handler: (channel: Channel) => Promise<void>,
  ): Promise<void> {
    return this.#components.registrar.handle(
      protocol,
      async (stream, connection) => {
        const options = { maxFrameBytes, clock: this.#clock, unread }
        const channel = channelOf(stream, connection, options)
        try {
          await handler(channel)
          await channel.close()
        } catch (cause) {
          // The reason stays here: the peer sees a reset and no text.
          channel.abort(toError(cause))
        }
      },
      {
        maxInboundStreams: maxChannels,
        maxOutboundStreams: MAX_OUTBOUND_CHANNELS,
        runOnLimitedConnection: true,
      },
    )
  }

  unhandle(protocol: string): Promise<void> {
    return this.#components.registrar.unhandle(protocol)
  }

  isConnected(peer: PeerName): boolean {
    return this.#components.connectionManager.getConnections(peerIdFromString(peer)).length > 0
  }

  watch(listener: (peer: PeerName, connected: boolean) => void): () => void {
    const { events } = this.#components
    const onConnect = (event: CustomEvent<PeerId>): void => tell(listener, event.detail, true)
    const onDisconnect = (event: CustomEvent<PeerId>): void => tell(listener, event.detail, false)
    events.addEventListener('peer:connect', onConnect)
    events.addEventListener('peer:disconnect', onDisconnect)
    return () => {
      events.removeEventListener('peer:connect', onConnect)
      events.removeEventListener('peer:disconnect', onDisconnect)
    }
  }

  async #connect(id: PeerId, { addresses = [], search, signal }: OpenOptions): Promise<Connection> {
    const { connectionManager, peerStore } = this.#components
    const [open] = connectionManager.getConnections(id)
    if (open?.status === 'open') return open
    if (addresses.length > 0) await peerStore.merge(id, { multiaddrs: parse(addresses) })
    try {
      return await connectionManager.openConnection(id, { signal })
    } catch (cause) {
      if (search !== true || signal.aborted) throw toError(cause)
      return await this.#search(id, signal, toError(cause))
    }
  }

  /** Asks the network: what we remember may be stale, and the dialler does not look further then. */
  async #search(id: PeerId, signal: AbortSignal, failed: Error): Promise<Connection> {
    const { connectionManager, peerRouting, peerStore } = this.#components
    try {
      const found = await peerRouting?.findPeer(id, { useCache: false, signal })
      if (found === undefined || found.multiaddrs.length === 0) throw failed
      await peerStore.merge(id, { multiaddrs: found.multiaddrs.slice(0, MAX_ADDRESSES) })
      return await connectionManager.openConnection(id, { signal })
    } catch (cause) {
      throw signal.aborted ? toError(signal.reason) : cause === failed ? failed : toError(cause)
    }
  }
}

/** Peers with other kinds of keys are none of ours. */
function tell(
  listener: (peer: PeerName, connected: boolean) => void,
  peer: PeerId,
  connected: boolean,
): void {
  if (peer.type === 'Ed25519') listener(peer.toString() as PeerName, connected)
}

/** Those that can be read, at most sixteen: addresses are hints, and one bad hint must not hide the others. */
function parse(addresses: readonly string[]): Multiaddr[] {
  return addresses.slice(0, MAX_ADDRESSES).flatMap((address) => {
    try {
      return [multiaddr(address)]
    } catch {
      return []
    }
  })
}

function checkedName(peer: PeerId): PeerName {
  const name = peer.toString()
  accountOf(name)
  return name as PeerName
}
