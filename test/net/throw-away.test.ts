// Names to be thrown away, as they run: libp2p on loopback.
import { peerIdFromString } from '@libp2p/peer-id'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../net/platform/clock.ts'
import { platformRandom } from '../../net/platform/random.ts'
import { throwAwayWires } from '../../net/platform/throw-away.ts'
import { until } from '../support/manual-clock.ts'
import { TCP, WEBSOCKETS, testPeer } from '../support/network.ts'
import type { Channel } from '../../net/ports.ts'
import type { TestPeer } from '../support/network.ts'

const PROTOCOL = '/test/echo/1'
const wires = throwAwayWires({ clock: systemClock, random: platformRandom })
const endings: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

async function host(listen = [TCP]): Promise<TestPeer> {
  const peer = await testPeer({ listen })
  endings.push(peer.stop)
  await peer.wire.handle(PROTOCOL, { maxFrameBytes: 100, maxChannels: 4 }, echo)
  return peer
}

async function echo(channel: Channel): Promise<void> {
  for await (const frames of channel.incoming) for (const frame of frames) channel.send(frame)
}

async function visit(peer: TestPeer) {
  const wire = await wires.make()
  endings.push(() => wire.stop())
  const channel = await wire.open(peer.wire.self, PROTOCOL, {
    addresses: peer.addresses,
    maxFrameBytes: 100,
    signal: AbortSignal.timeout(20_000),
  })
  channel.send(Uint8Array.of(1, 2, 3))
  const first = await channel.incoming[Symbol.asyncIterator]().next()
  return { wire, answer: first.done === true ? [] : first.value }
}

test.each([
  ['TCP', TCP],
  ['WebSockets', WEBSOCKETS],
])('reaches a peer over %s', async (_, listen) => {
  const { answer } = await visit(await host([listen]))
  expect(answer).toEqual([Uint8Array.of(1, 2, 3)])
})

test('every name is new, and ends with its wire', async () => {
  const peer = await host()
  const [first, second] = [await visit(peer), await visit(peer)]
  const names = [first.wire.self, second.wire.self]
  expect(new Set([...names, peer.wire.self]).size).toBe(3)
  expect(names.map((name) => peer.wire.isConnected(name))).toEqual([true, true])
  await first.wire.stop()
  await until(() => !peer.wire.isConnected(first.wire.self))
  expect(peer.wire.isConnected(second.wire.self)).toBe(true)
})

test('the peer learns no address or program, and no protocol but the one it is asked for, and can open nothing', async () => {
  const peer = await host()
  const { wire } = await visit(peer)
  const id = peerIdFromString(wire.self)
  const [connection] = peer.node.getConnections(id)
  if (connection === undefined) throw new Error('no connection')
  for (const protocol of ['/ipfs/id/1.0.0', '/ipfs/id/push/1.0.0', '/ipfs/ping/1.0.0', PROTOCOL]) {
    const signal = AbortSignal.timeout(20_000)
    await expect(connection.newStream(protocol, { signal })).rejects.toThrow()
  }
  const known = await peer.node.peerStore.get(id).catch(() => undefined)
  expect(known?.protocols ?? []).toEqual([PROTOCOL]) // by what it opened
  expect(known?.addresses ?? []).toEqual([])
  expect([...(known?.metadata.keys() ?? [])]).toEqual([])
})
