import { identify } from '@libp2p/identify'
import { Record, kadDHT, passthroughMapper, type KadDHT } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { noise } from '@chainsafe/libp2p-noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { frameHeader } from '../../net/frames.ts'
import { KAD_PROTOCOL } from '../../net/names.ts'
import { silentLogger } from '../../net/platform/silent-logger.ts'
import type { DirectoryAnswer, PeerName } from '../../net/ports.ts'
import { bundleKey, type VerifiedBundle } from '../../protocol/bundle.ts'
import { concat, toHex } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { testAccount, testBundle } from '../support/bundles.ts'
import { until } from '../support/manual-clock.ts'
import { testPeer, type TestPeer, type TestPeerOptions } from '../support/network.ts'

const stops: (() => Promise<void>)[] = []

beforeAll(() => ready)
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

test('a record is stored at the others, who are named, and found from a node that never met the owner', async () => {
  const peers = await network(5)
  const [owner] = peers
  const bundle = bundleOf('alice', 1)
  const holders = await put(owner, bundle)
  expect([...holders].sort()).toEqual(peers.slice(1).map(nameOf).sort())

  const [, second] = peers
  const stranger = await start({ listen: [], bootstrap: second?.addresses.slice(0, 1) ?? [] })
  const answers = await get(stranger, bundle)
  expect(answers.length).toBeGreaterThan(0)
  for (const { from, value } of answers) {
    expect(peers.map(nameOf)).toContain(from)
    expect(toHex(value)).toBe(toHex(bundle.bytes))
  }
})

test('a reader that has enough stops early', async () => {
  const peers = await network(4)
  const bundle = bundleOf('alice', 1)
  await put(peers[0], bundle)
  const { signal } = new AbortController()
  let seen = 0
  for await (const { value } of at(peers, 3).directory.get(keyOf(bundle), { signal })) {
    expect(toHex(value)).toBe(toHex(bundle.bytes))
    seen++
    break
  }
  expect(seen).toBe(1)
})

test('an older record does not take the place of a newer one, at no holder', async () => {
  const peers = await network(4)
  const [older, newer] = [bundleOf('alice', 1), bundleOf('alice', 2)]
  await put(peers[0], newer)
  await expect(put(peers[1], older)).rejects.toMatchObject({ code: 'ERR_OLD_SEQUENCE' })
  const late = await start({ bootstrap: at(peers, 0).addresses.slice(0, 1) })
  const holders = await put(late, older)
  expect(holders).toEqual([])
  for (const { from, value } of await get(at(peers, 2), newer)) {
    if (from !== nameOf(late)) expect(toHex(value)).toBe(toHex(newer.bytes))
  }
})

test('what is no bundle of that account is not sent at all', async () => {
  const [peer] = await network(2)
  const { signal } = new AbortController()
  const bundle = bundleOf('alice', 1)
  const other = bundleKey(testAccount('bob').key)
  await expect(peer?.directory.put(other, bundle.bytes, { signal })).rejects.toMatchObject({
    code: 'ERR_WRONG_ACCOUNT',
  })
  const damaged = bundle.bytes.slice()
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1
  await expect(peer?.directory.put(keyOf(bundle), damaged, { signal })).rejects.toMatchObject({
    code: 'ERR_BAD_SIGNATURE',
  })
})

test('holders refuse what a peer without our policy sends', async () => {
  const peers = await network(3)
  const bad = await lawless(at(peers, 0))
  const bundle = bundleOf('alice', 1)
  const wrong = bundleKey(testAccount('bob').key)
  const others = new TextEncoder().encode('/other/key')
  expect(await putRaw(bad, wrong, bundle.bytes)).toBe(0)
  expect(await putRaw(bad, keyOf(bundle), new Uint8Array(5000))).toBe(0)
  expect(await putRaw(bad, others, Uint8Array.of(1))).toBe(0)
  expect(await putRaw(bad, keyOf(bundle), bundle.bytes)).toBe(3)
})

test('peers that answer with rubbish and refuse corrections do not spoil a search', async () => {
  const peers = await network(4)
  const [older, newer] = [bundleOf('alice', 1), bundleOf('alice', 2)]
  await put(peers[0], newer)
  const stale = await lawless(at(peers, 0), true)
  await putRaw(stale, keyOf(newer), older.bytes)
  const forger = await lawless(at(peers, 0), true)
  await putRaw(forger, keyOf(newer), Uint8Array.of(1, 2, 3))

  const reader = await start({ bootstrap: at(peers, 0).addresses.slice(0, 1) })
  await reader.node.dial(stale.getMultiaddrs())
  await reader.node.dial(forger.getMultiaddrs())
  const answers = await get(reader, newer)
  const sequences = answers.map(({ value }) => (toHex(value) === toHex(newer.bytes) ? 2 : 1))
  expect(sequences).toContain(2)
  for (const { value } of answers) {
    expect([toHex(older.bytes), toHex(newer.bytes)]).toContain(toHex(value))
  }
})

test('put waits for the first peer, but not longer than it may', async () => {
  const alone = await start()
  const bundle = bundleOf('alice', 1)
  const given = new AbortController()
  const waiting = alone.directory.put(keyOf(bundle), bundle.bytes, { signal: given.signal })
  given.abort(new Error('given up'))
  await expect(waiting).rejects.toThrow('given up')

  const putting = put(alone, bundle)
  const other = await start({ bootstrap: alone.addresses.slice(0, 1) })
  expect(await putting).toEqual([nameOf(other)])
})

test('a node alone finds its own copy, and nothing else', async () => {
  const [owner, other] = await network(2)
  const bundle = bundleOf('alice', 1)
  await put(owner, bundle)
  await other?.stop()
  await until(() => owner?.node.getPeers().length === 0)
  const answers = await get(at([owner], 0), bundle)
  expect(answers.map(({ from }) => from)).toEqual([nameOf(at([owner], 0))])
  expect(await get(at([owner], 0), bundleOf('bob', 1))).toEqual([])
})

test('one source does not get more than its share', async () => {
  const holder = await start({ dht: { limits: { maxPerSource: 2 } } })
  const sender = await start({ bootstrap: holder.addresses.slice(0, 1) })
  expect(await put(sender, bundleOf('a', 1))).toEqual([nameOf(holder)])
  expect(await put(sender, bundleOf('b', 1))).toEqual([nameOf(holder)])
  expect(await put(sender, bundleOf('c', 1))).toEqual([])
  expect(await put(sender, bundleOf('a', 2))).toEqual([nameOf(holder)])
})

test('a source is known by the record it brings, whatever key its message names', async () => {
  const holder = await start({ dht: { limits: { maxPerSource: 1 } } })
  const bad = await start({ bootstrap: holder.addresses.slice(0, 1) })
  const [a, b] = [bundleOf('a', 1), bundleOf('b', 1)]
  expect(await put(bad, a)).toEqual([nameOf(holder)])
  const record = new Record(keyOf(b), b.bytes, new Date()).serialize().subarray()
  const message = concat(field(2, keyOf(a)), field(3, record))
  await expect(ask(bad, holder, message)).rejects.toBeInstanceOf(Error)
})

test('a source that brings records without end is refused before they are checked', async () => {
  const holder = await start({ dht: { puts: { burst: 2, perSecond: 0.001 } } })
  const sender = await start({ bootstrap: holder.addresses.slice(0, 1) })
  expect(await put(sender, bundleOf('a', 1))).toEqual([nameOf(holder)])
  expect(await put(sender, bundleOf('a', 2))).toEqual([nameOf(holder)])
  expect(await put(sender, bundleOf('a', 3))).toEqual([])
})

test('provider records are refused, and no address is learnt from them', async () => {
  const holder = await start()
  const bad = await start({ bootstrap: holder.addresses.slice(0, 1) })
  const address = multiaddr('/ip4/127.0.0.1/tcp/9')
  const content = concat(Uint8Array.of(1, 0x55, 0x12, 0x20), new Uint8Array(32))
  const provider = concat(field(1, bad.node.peerId.toMultihash().bytes), field(2, address.bytes))
  const message = concat(Uint8Array.of(8, 2), field(2, content), field(9, provider))
  await expect(ask(bad, holder, message)).rejects.toBeInstanceOf(Error)
  const { addresses } = await holder.node.peerStore.get(bad.node.peerId)
  expect(addresses.map((known) => known.multiaddr.toString())).not.toContain(address.toString())
})

/** One message of the DHT's own, as no library would send it, and the answer. Rejects when the other side ends the stream. */
async function ask(from: TestPeer, to: TestPeer, message: Uint8Array): Promise<Uint8Array> {
  const { signal } = new AbortController()
  const options = { maxFrameBytes: 10_000, signal, addresses: to.addresses }
  const channel = await from.wire.open(nameOf(to), KAD_PROTOCOL, options)
  channel.send(message)
  for await (const [answer] of channel.incoming) {
    channel.abort(new Error('answered'))
    if (answer !== undefined) return answer
  }
  throw new Error('no answer')
}

/** A protobuf field of bytes. */
function field(number: number, bytes: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(number * 8 + 2), frameHeader(bytes.length), bytes)
}

/** The first is the bootstrap peer of the others; all have each other in their tables. */
async function network(size: number): Promise<readonly TestPeer[]> {
  const first = await start()
  const rest = Array.from({ length: size - 1 }, () =>
    start({ bootstrap: first.addresses.slice(0, 1) }),
  )
  const peers = [first, ...(await Promise.all(rest))]
  await Promise.all(
    peers.flatMap((peer, from) =>
      peers.slice(from + 1).map((other) => peer.node.dial(other.node.getMultiaddrs())),
    ),
  )
  for (const { node } of peers) await until(() => tableSize(node) >= size - 1, 10_000_000)
  return peers
}

async function start(options: TestPeerOptions = {}): Promise<TestPeer> {
  const peer = await testPeer(options)
  stops.push(peer.stop)
  return peer
}

/** A node of another make: same protocol, no checks; it can refuse to be corrected. */
async function lawless(near: TestPeer, stubborn = false): Promise<Libp2p<{ dht: KadDHT }>> {
  let corrected = false
  const node = await createLibp2p({
    logger: silentLogger,
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      ping: ping(),
      dht: kadDHT({
        protocol: KAD_PROTOCOL,
        clientMode: false,
        peerInfoMapper: passthroughMapper,
        allowQueryWithZeroPeers: true,
        validators: {
          sotto: () => {
            if (stubborn && corrected) throw new Error('no')
            corrected = true
          },
        },
        selectors: { sotto: () => 0 },
      }),
    },
  })
  stops.push(async () => node.stop())
  await node.dial(near.addresses.map((address) => multiaddr(address)))
  await until(() => tableSize(node) > 0, 10_000_000)
  return node
}

async function putRaw(
  node: Libp2p<{ dht: KadDHT }>,
  key: Uint8Array,
  value: Uint8Array,
): Promise<number> {
  let stored = 0
  for await (const event of node.services.dht.put(key, value)) {
    if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') stored++
  }
  return stored
}

async function put(
  peer: TestPeer | undefined,
  bundle: VerifiedBundle,
): Promise<readonly PeerName[]> {
  if (peer === undefined) throw new Error('no such peer')
  const { signal } = new AbortController()
  return await peer.directory.put(keyOf(bundle), bundle.bytes, { signal })
}

async function get({ directory }: TestPeer, bundle: VerifiedBundle): Promise<DirectoryAnswer[]> {
  const { signal } = new AbortController()
  const answers: DirectoryAnswer[] = []
  for await (const answer of directory.get(keyOf(bundle), { signal })) answers.push(answer)
  return answers
}

function bundleOf(name: string, sequence: number): VerifiedBundle {
  return testBundle(testAccount(name), Date.now(), { sequence })
}

function keyOf({ account }: VerifiedBundle): Uint8Array {
  return bundleKey(account)
}

function nameOf({ wire }: TestPeer): PeerName {
  return wire.self
}

function at<T>(list: readonly (T | undefined)[], index: number): T {
  const item = list[index]
  if (item === undefined) throw new Error('no such peer')
  return item
}

function tableSize(node: Libp2p): number {
  const dht: unknown = node.services['dht']
  const table: unknown = typeof dht === 'object' && dht !== null && Reflect.get(dht, 'routingTable')
  return Number(typeof table === 'object' && table !== null && Reflect.get(table, 'size'))
}
