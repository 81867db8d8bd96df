import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, expect, test } from 'vitest'
import { linkAddresses } from '../../mailbox/link-address.ts'
import { hostMailbox } from '../../mailbox/main.ts'
import { addressText, addressTexts } from '../../net/address.ts'
import { peerName } from '../../net/peer-name.ts'
import { toHex } from '../../protocol/bytes.ts'
import { decodeMailboxLink } from '../../protocol/link.ts'
import type { HostMailboxOptions, MailboxHost } from '../../mailbox/main.ts'

const endings: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sotto-host-'))
  endings.push(() => rm(path, { recursive: true, force: true }))
  return join(path, 'box')
}

async function host(options: Partial<HostMailboxOptions> = {}): Promise<MailboxHost> {
  const base = { profile: { memory: true }, listen: ['/ip4/127.0.0.1/tcp/0'] } as const
  const running = await hostMailbox({ ...base, ...options })
  endings.push(() => running.stop())
  return running
}

test('a hosted mailbox has a link with its key, a secret and an address, the same after a restart', async () => {
  const dir = await folder()
  const first = await host({ profile: { dir } })
  const link = decodeMailboxLink(first.link)
  expect(peerName(link.account)).toBe(first.peer)
  expect(link.joinSecret).toHaveLength(16)
  const [address = ''] = first.addresses
  expect(addressTexts(link.addresses)).toEqual([address.replace(/\/p2p\/.*/, '')])
  expect(await first.status()).toMatchObject({ members: 0, waiting: 0 })
  await first.stop()
  await first.stop()
  const listen = [address.replace(/\/p2p\/.*/, '')]
  const second = await host({ profile: { dir }, listen })
  expect(decodeMailboxLink(second.link)).toEqual(link)
})

test('the join secret is not in the folder in clear', async () => {
  const dir = await folder()
  const running = await host({ profile: { dir } })
  const secret = decodeMailboxLink(running.link).joinSecret ?? new Uint8Array(0)
  await running.stop()
  for (const name of await readdir(join(dir, 'store'))) {
    const file = toHex(await readFile(join(dir, 'store', name)))
    expect(file.includes(toHex(secret))).toBe(false)
  }
})

test('a folder serves one process at a time, and is free again when starting failed', async () => {
  const dir = await folder()
  const running = await host({ profile: { dir } })
  await expect(host({ profile: { dir } })).rejects.toMatchObject({ code: 'ERR_LOCKED' })
  const [taken = ''] = running.addresses
  const other = await folder()
  const listen = [taken.replace(/\/p2p\/.*/, '')]
  await expect(host({ profile: { dir: other }, listen })).rejects.toThrow(/EADDRINUSE|listen/i)
  await host({ profile: { dir: other } })
})

test('aborting its signal stops it', async () => {
  const dir = await folder()
  const stop = new AbortController()
  const running = await host({ profile: { dir }, signal: stop.signal })
  stop.abort(new Error('enough'))
  await running.stop()
  await expect(running.status()).rejects.toThrow('stopped')
  await expect(host({ profile: { dir }, signal: stop.signal })).rejects.toThrow('enough')
  await host({ profile: { dir } })
})

test('what is announced stands in the link', async () => {
  const running = await host({ announce: ['/dns4/mail.example.org/tcp/4601'] })
  const { addresses } = decodeMailboxLink(running.link)
  expect(addressTexts(addresses)).toEqual(['/dns4/mail.example.org/tcp/4601'])
})

test.each([
  [['/ip4/127.0.0.1/tcp/1', '/ip4/10.0.0.2/tcp/1'], '/ip4/10.0.0.2/tcp/1'],
  [['/ip4/10.0.0.2/tcp/2/ws', '/ip4/10.0.0.2/tcp/1'], '/ip4/10.0.0.2/tcp/1'],
  [['/ip6/::1/tcp/1', '/ip4/10.0.0.2/tcp/2/ws'], '/ip4/10.0.0.2/tcp/2/ws'],
  [['/ip4/127.0.0.1/tcp/2/ws', '/ip4/127.0.0.1/tcp/1'], '/ip4/127.0.0.1/tcp/1'],
])('of %j the link has %s', (addresses, best) => {
  expect(linkAddresses(addresses.map((text) => multiaddr(text))).map(addressText)).toEqual([best])
})

test('without an address the link has none', () => {
  expect(linkAddresses([])).toEqual([])
})
