import { expect, test } from 'vitest'
import type { PeerName } from '../../net/ports.ts'
import { settle } from './manual-clock.ts'
import { MemoryNetwork } from './memory-wire.ts'

const A = 'a' as PeerName
const B = 'b' as PeerName
const options = { maxFrameBytes: 1000, signal: new AbortController().signal }

async function echoPair(): Promise<{
  network: MemoryNetwork
  a: ReturnType<MemoryNetwork['wire']>
  b: ReturnType<MemoryNetwork['wire']>
}> {
  const network = new MemoryNetwork()
  const a = network.wire(A)
  const b = network.wire(B)
  await b.handle('/echo', { maxFrameBytes: 1000, maxChannels: 2 }, async (channel) => {
    for await (const run of channel.incoming) for (const frame of run) channel.send(frame)
    await channel.close()
  })
  return { network, a, b }
}

async function collect(incoming: AsyncIterable<readonly Uint8Array[]>): Promise<number[]> {
  const sizes: number[] = []
  for await (const run of incoming) for (const frame of run) sizes.push(frame.length)
  return sizes
}

test('frames arrive whole and in order, and a close ends the other side after them', async () => {
  const { a } = await echoPair()
  const channel = await a.open(B, '/echo', options)
  for (let size = 0; size < 600; size++) channel.send(new Uint8Array(size))
  await channel.close()
  expect(await collect(channel.incoming)).toEqual(Array.from({ length: 600 }, (_, i) => i))
  expect(() => channel.send(new Uint8Array(1))).toThrow('ERR_CLOSED')
  expect(a.openChannels('/echo')).toBe(0)
})

test('a lost connection throws at the reader and is seen by the watchers', async () => {
  const { network, a } = await echoPair()
  const seen: boolean[] = []
  a.watch((_, connected) => seen.push(connected))
  const channel = await a.open(B, '/echo', options)
  network.disconnect(A, B)
  await expect(collect(channel.incoming)).rejects.toMatchObject({ code: 'ERR_TRUNCATED' })
  expect(seen).toEqual([true, false])
  expect(a.isConnected(B)).toBe(false)
})

test('a frame above the limit of its reader resets the channel', async () => {
  const { a } = await echoPair()
  const channel = await a.open(B, '/echo', options)
  channel.send(new Uint8Array(1001))
  await expect(collect(channel.incoming)).rejects.toMatchObject({ name: 'StreamResetError' })
})

test('opening fails beyond the limit, behind a wall, after a crash and for an unknown protocol', async () => {
  const { network, a } = await echoPair()
  await a.open(B, '/echo', options)
  await a.open(B, '/echo', options)
  await expect(a.open(B, '/echo', options)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  await expect(a.open(B, '/no', options)).rejects.toMatchObject({
    name: 'UnsupportedProtocolError',
  })
  network.part(A, B)
  await expect(a.open(B, '/echo', options)).rejects.toMatchObject({ name: 'DialError' })
  network.join(A, B)
  await a.open(B, '/echo', options)
  network.crash(B)
  await expect(a.open(B, '/echo', options)).rejects.toMatchObject({ name: 'DialError' })
})

test('a writer waits for a reader that does not read', async () => {
  const { network, a } = await echoPair()
  const c = network.wire('c' as PeerName)
  let read: (() => Promise<number[]>) | undefined
  await c.handle('/slow', { maxFrameBytes: 1_000_000, maxChannels: 1 }, async (channel) => {
    read = () => collect(channel.incoming)
  })
  const channel = await a.open('c' as PeerName, '/slow', options)
  channel.send(new Uint8Array(900_000))
  channel.send(new Uint8Array(900_000))
  let drained = false
  const waiting = channel.drained().then(() => (drained = true))
  await settle()
  expect(drained).toBe(false)
  const sizes = read?.()
  await waiting
  await channel.close()
  expect(await sizes).toEqual([900_000, 900_000])
})

test('a filter can swallow a frame or cut the connection at it', async () => {
  const { network, a } = await echoPair()
  const channel = await a.open(B, '/echo', options)
  network.filter = ({ frame, to }) =>
    to !== B ? 'deliver' : frame.length === 1 ? 'swallow' : frame.length === 3 ? 'cut' : 'deliver'
  channel.send(new Uint8Array(1))
  channel.send(new Uint8Array(2))
  await settle()
  channel.send(new Uint8Array(3))
  const sizes: number[] = []
  const reading = (async () => {
    for await (const run of channel.incoming) for (const frame of run) sizes.push(frame.length)
  })()
  await expect(reading).rejects.toMatchObject({ code: 'ERR_TRUNCATED' })
  expect(sizes).toEqual([2])
})
