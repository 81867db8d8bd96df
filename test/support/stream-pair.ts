// Two ends of one libp2p stream over loopback TCP, with a proxy between them that can cut the line.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { silentLogger } from '../../net/platform/silent-logger.ts'

const PROTOCOL = '/sotto-test/pair/1'

export interface StreamEnd {
  readonly stream: Stream
  readonly connection: Connection
}

export interface StreamPair {
  /** The end that dialled. */
  readonly near: StreamEnd
  /** The end that was dialled. */
  readonly far: StreamEnd
  /** Ends the TCP connection without a word, as when a process is killed. */
  cut(): void
  stop(): Promise<void>
}

/** Ends that nobody has read from yet. */
export async function streamPair(): Promise<StreamPair> {
  const far = Promise.withResolvers<StreamEnd>()
  const server = await plainNode(['/ip4/127.0.0.1/tcp/0'])
  await server.handle(PROTOCOL, (stream, connection) => far.resolve({ stream, connection }))
  const proxy = await startProxy(portOf(server))
  const client = await plainNode([])
  const connection = await client.dial(
    multiaddr(`/ip4/127.0.0.1/tcp/${proxy.port}/p2p/${server.peerId.toString()}`),
  )
  const stream = await connection.newStream(PROTOCOL)
  return {
    near: { stream, connection },
    far: await far.promise,
    cut: proxy.cut,
    stop: async () => {
      proxy.cut()
      await Promise.all([client.stop(), server.stop(), proxy.stop()])
    },
  }
}

/** A node with our transport, encryption and multiplexer, and none of our services. */
export function plainNode(listen: string[]): Promise<Libp2p> {
  return createLibp2p({
    logger: silentLogger,
    addresses: { listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 1024 * 1024 } })],
    connectionManager: { inboundConnectionThreshold: 1000 },
  })
}

function portOf(node: Libp2p): number {
  const port = node
    .getMultiaddrs()[0]
    ?.getComponents()
    .find(({ name }) => name === 'tcp')?.value
  return Number(port)
}

async function startProxy(target: number) {
  const sockets = new Set<Socket>()
  const server: Server = createServer((inbound) => {
    const outbound = connect(target, '127.0.0.1')
    for (const socket of [inbound, outbound]) {
      sockets.add(socket)
      socket.on('error', () => undefined) // the other side of a cut
    }
    inbound.pipe(outbound).pipe(inbound)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
    stop: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}
