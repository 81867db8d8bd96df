import { beforeEach, expect, test } from 'vitest'
import { Publisher } from '../../node/publisher.ts'
import { fetchBundle } from '../../net/bundle-service.ts'
import { bundleKey } from '../../protocol/bundle.ts'
import { peerName } from '../../net/peer-name.ts'
import { testAccount } from '../support/accounts.ts'
import { settle } from '../support/manual-clock.ts'
import { MemoryNetwork } from '../support/memory-wire.ts'
import { seededRandom } from '../support/random.ts'
import { HOUR, OwnWorld } from './own-world.ts'
import type { Directory, PeerName } from '../../net/ports.ts'
import type { MemoryWire } from '../support/memory-wire.ts'
import type { Published } from '../../node/publisher.ts'

interface Put {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly at: number
}

/** A DHT that stores at whom the test says. */
class FakeDirectory implements Directory {
  readonly puts: Put[] = []
  holders: () => Promise<readonly PeerName[]> = () => Promise.resolve([])

  async put(key: Uint8Array, value: Uint8Array): Promise<readonly PeerName[]> {
    this.puts.push({ key, value, at: world.clock.now() })
    return this.holders()
  }

  async *get(): AsyncGenerator<never> {}
}

let world: OwnWorld
let network: MemoryNetwork
let wire: MemoryWire
let directory: FakeDirectory
let publisher: Publisher
let told: Published[]

beforeEach(async () => {
  world = await OwnWorld.start()
  network = new MemoryNetwork()
  wire = network.wire(peerName(world.account.key))
  directory = new FakeDirectory()
  const { clock, random, keys } = world
  publisher = new Publisher({ wire, directory, clock, random, keys })
  told = []
  publisher.watch((published) => told.push(published))
})

test('puts the bundle at the start and says who holds it', async () => {
  const holders = peers(10)
  directory.holders = () => Promise.resolve(holders)
  await publisher.start()
  await settle()
  const { bundle } = world.keys
  expect(directory.puts).toEqual([
    { key: bundleKey(bundle.account), value: bundle.bytes, at: world.clock.now() },
  ])
  expect(told).toEqual([{ sequence: bundle.sequence, holders, at: world.clock.now() }])
  expect(publisher.last).toEqual(told[0])
})

test('tries again, ever more rarely, while nobody holds it', async () => {
  await publisher.start()
  await settle()
  await world.clock.advance(20 * 60_000)
  const gaps = gapsOf(directory.puts)
  expect(gaps.length).toBeGreaterThan(8)
  expect(gaps[0]).toBeLessThanOrEqual(1_500)
  expect(Math.max(...gaps)).toBeLessThanOrEqual(5 * 60_000)
  expect(gaps.at(-1)).toBeGreaterThan(60_000)
  expect(told).toEqual([])
  expect(publisher.last).toBeUndefined()
})

test('a put that fails or hangs is tried again', async () => {
  directory.holders = () => Promise.reject(new Error('no route'))
  await publisher.start()
  await settle()
  await world.clock.advance(2_000)
  expect(directory.puts.length).toBeGreaterThan(1)
  directory.holders = () => new Promise(() => undefined)
  await world.clock.advance(60_000)
  const before = directory.puts.length
  directory.holders = () => Promise.resolve(peers(9))
  await world.clock.advance(60_000)
  expect(directory.puts.length).toBe(before + 1)
  expect(told).toHaveLength(1)
})

test('goes on when the generator fails', async () => {
  const { clock, keys } = world
  let failed = 0
  const random = (): Uint8Array => {
    failed++
    throw new Error('no more')
  }
  publisher = new Publisher({ wire, directory, clock, random, keys })
  await publisher.start()
  await settle()
  await clock.advance(60_000)
  expect(directory.puts.length).toBeGreaterThan(3)
  expect(failed).toBeGreaterThan(3)
})

test('does not wait for the back-off when a peer comes', async () => {
  await publisher.start()
  await settle()
  await world.clock.advance(HOUR)
  const before = directory.puts.length
  directory.holders = () => Promise.resolve(peers(9))
  await visitor().open(wire.self, '/sotto/bundle/1', {
    maxFrameBytes: 4096,
    signal: new AbortController().signal,
  })
  await world.clock.advance(1_000)
  expect(directory.puts.length).toBe(before + 1)
  expect(told).toHaveLength(1)
})

test('puts it again between six and twelve hours, never in step', async () => {
  directory.holders = () => Promise.resolve(peers(20))
  await publisher.start()
  await settle()
  await world.clock.advance(120 * HOUR)
  const gaps = gapsOf(directory.puts)
  expect(gaps.length).toBeGreaterThanOrEqual(10)
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(6 * HOUR)
  expect(Math.max(...gaps)).toBeLessThanOrEqual(12 * HOUR)
  expect(new Set(gaps).size).toBe(gaps.length)
})

test('puts it again sooner while few peers hold it', async () => {
  directory.holders = () => Promise.resolve(peers(2))
  await publisher.start()
  await settle()
  await world.clock.advance(10 * 60_000)
  expect(directory.puts.length).toBeGreaterThan(2)
  expect(told.at(-1)?.holders).toHaveLength(2)
})

test('puts a new bundle at once', async () => {
  directory.holders = () => Promise.resolve(peers(20))
  await publisher.start()
  await settle()
  await world.keys.rotate()
  await settle()
  expect(told.map(({ sequence }) => sequence)).toEqual([
    told[0]?.sequence,
    world.keys.bundle.sequence,
  ])
})

test('a bundle that changes during a put follows right after it', async () => {
  const first = Promise.withResolvers<readonly PeerName[]>()
  directory.holders = () => first.promise
  await publisher.start()
  await world.keys.rotate()
  await world.keys.rotate()
  expect(directory.puts).toHaveLength(1)
  first.resolve(peers(20))
  await settle()
  expect(directory.puts).toHaveLength(2)
  expect(directory.puts[1]?.value).toEqual(world.keys.bundle.bytes)
})

test('serves the current bundle to whoever asks', async () => {
  await publisher.start()
  const reader = visitor()
  const ask = (): Promise<Uint8Array> =>
    fetchBundle(reader, wire.self, { signal: new AbortController().signal })
  expect(await ask()).toEqual(world.keys.bundle.bytes)
  await world.keys.rotate()
  expect(await ask()).toEqual(world.keys.bundle.bytes)
  await publisher.stop()
  await expect(ask()).rejects.toMatchObject({ name: 'UnsupportedProtocolError' })
})

test('stops, and can be started again', async () => {
  directory.holders = () => new Promise(() => undefined)
  await publisher.start()
  await publisher.stop()
  directory.holders = () => Promise.resolve(peers(20))
  await publisher.start()
  await settle()
  expect(told).toHaveLength(1)
  await publisher.stop()
  const { length } = directory.puts
  await world.keys.rotate()
  publisher.publish()
  await world.clock.advance(24 * HOUR)
  expect(directory.puts).toHaveLength(length)
})

const random = seededRandom('publisher')

function peers(count: number): readonly PeerName[] {
  return Array.from({ length: count }, () => peerName(testAccount(random).key))
}

function visitor(): MemoryWire {
  return network.wire(peerName(testAccount(random).key))
}

function gapsOf(puts: readonly Put[]): readonly number[] {
  return puts.slice(1).map((put, at) => put.at - (puts[at]?.at ?? 0))
}
