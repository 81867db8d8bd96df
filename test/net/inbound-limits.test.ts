import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { InboundDoor, NODE_INBOUND, type InboundLimits } from '../../net/inbound-limits.ts'
import { ManualClock, until } from '../support/manual-clock.ts'
import { TCP, testPeer, type TestPeer } from '../support/network.ts'
import type { PeerName } from '../../net/ports.ts'

const ROOMY = { host: 100, hostBurst: 1000, hostPerSecond: 1000, total: 1000, reserved: 0 }

function door(limits: Partial<InboundLimits>, clock = new ManualClock()): InboundDoor {
  return new InboundDoor({ ...ROOMY, ...limits }, clock)
}

function enterTimes(at: InboundDoor, address: string, times: number): number {
  return Array.from({ length: times }, () => at.enter(address)).filter((leave) => leave).length
}

describe('connections of others', () => {
  test.each([
    ['an IPv4 address', '/ip4/1.2.3.4/tcp/1', '/ip4/1.2.3.4/tcp/2/ws', '/ip4/1.2.3.5/tcp/1'],
    [
      'half of an IPv6 address',
      '/ip6/2600::1/tcp/1',
      '/ip6/2600::2:1/tcp/1',
      '/ip6/2600:1::1/tcp/1',
    ],
    [
      'a mapped address',
      '/ip4/1.2.3.4/tcp/1',
      '/ip6/::ffff:1.2.3.4/tcp/9',
      '/ip6/::ffff:1.2.3.5/tcp/9',
    ],
  ])('%s is one host, and others are not kept out by it', (_, one, same, other) => {
    const at = door({ host: 3 })
    expect(enterTimes(at, one, 2) + enterTimes(at, same, 5)).toBe(3)
    expect(enterTimes(at, other, 5)).toBe(3)
  })

  test('room is free again when a connection ends, once for each', () => {
    const at = door({ host: 2, total: 2 })
    const [first] = [at.enter('/ip4/1.1.1.1/tcp/1'), at.enter('/ip4/1.1.1.1/tcp/2')]
    expect(at.enter('/ip4/1.1.1.1/tcp/3')).toBeUndefined()
    first?.()
    first?.()
    expect(enterTimes(at, '/ip4/1.1.1.1/tcp/3', 3)).toBe(1)
  })

  test('a host that comes and goes is slowed down, and nobody else', async () => {
    const clock = new ManualClock()
    const at = door({ hostBurst: 5, hostPerSecond: 2 }, clock)
    const knock = (address: string): number =>
      Array.from({ length: 20 }, () => at.enter(address)).filter((leave) => (leave?.(), leave))
        .length
    expect(knock('/ip4/1.1.1.1/tcp/1')).toBe(5)
    expect(knock('/ip4/2.2.2.2/tcp/1')).toBe(5)
    await clock.advance(1000)
    expect(knock('/ip4/1.1.1.1/tcp/1')).toBe(2)
  })

  test('our own machine is counted in all only: a proxy brings everybody from there', () => {
    const at = door({ host: 1, hostBurst: 1, total: 10 })
    expect(enterTimes(at, '/ip4/127.0.0.1/tcp/1', 20)).toBe(10)
    expect(at.enter('/ip4/1.1.1.1/tcp/1')).toBeUndefined()
  })

  test('strangers leave room for those we know', () => {
    const at = door({ total: 10, reserved: 4 })
    enterTimes(at, '/ip4/1.1.1.1/tcp/1', 6)
    expect(at.mayStay(false)).toBe(true)
    at.enter('/ip4/1.1.1.1/tcp/1')
    expect([at.mayStay(false), at.mayStay(true)]).toEqual([false, true])
  })

  test('never more than half is kept from strangers', () => {
    const at = door({ total: 10, reserved: 20 })
    enterTimes(at, '/ip4/1.1.1.1/tcp/1', 5)
    expect(at.mayStay(false)).toBe(true)
    at.enter('/ip4/1.1.1.1/tcp/1')
    expect(at.mayStay(false)).toBe(false)
  })

  test('one host cannot take all that a node has', () => {
    const { host, total, reserved } = NODE_INBOUND
    expect(host * 10).toBeLessThan(total - reserved)
  })
})

describe('over libp2p', () => {
  const endings: (() => Promise<unknown>)[] = []

  afterEach(async () => {
    for (const end of endings.splice(0).toReversed()) await end()
  })

  async function peer(options: Parameters<typeof testPeer>[0] = {}): Promise<TestPeer> {
    const made = await testPeer(options)
    endings.push(made.stop)
    return made
  }

  /** Whether the connection stands, as the one who is connected to sees it. */
  async function stays(from: TestPeer, to: TestPeer): Promise<boolean> {
    try {
      const channel = await from.wire.open(to.wire.self, '/test/1', {
        ...{ addresses: to.addresses, maxFrameBytes: 10, signal: AbortSignal.timeout(20_000) },
      })
      channel.send(Uint8Array.of(1))
      const { done } = await channel.incoming[Symbol.asyncIterator]().next()
      return done !== true
    } catch {
      return false
    }
  }

  test('strangers find no room any more, a known peer does, and a stranger again when one has left', async () => {
    const known = new Set<PeerName>()
    const host = await peer({
      listen: [TCP],
      inbound: { ...ROOMY, total: 4, reserved: 2 },
      isKnown: (name) => known.has(name),
    })
    await host.wire.handle('/test/1', { maxFrameBytes: 10, maxChannels: 1 }, async (channel) => {
      for await (const frames of channel.incoming) for (const frame of frames) channel.send(frame)
    })
    const [first, second, third, friend] = [await peer(), await peer(), await peer(), await peer()]
    known.add(friend.wire.self)
    expect(await stays(first, host)).toBe(true)
    expect(await stays(second, host)).toBe(true)
    expect(await stays(third, host)).toBe(false)
    expect(await stays(friend, host)).toBe(true)
    expect(host.wire.isConnected(third.wire.self)).toBe(false)
    await first.stop()
    await second.stop()
    await until(() => !host.wire.isConnected(first.wire.self))
    await until(() => !host.wire.isConnected(second.wire.self))
    expect(await stays(third, host)).toBe(true)
  })

  test('who connects and says nothing takes room as long as that lasts, and no longer', async () => {
    const host = await peer({ listen: [TCP], inbound: { ...ROOMY, total: 2, reserved: 0 } })
    await host.wire.handle('/test/1', { maxFrameBytes: 10, maxChannels: 1 }, async (channel) => {
      for await (const frames of channel.incoming) for (const frame of frames) channel.send(frame)
    })
    const port = Number(/tcp\/(\d+)/.exec(host.addresses[0] ?? '')?.[1])
    const silent = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
    await Promise.all(silent.map((socket) => once(socket, 'connect')))
    const guest = await peer()
    expect(await stays(guest, host)).toBe(false)
    for (const socket of silent) socket.destroy()
    let came = false
    for (let tries = 0; tries < 100 && !came; tries++) came = await stays(guest, host)
    expect(came).toBe(true)
  })
})
