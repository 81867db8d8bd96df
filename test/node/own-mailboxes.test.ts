import { afterEach, beforeEach, expect, test } from 'vitest'
import { OwnMailboxes } from '../../node/own-mailboxes.ts'
import { MAILBOX_PROTOCOL } from '../../net/names.ts'
import { peerName } from '../../net/peer-name.ts'
import { encodeMailboxLink } from '../../protocol/link.ts'
import { toHex } from '../../protocol/bytes.ts'
import { testAccount } from '../support/accounts.ts'
import { settle, until } from '../support/manual-clock.ts'
import { JOIN_SECRET, World, envelope, textOf } from '../mailbox/world.ts'
import { HOUR, OwnWorld } from './own-world.ts'
import type { Guest } from '../mailbox/world.ts'
import type { MemoryWire } from '../support/memory-wire.ts'
import type { MailboxInfo } from '../../node/api.ts'
import type { ConnectOwn, OwnMailboxClient, TokenList } from '../../node/own-mailbox.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { MailboxLimits } from '../../mailbox/limits.ts'

const MINUTE = 60_000

let there: World
let here: OwnWorld
let wire: MemoryWire
let sender: Guest | undefined
let mailboxes: OwnMailboxes
/** What `onItems` was given, and what it does with it. */
let taken: string[]
let onItems: (ids: readonly bigint[]) => Promise<readonly bigint[]>
let connections: boolean[]

beforeEach(async () => {
  await begin()
})

afterEach(async () => {
  await mailboxes.stop()
  await there.service.stop()
})

test('enrolling joins, names the mailbox in the bundle and uploads bundle and pairs', async () => {
  const info = await use()
  expect(info).toMatchObject({ peer: there.wire.self, connected: true, oneTimePairs: 100 })
  expect(info.maxBytes).toBe(50 * 1024 * 1024)
  expect(mailboxes.list()).toEqual([info])
  const { bundle } = here.keys
  expect(bundle.mailboxes.map(({ account }) => toHex(account))).toEqual([toHex(there.account.key)])
  expect(await served()).toEqual(bundle.bytes)
  expect(await there.service.status()).toMatchObject({ members: 1, oneTimePairs: 100 })
})

test('the mailbox is on the disk before the bundle that names it can be seen', async () => {
  let seen = false
  here.keys.watch(() => {
    seen = true
  })
  Object.assign(here.store, { batch: () => Promise.reject(new Error('No space left on device')) })
  await expect(use()).rejects.toThrow('ERR_FULL')
  expect(seen).toBe(false)
  expect(mailboxes.list()).toEqual([])
  expect(here.keys.bundle.mailboxes).toEqual([])
})

test('mail that waits and mail that comes is handed on and then deleted', async () => {
  await use()
  for (const text of ['one', 'two', 'three']) await deposit(text)
  await until(async () => taken.length === 3 && (await waiting()) === 0)
  expect(taken).toEqual(['one', 'two', 'three'])
})

test('what came while we were away is fetched after the start', async () => {
  await use()
  await mailboxes.stop()
  for (let i = 0; i < 700; i += 1) await deposit(`mail ${i}`)
  await restart()
  await until(async () => (await waiting()) === 0)
  expect(taken).toEqual(Array.from({ length: 700 }, (_, i) => `mail ${i}`))
})

test('a damaged record of a mailbox is made up for by the bundle that names it', async () => {
  await use()
  await mailboxes.stop()
  const [name = ''] = await here.stored('own/mailbox/')
  const value = (await here.store.get(name)) ?? new Uint8Array(1)
  await here.store.put(name, value.with(0, (value[0] ?? 0) ^ 1))
  await deposit('kept')
  await restart()
  await until(() => taken.length === 1)
  expect(mailboxes.list()).toMatchObject([
    { peer: there.wire.self, connected: true, oneTimePairs: 100 },
  ])
})

test('only what was committed is acknowledged; the rest is handed over again', async () => {
  await use()
  onItems = (ids) => Promise.resolve([...ids.slice(0, 1), 999_999n])
  await mailboxes.stop()
  for (const text of ['one', 'two', 'three']) await deposit(text)
  await restart()
  await until(async () => taken.length >= 3 && (await waiting()) === 2)
  expect(taken.slice(0, 3)).toEqual(['one', 'two', 'three'])
  onItems = (ids) => Promise.resolve(ids)
  await here.clock.advance(5 * MINUTE)
  await until(async () => (await waiting()) === 0)
  expect(taken.slice(-2)).toEqual(['two', 'three'])
})

test('nothing is acknowledged when the commit failed, and the connection stands', async () => {
  await use()
  onItems = () => Promise.reject(new Error('disk full'))
  await deposit('kept')
  await until(() => taken.length === 1)
  await settle()
  expect(await waiting()).toBe(1)
  expect(mailboxes.list()[0]?.connected).toBe(true)
  onItems = (ids) => Promise.resolve(ids)
  await here.clock.advance(5 * MINUTE)
  await until(async () => (await waiting()) === 0)
  expect(taken).toEqual(['kept', 'kept'])
})

test('runs are dealt with one after another, also when the mailbox hands over fast', async () => {
  await use()
  let running = 0
  let most = 0
  onItems = async (ids) => {
    running += 1
    most = Math.max(most, running)
    await settle(3)
    running -= 1
    return ids
  }
  for (let i = 0; i < 20; i += 1) await deposit(`mail ${i}`)
  await until(async () => (await waiting()) === 0)
  expect(most).toBe(1)
  expect(taken).toHaveLength(20)
})

test('connects again after the connection was lost, and gets what came meanwhile', async () => {
  await use()
  there.network.part(wire.self, there.wire.self)
  await settle()
  expect(mailboxes.list()[0]?.connected).toBe(false)
  await deposit('meanwhile')
  await here.clock.advance(20 * MINUTE)
  expect(taken).toEqual([])
  there.network.join(wire.self, there.wire.self)
  await here.clock.advance(5 * MINUTE)
  await until(async () => (await waiting()) === 0)
  expect(taken).toEqual(['meanwhile'])
  expect(connections).toEqual([true, false, true])
})

test('does not wait for the back-off when the mailbox connects to us', async () => {
  await use()
  there.network.part(wire.self, there.wire.self)
  await here.clock.advance(HOUR)
  there.network.join(wire.self, there.wire.self)
  await wire.handle('/test', { maxFrameBytes: 1, maxChannels: 1 }, () => Promise.resolve())
  const { signal } = new AbortController()
  await there.wire.open(wire.self, '/test', { maxFrameBytes: 1, signal })
  await until(() => mailboxes.list()[0]?.connected === true)
})

test('a mailbox that has gone silent is noticed', async () => {
  await use()
  there.network.filter = ({ from, protocol }) =>
    from === there.wire.self && protocol === MAILBOX_PROTOCOL ? 'swallow' : 'deliver'
  await here.clock.advance(5 * MINUTE + 30_000)
  expect(mailboxes.list()[0]?.connected).toBe(false)
  there.network.filter = () => 'deliver'
  await here.clock.advance(10 * MINUTE)
  await until(() => mailboxes.list()[0]?.connected === true)
})

test('a new bundle is uploaded at once', async () => {
  await use()
  await here.keys.rotate()
  await settle()
  expect(await served()).toEqual(here.keys.bundle.bytes)
})

test('a bundle that was signed while the mailbox was away is uploaded with the next connection', async () => {
  await use()
  await mailboxes.stop()
  await here.keys.rotate()
  await restart()
  await until(() => mailboxes.list()[0]?.connected === true)
  await settle()
  expect(await served()).toEqual(here.keys.bundle.bytes)
})

test('a drained shelf is filled again, but not before an hour has passed', async () => {
  await use()
  await drain(60)
  await here.clock.advance(50 * MINUTE)
  expect((await there.service.status()).oneTimePairs).toBe(40)
  await here.clock.advance(30 * MINUTE)
  expect((await there.service.status()).oneTimePairs).toBe(100)
  expect(mailboxes.list()[0]?.oneTimePairs).toBe(100)
})

test('a mailbox that refuses what we upload still hands over our mail', async () => {
  await mailboxes.stop()
  await begin({ ownerPairs: 10 })
  const info = await use()
  expect(info.connected).toBe(true)
  expect((await there.service.status()).oneTimePairs).toBe(0)
  await deposit('still')
  await until(async () => (await waiting()) === 0)
  expect(taken).toEqual(['still'])
})

test('a link that is no longer good, or none at all, changes nothing', async () => {
  const wrong = encodeMailboxLink({
    account: there.account.key,
    addresses: [],
    joinSecret: new Uint8Array(16),
  })
  await expect(mailboxes.use(wrong)).rejects.toMatchObject({ code: 'ERR_JOIN' })
  await expect(mailboxes.use('SOTTO:M/1/AAAA')).rejects.toMatchObject({ name: 'DecodeError' })
  const nobody = encodeMailboxLink({ account: testAccount(here.random).key, addresses: [] })
  await expect(mailboxes.use(nobody)).rejects.toMatchObject({ name: 'DialError' })
  expect(mailboxes.list()).toEqual([])
  expect(here.keys.bundle.mailboxes).toEqual([])
  expect(await here.stored('own/mailbox/')).toEqual([])
})

test('using the same mailbox again changes nothing but its addresses', async () => {
  await use()
  const sequence = here.keys.bundle.sequence
  const info = await use()
  expect(info.connected).toBe(true)
  expect(mailboxes.list()).toHaveLength(1)
  expect(here.keys.bundle.mailboxes).toHaveLength(1)
  expect(here.keys.bundle.sequence).toBeGreaterThan(sequence)
  expect(await there.service.status()).toMatchObject({ members: 1, oneTimePairs: 100 })
})

test('at most four mailboxes', async () => {
  const many = make(() => easyClient)
  for (let i = 0; i < 4; i += 1) await many.use({ account: someAccount(), addresses: [] })
  expect(here.keys.bundle.mailboxes).toHaveLength(4)
  await expect(many.use({ account: someAccount(), addresses: [] })).rejects.toMatchObject({
    code: 'NOT_ALLOWED',
  })
  await many.stop()
})

test('nothing is begun after the stop', async () => {
  const joining = Promise.withResolvers<void>()
  const many = make(() => ({ ...easyClient, join: () => joining.promise }))
  const using = many.use({ account: someAccount(), addresses: [] })
  const outcome = expect(using).rejects.toMatchObject({ code: 'NODE_STOPPED' })
  await settle()
  await many.stop()
  joining.resolve()
  await outcome
})

test('a stop in the middle of a run waits for its commit', async () => {
  await use()
  const commit = Promise.withResolvers<void>()
  onItems = async (ids) => {
    await commit.promise
    return ids
  }
  await deposit('last')
  await until(() => taken.length === 1)
  let stopped = false
  const stopping = mailboxes.stop().then(() => {
    stopped = true
  })
  await settle()
  expect(stopped).toBe(false)
  commit.resolve()
  await stopping
  expect(await waiting()).toBe(1) // not acknowledged: it comes again and is known then
})

test('after the stop no timer and no channel is left', async () => {
  await use()
  await mailboxes.stop()
  await here.keys.stop()
  await there.service.stop()
  await here.records.close()
  await there.records.close()
  expect(here.clock.pending).toBe(0)
})

const easyClient: OwnMailboxClient = {
  join: () => Promise.resolve(),
  leave: () => Promise.resolve(),
  putBundle: () => Promise.resolve(),
  putPrekeys: () => Promise.resolve(),
  putTokens: () => Promise.resolve(),
  putMark: () => Promise.resolve(),
  fetch: () => Promise.resolve(),
  acknowledge: () => Promise.resolve(),
  close: () => Promise.resolve(),
  status: () =>
    Promise.resolve({
      usedBytes: 0,
      maxBytes: 1,
      waiting: 0,
      maxMessages: 1,
      oneTimePairs: 100,
      bundleSequence: 0,
      otherInstances: 0,
      time: 0,
      restoredAt: 0,
      mark: new Uint8Array(0),
    }),
}

async function begin(limits: Partial<MailboxLimits> = {}): Promise<void> {
  taken = []
  connections = []
  onItems = (ids) => Promise.resolve(ids)
  there = await World.start({ limits })
  here = await OwnWorld.start({ clock: there.clock })
  wire = there.network.wire(peerName(here.account.key))
  sender = undefined
  await restart()
}

/** A new one over the same store. */
async function restart(): Promise<void> {
  mailboxes = make()
  await mailboxes.start()
}

/** Nobody has any. */
const tokens: TokenList = {
  version: 0,
  bring: (_, put) => put([]),
}

function make(connect?: ConnectOwn): OwnMailboxes {
  const { records, clock, random, account, keys } = here
  return new OwnMailboxes({
    wire,
    records,
    clock,
    random,
    account,
    keys,
    tokens,
    onItems: (mailbox, items) => {
      expect(mailbox).toBe(there.wire.self)
      taken.push(...items.map((item) => textOf(item.envelope)))
      return onItems(items.map(({ id }) => id))
    },
    onConnected: (_, connected) => connections.push(connected),
    ...(connect === undefined ? {} : { connect }),
  })
}

async function use(): Promise<MailboxInfo> {
  const { key: account } = there.account
  return mailboxes.use(encodeMailboxLink({ account, addresses: [], joinSecret: JOIN_SECRET }))
}

/** A mailbox ends the channel of a stranger who says nothing for a minute. */
async function visitor(): Promise<Guest> {
  if (sender !== undefined) return sender
  const guest = await there.stranger()
  void guest.visitor.ended.then(() => {
    if (sender === guest) sender = undefined
  })
  sender = guest
  return guest
}

async function deposit(text: string): Promise<void> {
  await there.deposit(await visitor(), here.account, envelope(text))
}

async function served(): Promise<Uint8Array> {
  const body = { case: 'getBundle', value: { owner: here.account.key } } as const
  return (await (await visitor()).visitor.ask(body, 'bundle')).bundle
}

/** A stranger takes so many one-time pairs. */
async function drain(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const value = { owner: here.account.key, nonce: here.random(16) }
    await (await visitor()).visitor.ask({ case: 'takePrekey', value }, 'prekey')
  }
}

async function waiting(): Promise<number> {
  return (await there.service.status()).waiting
}

function someAccount(): AccountKey {
  return testAccount(here.random).key
}
