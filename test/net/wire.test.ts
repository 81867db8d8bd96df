import { afterEach, describe, expect, test } from 'vitest'
import type { Channel, PeerName } from '../../net/ports.ts'
import { fetchBundle, serveBundle } from '../../net/bundle-service.ts'
import { until } from '../support/manual-clock.ts'
import {
  TCP,
  testPeer,
  type TestPeer,
  type TestPeerOptions,
  WEBSOCKETS,
} from '../support/network.ts'

const PROTOCOL = '/sotto-test/echo/1'
const LIMITS = { maxFrameBytes: 1000, maxChannels: 2 }

const peers: TestPeer[] = []

afterEach(async () => {
  await Promise.all(peers.splice(0).map((peer) => peer.stop()))
})

describe.each([
  ['TCP', TCP],
  ['WebSockets', WEBSOCKETS],
])('over %s', (_, listen) => {
  test('a frame goes there and back, and both know whom they talk to', async () => {
    const [server, client] = [await start({ listen: [listen] }), await start({ listen: [] })]
    const seen: Channel[] = []
    await server.wire.handle(PROTOCOL, LIMITS, async (channel) => {
      seen.push(channel)
      await echo(channel)
    })
    const channel = await openTo(client, server)
    channel.send(Uint8Array.of(1, 2))
    await channel.close()
    expect(await framesOf(channel)).toEqual([Uint8Array.of(1, 2)])
    expect(channel.peer).toBe(server.wire.self)
    expect(seen[0]?.peer).toBe(client.wire.self)
    expect(seen[0]?.address).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\//)
    expect(client.wire.isConnected(server.wire.self)).toBe(true)
  })
})

test('opening rejects where nobody listens, without an address, and when it is given up', async () => {
  const [server, client] = [await start(), await start({ listen: [] })]
  const unknown = (await start({ listen: [] })).wire.self
  await expect(openAt(client, unknown, [])).rejects.toBeInstanceOf(Error)
  await expect(openAt(client, unknown, ['/ip4/127.0.0.1/tcp/1'])).rejects.toBeInstanceOf(Error)
  await expect(openAt(client, server.wire.self, server.addresses)).rejects.toMatchObject({
    name: 'UnsupportedProtocolError',
  })
  const given = AbortSignal.abort(new Error('given up'))
  await expect(openAt(client, server.wire.self, server.addresses, given)).rejects.toBeInstanceOf(
    Error,
  )
})

test('a bad address among the hints does not hide a good one', async () => {
  const [server, client] = [await start(), await start({ listen: [] })]
  await server.wire.handle(PROTOCOL, LIMITS, echo)
  const hints = ['nonsense', '/ip4/300.0.0.1/tcp/1', ...server.addresses]
  const channel = await openAt(client, server.wire.self, hints)
  await channel.close()
})

test('a channel beyond the limit of the other side is refused on opening or first use', async () => {
  const [server, client] = [await start(), await start({ listen: [] })]
  await server.wire.handle(PROTOCOL, LIMITS, echo)
  const open = [await openTo(client, server), await openTo(client, server)]
  const third = async (): Promise<Uint8Array[]> => framesOf(await openTo(client, server))
  await expect(third()).rejects.toBeInstanceOf(Error)
  for (const channel of open) await channel.close()
})

test('a handler that throws resets its channel and says nothing more', async () => {
  const [server, client] = [await start(), await start({ listen: [] })]
  await server.wire.handle(PROTOCOL, LIMITS, async () => {
    throw new Error('the reason is not for strangers')
  })
  const failure = await openTo(client, server)
    .then(framesOf)
    .catch((cause: unknown) => cause)
  expect(failure).toBeInstanceOf(Error)
  expect(String(failure)).not.toContain('reason')
})

test('a protocol that is not handled any more is not spoken', async () => {
  const [server, client] = [await start(), await start({ listen: [] })]
  await server.wire.handle(PROTOCOL, LIMITS, echo)
  await server.wire.unhandle(PROTOCOL)
  await expect(openTo(client, server)).rejects.toMatchObject({ name: 'UnsupportedProtocolError' })
})

test('a watcher hears of first and last connections until it leaves', async () => {
  const [server, client] = [await start(), await start({ listen: [] })]
  const heard: [PeerName, boolean][] = []
  const leave = server.wire.watch((peer, connected) => heard.push([peer, connected]))
  await client.node.dial(server.node.getMultiaddrs())
  await until(() => heard.length === 1)
  await client.node.hangUp(server.node.peerId)
  await until(() => heard.length === 2)
  leave()
  await client.node.dial(server.node.getMultiaddrs())
  await until(() => server.wire.isConnected(client.wire.self))
  expect(heard).toEqual([
    [client.wire.self, true],
    [client.wire.self, false],
  ])
})

test('a node keeps dialling its bootstrap peer after it came back', async () => {
  const first = await start()
  const [address = ''] = first.addresses
  const node = await start({ listen: [], bootstrap: [address] })
  await until(() => node.wire.isConnected(first.wire.self))
  await first.stop()
  await until(() => !node.wire.isConnected(first.wire.self))
  const listen = [address.slice(0, address.indexOf('/p2p/'))]
  const again = await start({ account: first.account, listen })
  await until(() => node.wire.isConnected(again.wire.self), 10_000_000)
})

test('one node serves its bundle, another fetches it, a third has none', async () => {
  const [server, client, empty] = [await start(), await start({ listen: [] }), await start()]
  await serveBundle(server.wire, () => Uint8Array.of(1, 2, 3))
  await serveBundle(empty.wire, () => undefined)
  const { signal } = new AbortController()
  const from = (peer: TestPeer) =>
    fetchBundle(client.wire, peer.wire.self, { addresses: peer.addresses, signal })
  expect(await from(server)).toEqual(Uint8Array.of(1, 2, 3))
  await expect(from(empty)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
})

test('a bundle above its limit is refused, and one that never comes is given up', async () => {
  const [server, client] = [await start(), await start({ listen: [] })]
  await serveBundle(server.wire, () => new Uint8Array(4097))
  const given = new AbortController()
  const options = { addresses: server.addresses, signal: given.signal }
  await expect(fetchBundle(client.wire, server.wire.self, options)).rejects.toMatchObject({
    code: 'ERR_FRAME_TOO_LARGE',
  })
  await server.wire.unhandle('/sotto/bundle/1')
  let asked = false
  await server.wire.handle('/sotto/bundle/1', LIMITS, async (channel) => {
    asked = true
    await framesOf(channel)
  })
  const fetching = fetchBundle(client.wire, server.wire.self, options)
  await until(() => asked)
  given.abort(new Error('given up'))
  await expect(fetching).rejects.toThrow('given up')
})

async function start(options: TestPeerOptions = {}): Promise<TestPeer> {
  const peer = await testPeer(options)
  peers.push(peer)
  return peer
}

function openTo(client: TestPeer, server: TestPeer): Promise<Channel> {
  return openAt(client, server.wire.self, server.addresses)
}

function openAt(
  client: TestPeer,
  peer: PeerName,
  addresses: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<Channel> {
  return client.wire.open(peer, PROTOCOL, { addresses, maxFrameBytes: 1000, signal })
}

async function echo(channel: Channel): Promise<void> {
  for await (const run of channel.incoming) for (const frame of run) channel.send(frame)
}

async function framesOf(channel: Channel): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = []
  for await (const run of channel.incoming) frames.push(...run)
  return frames
}
