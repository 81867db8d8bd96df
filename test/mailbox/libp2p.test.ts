// The mailbox as it runs: libp2p on loopback, LevelDB on disk, the client that nodes use.
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { mailbox } from '../../mailbox/host.ts'
import { addressTexts } from '../../net/address.ts'
import { MailboxClient } from '../../net/mailbox-client.ts'
import { accountOf, peerName } from '../../net/peer-name.ts'
import { systemClock } from '../../net/platform/clock.ts'
import { directory } from '../../net/platform/dht.ts'
import { dialPolicy } from '../../net/dial-policy.ts'
import { startNetwork } from '../../net/platform/libp2p.ts'
import { platformRandom } from '../../net/platform/random.ts'
import { throwAwayWires } from '../../net/platform/throw-away.ts'
import { libp2pWire } from '../../net/wire.ts'
import { MailboxPool } from '../../node/mailbox-pool.ts'
import { ready } from '../../protocol/crypto.ts'
import { decodeMailboxLink } from '../../protocol/link.ts'
import { testAccount, testBundle, testPairs } from '../support/accounts.ts'
import { until } from '../support/manual-clock.ts'
import { envelope, textOf } from './world.ts'
import type { Mailbox } from '../../mailbox/host.ts'
import type { MailboxItem } from '../../net/mailbox-client.ts'
import type { Wire } from '../../net/ports.ts'
import type { WireComponents } from '../../net/wire.ts'
import type { Account } from '../../protocol/account.ts'

const clock = systemClock
const random = platformRandom
const o = { signal: AbortSignal.timeout(50_000) }
const endings: (() => Promise<unknown>)[] = []

beforeAll(() => ready)
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

interface Host {
  readonly service: Mailbox
  /** Batches that were synced so far. */
  readonly synced: () => number
  readonly address: string
  /** Everybody who was ever connected. */
  readonly seen: ReadonlySet<string>
  stop(): Promise<void>
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'sotto-mailbox-'))
  endings.push(() => rm(path, { recursive: true, force: true }))
  return path
}

async function host(account: Account, path: string): Promise<Host> {
  const store = new Level<string, Uint8Array>(path, { valueEncoding: 'view' })
  await store.open()
  let synced = 0
  const batch = store.batch.bind(store)
  Object.assign(store, {
    batch: (operations: never, options: { readonly sync?: boolean }) => {
      if (options.sync === true) synced++
      return batch(operations, options as never)
    },
  })
  const dataKey = new Uint8Array(32).fill(3)
  const node = await startNetwork({
    account,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: [],
    lan: false,
    dht: directory({ clock }).service,
    services: { mailbox: mailbox({ store, dataKey }) },
  })
  const seen = new Set<string>()
  node.addEventListener('peer:connect', ({ detail }) => seen.add(detail.toString()))
  let stopped = false
  const stop = async (): Promise<void> => {
    if (stopped) return
    stopped = true
    await node.stop()
    await store.close()
  }
  endings.push(stop)
  const [address = ''] = node.getMultiaddrs().map(String)
  return { service: node.services.mailbox, address, seen, stop, synced: () => synced }
}

/** A node that serves nothing; what it dials with. */
async function dialler(account: Account): Promise<{ readonly wire: Wire; stop(): Promise<void> }> {
  let wire: Wire | undefined
  const node = await startNetwork({
    account,
    listen: [],
    dialPolicy: dialPolicy({ listen: ['/ip4/127.0.0.1/tcp/0'] }),
    bootstrap: [],
    lan: false,
    dht: directory({ clock }).service,
    services: {
      wire: (components: WireComponents) => {
        wire = libp2pWire(components, clock)
        return {}
      },
    },
  })
  endings.push(async () => node.stop())
  if (wire === undefined) throw new Error('no wire')
  return { wire, stop: async () => node.stop() }
}

function client(wire: Wire, { service, address }: Host, owner?: Account) {
  const items: MailboxItem[] = []
  const init = { wire, mailbox: service.peer, addresses: [address], clock, random }
  const onItems = (run: readonly MailboxItem[]) => void items.push(...run)
  const made = new MailboxClient(owner === undefined ? init : { ...init, owner, onItems })
  endings.push(() => made.close())
  return { client: made, items, texts: () => items.map((item) => textOf(item.envelope)) }
}

test('mail waits for an owner who is away, survives a restart of the mailbox, and goes when acknowledged', async () => {
  const account = testAccount(random)
  const path = await folder()
  let running = await host(account, path)
  const link = decodeMailboxLink(running.service.link())
  expect(peerName(link.account)).toBe(running.service.peer)
  expect(addressTexts(link.addresses)).toEqual([running.address.replace(/\/p2p\/.*/, '')])

  const owner = testAccount(random)
  const home = await dialler(owner)
  const first = client(home.wire, running, owner)
  await first.client.join(link.joinSecret, o)
  const now = clock.now()
  const bundle = testBundle(owner, { sequence: 1, now }, random)
  await first.client.putBundle(bundle.bytes, o)
  const pairs = testPairs(owner, account.key, { count: 100, now }, random)
  await first.client.putPrekeys(
    pairs.map(({ signed }) => signed),
    o,
  )
  await first.client.close()

  const sender = await dialler(testAccount(random))
  const stranger = client(sender.wire, running).client
  const taken = await stranger.takePrekey(owner.key, o)
  expect(taken.pair?.id).toBe(pairs[0]?.id)
  expect(taken.bundle.bytes).toEqual(bundle.bytes)
  expect(await stranger.bundle(owner.key, o)).toEqual(bundle.bytes)
  const batch = Array.from({ length: 200 }, (_, i) => envelope(`${i}`, { length: 1000 }))
  const deposits = batch.map((bytes) => ({
    owner: owner.key,
    depositId: random(16),
    envelope: bytes,
  }))
  const receipts = await Promise.all(deposits.map((deposit) => stranger.deposit(deposit, o)))
  expect(receipts.every(({ keptUntil }) => keptUntil > now)).toBe(true)

  // Fetched and not acknowledged: the owner dies.
  const dying = client(home.wire, running, owner)
  await dying.client.fetch(o)
  await until(() => dying.items.length === 200)
  await dying.client.acknowledge(
    dying.items.slice(0, 50).map(({ id }) => id),
    o,
  )
  await home.stop()

  await running.stop()
  running = await host(account, path)
  expect(decodeMailboxLink(running.service.link()).joinSecret).toEqual(link.joinSecret)
  const again = client((await dialler(testAccount(random))).wire, running).client
  const [repeated] = deposits
  if (repeated === undefined) throw new Error('nothing was deposited')
  const other = await again.deposit(repeated, o)
  expect(other.keptUntil).toBe(receipts[0]?.keptUntil)

  const back = client((await dialler(owner)).wire, running, owner)
  await back.client.fetch(o)
  await until(() => back.items.length === 150)
  expect(back.texts()).toEqual(Array.from({ length: 150 }, (_, i) => `${i + 50}`))
  await back.client.acknowledge(
    back.items.map(({ id }) => id),
    o,
  )
  const late = { owner: owner.key, depositId: random(16), envelope: envelope('pushed') }
  await again.deposit(late, o)
  await until(() => back.items.length === 151)
  await back.client.acknowledge(
    back.items.slice(150).map(({ id }) => id),
    o,
  )
  expect(await back.client.status(o)).toMatchObject({ waiting: 0, usedBytes: 0, oneTimePairs: 99 })
  expect(await running.service.status()).toMatchObject({ accepted: 201, removed: 201, waiting: 0 })
})

test('many takers over many connections get different pairs', async () => {
  const account = testAccount(random)
  const running = await host(account, await folder())
  const owner = testAccount(random)
  const at = client((await dialler(owner)).wire, running, owner).client
  await at.join(decodeMailboxLink(running.service.link()).joinSecret, o)
  const now = clock.now()
  await at.putBundle(testBundle(owner, { sequence: 1, now }, random).bytes, o)
  const pairs = testPairs(owner, account.key, { count: 30, now }, random)
  await at.putPrekeys(
    pairs.map(({ signed }) => signed),
    o,
  )
  const takers = await Promise.all([1, 2, 3, 4].map(() => dialler(testAccount(random))))
  const answers = await Promise.all(
    takers.flatMap(({ wire }) => {
      const { client: taker } = client(wire, running)
      return Array.from({ length: 10 }, () => taker.takePrekey(owner.key, o))
    }),
  )
  const ids = answers.map(({ pair }) => pair?.id).filter((id) => id !== undefined)
  expect(new Set(ids).size).toBe(30)
  expect(ids).toHaveLength(30)
})

test('when a receipt arrives, what it promises is in the files: they are copied as a crash leaves them', async () => {
  const account = testAccount(random)
  const path = await folder()
  const running = await host(account, path)
  const owner = testAccount(random)
  const home = await dialler(owner)
  const at = client(home.wire, running, owner)
  await at.client.join(decodeMailboxLink(running.service.link()).joinSecret, o)
  const stranger = client((await dialler(testAccount(random))).wire, running).client
  const deposit = (text: string) =>
    stranger.deposit({ owner: owner.key, depositId: random(16), envelope: envelope(text) }, o)
  await Promise.all(Array.from({ length: 64 }, (_, i) => deposit(`${i}`)))
  const copy = await folder()
  const filter = (from: string): boolean => !from.endsWith('LOCK')
  await cp(path, copy, { recursive: true, filter })
  await deposit('after')
  await at.client.close()
  await running.stop()

  const revived = await host(account, copy)
  const back = client(home.wire, revived, owner)
  await back.client.fetch(o)
  await until(() => back.items.length === 64)
  expect(back.texts()).toEqual(Array.from({ length: 64 }, (_, i) => `${i}`))
})

test('deposits on their way together share an fsync', async () => {
  const account = testAccount(random)
  const running = await host(account, await folder())
  const owner = testAccount(random)
  const at = client((await dialler(owner)).wire, running, owner).client
  await at.join(decodeMailboxLink(running.service.link()).joinSecret, o)
  const senders = [await dialler(testAccount(random)), await dialler(testAccount(random))]
  const clients = senders.map(({ wire }) => client(wire, running).client)
  const before = running.synced()
  const each = 480
  await Promise.all(
    clients.flatMap((sender) => {
      let left = each
      const lane = async (): Promise<void> => {
        while (left-- > 0) {
          const depositId = random(16)
          await sender.deposit({ owner: owner.key, depositId, envelope: envelope('x') }, o)
        }
      }
      return Array.from({ length: 32 }, lane)
    }),
  )
  const deposits = 2 * each
  expect(await running.service.status()).toMatchObject({ accepted: deposits, waiting: deposits })
  expect((running.synced() - before) / deposits).toBeLessThan(0.1)
})

test('a mailbox sees no account of those who leave mail, and each of them under another name', async () => {
  const running = await host(testAccount(random), await folder())
  const owner = testAccount(random)
  const at = client((await dialler(owner)).wire, running, owner).client
  await at.join(decodeMailboxLink(running.service.link()).joinSecret, o)
  const hints = [{ account: accountOf(running.service.peer), addresses: [running.address] }]
  for (const text of ['from ada', 'from bob']) {
    const wires = throwAwayWires({ clock, random })
    const pool = new MailboxPool({ wires, clock, random })
    endings.push(() => pool.stop())
    for (let count = 0; count < 3; count++) {
      const depositId = random(16)
      await pool.deposit(hints, { owner: owner.key, depositId, envelope: envelope(text) }, o)
    }
  }
  expect(await running.service.status()).toMatchObject({ waiting: 6 })
  expect(running.seen).toContain(peerName(owner.key))
  expect(running.seen.size).toBe(3)
})

test('a service of a stopped node says so', async () => {
  const running = await host(testAccount(random), await folder())
  await running.stop()
  await expect(running.service.status()).rejects.toThrow('stopped')
  expect(() => running.service.link()).toThrow('stopped')
})

test('a mailbox that is stopped answers what it has begun: nothing is kept without a receipt', async () => {
  const account = testAccount(random)
  const path = await folder()
  const running = await host(account, path)
  const owner = testAccount(random)
  const home = await dialler(owner)
  const { joinSecret } = decodeMailboxLink(running.service.link())
  await client(home.wire, running, owner).client.join(joinSecret, o)
  const stranger = client((await dialler(testAccount(random))).wire, running).client
  const first = Promise.withResolvers<void>()
  const answers = Array.from({ length: 200 }, async (_, n) => {
    const mail = envelope(`${n}`, { length: 20_000 })
    await stranger.deposit({ owner: owner.key, depositId: random(16), envelope: mail }, o)
    first.resolve()
  })
  const settled = Promise.allSettled(answers)
  await first.promise
  await running.stop()
  const kept = (await settled).filter(({ status }) => status === 'fulfilled').length
  expect(kept).toBeGreaterThan(0)
  const again = await host(account, path)
  expect(await again.service.status()).toMatchObject({ accepted: kept, waiting: kept })
})
