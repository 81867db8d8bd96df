// The dial policy over libp2p: a bundle, a DHT record or a peer that names a door on our own machine makes nobody knock there.
import { createServer, type Server } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { dialPolicy, type DialPolicy } from '../../net/dial-policy.ts'
import { peerName } from '../../net/peer-name.ts'
import { systemClock } from '../../net/platform/clock.ts'
import { platformRandom } from '../../net/platform/random.ts'
import { throwAwayWires } from '../../net/platform/throw-away.ts'
import { ready } from '../../protocol/crypto.ts'
import { testAccount } from '../support/accounts.ts'
import { TCP, testPeer } from '../support/network.ts'
import { seededRandom } from '../support/random.ts'
import type { ThrowAwayWire } from '../../net/ports.ts'

let door: Server
let address: string
let knocks: number
const endings: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  await ready
  knocks = 0
  door = createServer((socket) => {
    knocks++
    socket.destroy()
  })
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  const bound = door.address()
  if (bound === null || typeof bound === 'string') throw new Error('no port')
  address = `/ip4/127.0.0.1/tcp/${bound.port}`
})

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
  await new Promise((resolve) => door.close(resolve))
})

async function knock(wire: Pick<ThrowAwayWire, 'open'>): Promise<void> {
  const peer = peerName(testAccount(seededRandom('who is behind the door')).key)
  const signal = AbortSignal.timeout(20_000)
  const options = { addresses: [address], maxFrameBytes: 100, signal }
  await expect(wire.open(peer, '/test/1', options)).rejects.toThrow()
}

async function node(listen: readonly string[], policy?: DialPolicy): Promise<ThrowAwayWire> {
  const peer = await testPeer({ listen, dialPolicy: policy })
  endings.push(peer.stop)
  return { ...peer.wire, open: peer.wire.open.bind(peer.wire), stop: peer.stop }
}

async function visitor(policy: DialPolicy): Promise<ThrowAwayWire> {
  const init = { clock: systemClock, random: platformRandom, dialPolicy: policy }
  const wire = await throwAwayWires(init).make()
  endings.push(() => wire.stop())
  return wire
}

test('a node that is not on this machine alone does not knock', async () => {
  await knock(await node(['/ip4/0.0.0.0/tcp/0']))
  await knock(await node([]))
  expect(knocks).toBe(0)
})

test('a node that listens on this machine does', async () => {
  await knock(await node([TCP]))
  expect(knocks).toBe(1)
})

test('what the user has given is dialled', async () => {
  const policy = dialPolicy({ listen: [] })
  policy.permit([address])
  await knock(await node([], policy))
  expect(knocks).toBe(1)
})

test('names that are thrown away dial what their node may dial', async () => {
  const policy = dialPolicy({ listen: [] })
  await knock(await visitor(policy))
  expect(knocks).toBe(0)
  policy.permit([address])
  await knock(await visitor(policy))
  expect(knocks).toBe(1)
})
