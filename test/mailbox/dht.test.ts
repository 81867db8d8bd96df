// The mailbox in a real, small DHT: as its first peer, as one of its servers, and for owners who are away.
import { afterEach, beforeAll, expect, test } from 'vitest'
import { hostMailbox } from '../../mailbox/main.ts'
import { MailboxClient } from '../../net/mailbox-client.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { bundleKey } from '../../protocol/bundle.ts'
import { ready } from '../../protocol/crypto.ts'
import { decodeMailboxLink } from '../../protocol/link.ts'
import { testAccount, testBundle } from '../support/accounts.ts'
import { eventually } from '../support/live.ts'
import { JumpClock } from '../support/jump-clock.ts'
import { until } from '../support/manual-clock.ts'
import { testPeer } from '../support/network.ts'
import type { HostMailboxOptions, MailboxHost } from '../../mailbox/main.ts'
import type { PeerName } from '../../net/ports.ts'
import type { Account, AccountKey } from '../../protocol/account.ts'
import type { TestPeer } from '../support/network.ts'

const MINUTE = 60_000
const TURNS = 10_000_000
const o = { signal: AbortSignal.timeout(50_000) }
const endings: (() => Promise<unknown>)[] = []

beforeAll(() => ready)
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

async function host(options: Partial<HostMailboxOptions> = {}): Promise<MailboxHost> {
  const base = { profile: { memory: true }, listen: ['/ip4/127.0.0.1/tcp/0'] } as const
  const running = await hostMailbox({ ...base, ...options })
  endings.push(() => running.stop())
  return running
}

/** A node that knows the mailbox and nobody else. */
async function peerOf(box: MailboxHost, account?: Account): Promise<TestPeer> {
  const bootstrap = box.addresses.slice(0, 1)
  const peer = await testPeer(account === undefined ? { bootstrap } : { bootstrap, account })
  endings.push(() => peer.stop())
  return peer
}

async function sources({ directory }: TestPeer, account: AccountKey): Promise<PeerName[]> {
  const from: PeerName[] = []
  for await (const answer of directory.get(bundleKey(account), o)) from.push(answer.from)
  return from
}

test('two nodes that know only the mailbox find what the other has published, one of them after the other is gone', async () => {
  const box = await host()
  const [first, second] = [await peerOf(box), await peerOf(box)]
  const bundle = testBundle(first.account, { sequence: 1, now: Date.now() }, random)
  const key = bundleKey(first.account.key)
  const holders = await first.directory.put(key, bundle.bytes, o)
  expect(holders).toContain(box.peer)
  expect(await sources(second, first.account.key)).toContain(box.peer)
  await first.stop()
  await second.stop()
  const third = await peerOf(box)
  expect(await sources(third, first.account.key)).toEqual([box.peer])
})

test('the bundle of an owner who is away is put into the DHT, and again before it lapses there', async () => {
  const clock = new JumpClock()
  const box = await host({ clock, limits: { republishMs: 60 * MINUTE } })
  const peers = [await peerOf(box), await peerOf(box), await peerOf(box)]
  const owner = testAccount(random)
  const home = await testPeer({ account: owner, listen: [] })
  endings.push(() => home.stop())
  const { peer: mailbox, addresses } = box
  const at = new MailboxClient({ wire: home.wire, mailbox, addresses, clock, random, owner })
  await at.join(decodeMailboxLink(box.link).joinSecret, o)
  const bundle = testBundle(owner, { sequence: 1, now: Date.now() }, random)
  await at.putBundle(bundle.bytes, o)
  await at.fetch(o)
  await clock.jump(3 * 60 * MINUTE)
  // Whoever is here publishes alone.
  expect((await box.status()).republished).toBe(0)

  await at.close()
  await home.stop()
  await until(async () => (await box.status()).channels === 0, TURNS)
  await clock.jump(20 * MINUTE)
  expect((await box.status()).republished).toBe(0)
  await clock.jump(50 * MINUTE)
  await until(async () => (await box.status()).republished === 1, TURNS)
  const reader = await peerOf(box)
  const isHolder = (name: PeerName): boolean => peers.some(({ wire }) => wire.self === name)
  // Who has just come knows the mailbox only, and meets the others by and by.
  await eventually(async () => (await sources(reader, owner.key)).some(isHolder))

  await clock.jump(70 * MINUTE)
  await until(async () => (await box.status()).republished === 2, TURNS)
})
