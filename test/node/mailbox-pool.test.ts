import { beforeEach, expect, test } from 'vitest'
import { MailboxPool } from '../../node/mailbox-pool.ts'
import { MailboxError } from '../../net/mailbox-error.ts'
import { peerName } from '../../net/peer-name.ts'
import { verifyOneTimePair } from '../../protocol/prekeys.ts'
import { ready } from '../../protocol/crypto.ts'
import { testAccount, testBundle, testPairs } from '../support/accounts.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { MemoryNetwork } from '../support/memory-wire.ts'
import { seededRandom } from '../support/random.ts'
import { World, envelope } from '../mailbox/world.ts'
import type { ForeignMailbox } from '../../node/foreign-mailbox.ts'
import type { Deposited, MailboxHint } from '../../node/mailbox-pool.ts'
import type { MailboxErrorCode } from '../../net/mailbox-error.ts'
import type { TakenPrekeys } from '../../net/mailbox-client.ts'
import type { PeerName } from '../../net/ports.ts'
import type { AccountKey } from '../../protocol/account.ts'

type Answer = () => Promise<number>

const random = seededRandom('pool')
const accepting: Answer = () => Promise.resolve(1)
const unreachable: Answer = () => Promise.reject(new Error('unreachable'))
const signal = new AbortController().signal

/** One client that the pool made. `answer` decides about every deposit and bundle at that mailbox. */
interface Made {
  readonly addresses: readonly string[]
  closed: boolean
}

let clock: ManualClock
let made: Map<PeerName, Made[]>
let answers: Map<PeerName, Answer>
let prekeys: Map<PeerName, TakenPrekeys>
let pool: MailboxPool
let owner: AccountKey

beforeEach(async () => {
  await ready
  clock = new ManualClock()
  made = new Map()
  answers = new Map()
  prekeys = new Map()
  owner = testAccount(random).key
  pool = new MailboxPool({
    wires: new MemoryNetwork().throwAway(peerName(owner), random),
    clock,
    random,
    connect: (mailbox, addresses) => {
      const client: Made = { addresses, closed: false }
      made.set(mailbox, [...(made.get(mailbox) ?? []), client])
      return fakeClient(client, mailbox)
    },
  })
})

test('the first mailbox that accepts gets the envelope', async () => {
  const [first, second] = [hint(), hint()]
  expect(await deposit([first, second])).toMatchObject({ mailbox: nameOf(first), keptUntil: 1 })
  expect(clientsOf(second)).toEqual([])
})

test('the next one is tried when one refuses or cannot be reached', async () => {
  const hints = [hint(refusing('ERR_QUOTA')), hint(unreachable), hint()]
  expect((await deposit(hints)).mailbox).toBe(nameOf(hints[2]))
})

test('what was refused is told rather than what was not reached', async () => {
  await expect(deposit([hint(unreachable), hint(refusing('ERR_QUOTA'))])).rejects.toMatchObject({
    code: 'ERR_QUOTA',
  })
  await expect(deposit([hint(refusing('ERR_LATER')), hint(unreachable)])).rejects.toMatchObject({
    code: 'ERR_LATER',
  })
  await expect(deposit([hint(unreachable)])).rejects.toThrow('unreachable')
  await expect(deposit([])).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
})

test('a client is used again, and closed after a minute of rest', async () => {
  const mailbox = hint()
  await deposit([mailbox])
  await clock.advance(59_000)
  await deposit([mailbox])
  await clock.advance(59_000)
  expect(clientsOf(mailbox)).toEqual([{ addresses: ['/a'], closed: false }])
  await clock.advance(1_000)
  expect(clientsOf(mailbox)).toEqual([{ addresses: ['/a'], closed: true }])
  await deposit([mailbox])
  expect(clientsOf(mailbox)).toHaveLength(2)
})

test('a name is used for a day at most, and not to the minute', async () => {
  const ages: number[] = []
  for (let day = 0; day < 4; day++) {
    const mailbox = hint()
    for (let age = 0; ; age += 50) {
      await deposit([mailbox])
      if (clientsOf(mailbox).length > 1) {
        ages.push(age)
        expect(clientsOf(mailbox)[0]?.closed).toBe(true)
        break
      }
      await clock.advance(50_000)
    }
  }
  expect(Math.min(...ages)).toBeGreaterThanOrEqual(18 * 3600)
  expect(Math.max(...ages)).toBeLessThanOrEqual(24 * 3600 + 50)
  expect(new Set(ages).size).toBe(4)
})

test('a client in use is not at rest', async () => {
  const answer = Promise.withResolvers<number>()
  const mailbox = hint()
  await deposit([mailbox])
  answers.set(nameOf(mailbox), () => answer.promise)
  const waiting = deposit([mailbox])
  answers.set(nameOf(mailbox), accepting)
  await deposit([mailbox])
  await clock.advance(14_000)
  answer.resolve(7)
  expect((await waiting).keptUntil).toBe(7)
  expect(clientsOf(mailbox)).toHaveLength(1)
})

test('a client that failed is forgotten, one that refused is kept', async () => {
  const mailbox = hint(refusing('ERR_QUOTA'))
  await expect(deposit([mailbox])).rejects.toThrow('ERR_QUOTA')
  await expect(deposit([mailbox])).rejects.toThrow('ERR_QUOTA')
  expect(clientsOf(mailbox)).toHaveLength(1)
  for (const answer of [unreachable, refusing('ERR_CLOSED'), refusing('ERR_PROTOCOL')]) {
    answers.set(nameOf(mailbox), answer)
    await expect(deposit([mailbox])).rejects.toThrow(/unreachable|ERR_CLOSED|ERR_PROTOCOL/)
    expect(clientsOf(mailbox).at(-1)?.closed).toBe(true)
    expect(pool.size).toBe(0)
  }
})

test('a failure of one request does not cut off another of the same client', async () => {
  const mailbox = hint()
  const slow = Promise.withResolvers<number>()
  answers.set(nameOf(mailbox), () => slow.promise)
  const waiting = deposit([mailbox])
  answers.set(nameOf(mailbox), unreachable)
  await expect(deposit([mailbox])).rejects.toThrow('unreachable')
  expect(clientsOf(mailbox)[0]?.closed).toBe(false)
  slow.resolve(3)
  expect((await waiting).keptUntil).toBe(3)
  expect(clientsOf(mailbox)[0]?.closed).toBe(true)
})

test('a mailbox that does not answer costs fifteen seconds, then the next is tried', async () => {
  const silent = hint(() => new Promise(() => undefined))
  const good = hint()
  const waiting = deposit([silent, good])
  await clock.advance(15_000)
  expect((await waiting).mailbox).toBe(nameOf(good))
  expect(clientsOf(silent)[0]?.closed).toBe(true)
})

test('a caller that gives up ends its request, not the client', async () => {
  const mailbox = hint(() => new Promise(() => undefined))
  const stop = new AbortController()
  const waiting = deposit([mailbox, hint()], stop.signal)
  const outcome = expect(waiting).rejects.toThrow('enough')
  stop.abort(new Error('enough'))
  await outcome
  expect(clientsOf(mailbox)[0]?.closed).toBe(false)
})

test('new addresses get a new client', async () => {
  const mailbox = hint()
  await deposit([mailbox])
  await deposit([{ ...mailbox, addresses: ['/b'] }])
  expect(clientsOf(mailbox)).toEqual([
    { addresses: ['/a'], closed: true },
    { addresses: ['/b'], closed: false },
  ])
})

test('at most 32 are open: the one not used for longest goes', async () => {
  const hints = Array.from({ length: 32 }, () => hint())
  for (const one of hints) await deposit([one])
  const [oldest, second] = hints
  if (oldest === undefined || second === undefined) throw new Error('no hints')
  await deposit([oldest])
  await deposit([hint()])
  expect(pool.size).toBe(32)
  expect(clientsOf(second)[0]?.closed).toBe(true)
  expect(clientsOf(oldest)[0]?.closed).toBe(false)
})

test('when all are busy there is no room for one more', async () => {
  const busy = Promise.withResolvers<number>()
  const waiting = Array.from({ length: 32 }, () => deposit([hint(() => busy.promise)]))
  await expect(deposit([hint()])).rejects.toMatchObject({ code: 'ERR_LATER' })
  busy.resolve(1)
  await Promise.all(waiting)
  await deposit([hint()])
})

test('no more than four mailboxes of one owner are tried', async () => {
  const hints = Array.from({ length: 6 }, () => hint(unreachable))
  await expect(deposit(hints)).rejects.toThrow('unreachable')
  expect(made.size).toBe(4)
})

test('at a mailbox of ours the other name comes a moment later than we', async () => {
  const network = new MemoryNetwork()
  const mailbox = { account: testAccount(random).key, addresses: [] }
  for (const isOurs of [false, true]) {
    let names = 0
    const wires = {
      make: () => {
        names += 1
        return network.throwAway(peerName(owner), random).make()
      },
    }
    const apart = new MailboxPool({ wires, clock, random, isOurs: () => isOurs })
    const outcome = expect(apart.bundle(mailbox, owner, { signal })).rejects.toThrow('reached')
    await clock.advance(249)
    expect(names).toBe(isOurs ? 0 : 1)
    await clock.advance(751)
    expect(names).toBe(1)
    await outcome
    await apart.stop()
  }
  expect(clock.pending).toBe(0)
})

test('every visit has a name of its own, which ends with it', async () => {
  const network = new MemoryNetwork()
  const [here, there] = [testAccount(random), testAccount(random)]
  const seen: PeerName[] = []
  for (const { key } of [here, there]) {
    const wire = network.wire(peerName(key))
    wire.watch((peer, connected) => connected && seen.push(peer))
    await wire.handle('/sotto/mailbox/1', { maxFrameBytes: 1000, maxChannels: 1 }, async () => {
      throw new Error('not today')
    })
  }
  const wires = network.throwAway(peerName(owner), random)
  const visitor = new MailboxPool({ wires, clock, random })
  for (const account of [here.key, there.key, here.key]) {
    await expect(visitor.bundle({ account, addresses: [] }, owner, { signal })).rejects.toThrow()
  }
  expect(new Set(seen).size).toBe(3)
  expect(seen).not.toContain(peerName(owner))
  await visitor.stop()
  expect(seen.map((name) => network.find(name))).toEqual([undefined, undefined, undefined])
})

test('after the stop all are closed and nothing is opened', async () => {
  const mailbox = hint()
  await deposit([mailbox])
  await pool.stop()
  expect(clientsOf(mailbox)[0]?.closed).toBe(true)
  await expect(deposit([mailbox])).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  expect(clock.pending).toBe(0)
})

test('with a real mailbox: bundle, one-time pairs until the shelf is empty, deposits', async () => {
  const world = await World.start()
  const member = await world.member()
  const { key } = member.account
  const bundle = testBundle(member.account, { sequence: 3, now: world.clock.now() }, random)
  const pairs = testPairs(
    member.account,
    world.account.key,
    { count: 1, now: world.clock.now() },
    random,
  )
  await member.visitor.ask({ case: 'putBundle', value: { bundle: bundle.bytes } }, 'done')
  await member.visitor.ask(
    { case: 'putPrekeys', value: { pairs: pairs.map((p) => p.signed) } },
    'done',
  )

  const wires = world.network.throwAway(peerName(owner), random)
  const real = new MailboxPool({ wires, clock: world.clock, random })
  const mailbox = { account: world.account.key, addresses: [] }
  expect(await real.bundle(mailbox, key, { signal })).toEqual(bundle.bytes)
  expect(await real.bundle(mailbox, owner, { signal })).toBeUndefined()
  const first = await real.takePrekey([mailbox], key, { signal })
  expect(first.pair?.id).toBe(pairs[0]?.id)
  expect(first.mailbox).toBe(world.wire.self)
  const second = await real.takePrekey([mailbox], key, { signal })
  expect(second.pair).toBeUndefined()
  expect(second.bundle.sequence).toBe(3)
  const kept = await real.deposit([mailbox], depositFor(key), { signal })
  expect(kept.keptUntil).toBeGreaterThan(world.clock.now())
  expect((await world.service.status()).waiting).toBe(1)
  expect(real.size).toBe(1)
  await real.stop()
  await settle()
  await world.service.stop()
})

test('the next mailbox is asked for a pair when one has none left', async () => {
  const [empty, full] = [hint(), hint()]
  const account = testAccount(random)
  const bundle = testBundle(account, { sequence: 3, now: clock.now() }, random)
  const fields = { count: 1, now: clock.now() }
  const [pair] = testPairs(account, full.account, fields, random).map(({ signed }) =>
    verifyOneTimePair(signed, { account: account.key, now: clock.now() }),
  )
  prekeys.set(nameOf(empty), { bundle })
  prekeys.set(nameOf(full), pair === undefined ? { bundle } : { bundle, pair })
  const taken = await pool.takePrekey([empty, full], account.key, { signal })
  expect(taken).toEqual({ bundle, pair, mailbox: nameOf(full) })
  const bare = await pool.takePrekey([empty, hint()], account.key, { signal })
  expect(bare).toEqual({ bundle, mailbox: nameOf(empty) })
  await expect(pool.takePrekey([hint()], account.key, { signal })).rejects.toThrow('no prekeys')
})

function fakeClient(client: Made, mailbox: PeerName): ForeignMailbox {
  const answer = (): Promise<number> => (answers.get(mailbox) ?? accepting)()
  return {
    deposit: async () => ({ keptUntil: await answer(), signed: new Uint8Array(0) }),
    takePrekey: async () => prekeys.get(mailbox) ?? Promise.reject(new Error('no prekeys')),
    bundle: async () => Uint8Array.of(await answer()),
    close: async () => {
      client.closed = true
    },
  }
}

function hint(answer: Answer = accepting): MailboxHint {
  const { key } = testAccount(random)
  answers.set(peerName(key), answer)
  return { account: key, addresses: ['/a'] }
}

function nameOf(mailbox: MailboxHint | undefined): PeerName {
  if (mailbox === undefined) throw new Error('no such hint')
  return peerName(mailbox.account)
}

function clientsOf(mailbox: MailboxHint): readonly Made[] {
  return made.get(nameOf(mailbox)) ?? []
}

function depositFor(of: AccountKey) {
  return { owner: of, depositId: random(16), envelope: envelope('hello') }
}

function deposit(hints: readonly MailboxHint[], until = signal): Promise<Deposited> {
  return pool.deposit(hints, depositFor(owner), { signal: until })
}

function refusing(code: MailboxErrorCode): Answer {
  return () => Promise.reject(new MailboxError(code))
}
