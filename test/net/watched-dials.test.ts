import { once } from 'node:events'
import { createServer } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { createLibp2p } from 'libp2p'
import { silentLogger } from '../../net/platform/silent-logger.ts'
import { transports } from '../../net/platform/transports.ts'
import { watchedDials } from '../../net/platform/watched-dials.ts'
import { ready } from '../../protocol/crypto.ts'
import type { AddressInfo } from 'node:net'

beforeAll(() => ready)

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function node(failed: (transport: string, reason: string) => void) {
  const { transports: plain, ...rest } = transports()
  const made = await createLibp2p({
    ...rest,
    transports: watchedDials(plain, failed),
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    logger: silentLogger,
  })
  onTestFinished(async () => made.stop())
  return made
}

test('an address that cannot be dialled is told of once, with its transport, and the dial fails as it would', async () => {
  const told: string[] = []
  const from = await node((transport, reason) => told.push(`${transport} ${reason}`))
  const port = await closedPort()
  await expect(from.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}`))).rejects.toThrow()
  expect(told).toEqual(['tcp refused'])
  await expect(from.dial(multiaddr(`/ip4/127.0.0.1/tcp/${port}/ws`))).rejects.toThrow()
  expect(told).toHaveLength(2)
  expect(told[1]).toMatch(/^ws /)
  const to = await node(() => undefined)
  await from.dial(to.getMultiaddrs())
  expect(told).toHaveLength(2)
})
