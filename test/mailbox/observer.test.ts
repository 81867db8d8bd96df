// What a mailbox tells those who watch it.
import { afterEach, expect, test } from 'vitest'
import { SESSION_MAIL_TTL_MS } from '../../mailbox/limits.ts'
import { toHex } from '../../protocol/bytes.ts'
import { MAX_ENVELOPE_BYTES } from '../../protocol/envelope.ts'
import { testAccount } from '../support/accounts.ts'
import { until } from '../support/manual-clock.ts'
import { envelope, World } from './world.ts'
import type { MailboxEvent, MailboxObserver } from '../../mailbox/observer.ts'

const MINUTE = 60_000
const events: MailboxEvent[] = []
afterEach(() => void events.splice(0))

const observer: MailboxObserver = { now: () => 0, observe: (event) => void events.push(event) }

async function watched(init: Parameters<typeof World.start>[0] = {}): Promise<World> {
  return await World.start({ ...init, observer })
}

function told<Kind extends MailboxEvent['kind']>(kind: Kind) {
  type Told = Extract<MailboxEvent, { kind: Kind }>
  return events.filter((event): event is Told => event.kind === kind)
}

const results = () => told('deposit').map(({ result }) => result)

test('mail is told of as it comes, is handed out and is acknowledged', async () => {
  const world = await watched()
  const owner = await world.member()
  expect(told('join')).toEqual([{ kind: 'join', account: owner.account.key, joined: true }])
  const sender = await world.stranger()
  await world.deposit(sender, owner.account, envelope('one', { length: 300 }))
  expect(told('deposit')).toEqual([
    { kind: 'deposit', owner: owner.account.key, result: 'accepted', bytes: 300, ms: 0 },
  ])
  await world.clock.advance(5 * MINUTE)
  const next = await world.again(owner)
  await next.visitor.ask({ case: 'fetch', value: {} }, 'items')
  expect(told('fetch')).toMatchObject([{ envelopes: 1, bytes: 300 }])
  const ids = next.visitor.items.map(({ id }) => id)
  await next.visitor.ask({ case: 'acknowledge', value: { ids } }, 'done')
  expect(told('acknowledge')).toMatchObject([{ keptMs: [5 * MINUTE] }])
  const tellers = new Set(events.flatMap((event) => ('owner' in event ? toHex(event.owner) : [])))
  expect([...tellers]).toEqual([toHex(owner.account.key)])
})

test('mail that is not taken is told of with the reason, which its sender does not learn', async () => {
  const world = await watched({ limits: { ownerMessages: 1, addressDeposits: 4 } })
  const owner = await world.member()
  const sender = await world.stranger()
  await world.deposit(sender, owner.account, envelope('one'))
  const leave = async (to = owner.account.key, bytes = envelope('two')): Promise<void> => {
    const value = { owner: to, depositId: world.random(16), envelope: bytes }
    expect((await sender.visitor.request({ case: 'deposit', value })).case).toBe('failure')
  }
  await leave()
  await leave(testAccount(world.random).key)
  await leave(owner.account.key, new Uint8Array(9))
  await leave()
  expect(results()).toEqual(['accepted', 'quota', 'policy', 'policy', 'rate'])
  expect(told('limit')).toEqual([{ kind: 'limit', bucket: 'deposits' }])
  await leave(owner.account.key, new Uint8Array(MAX_ENVELOPE_BYTES + 1))
  expect(told('oversized')).toHaveLength(1)
})

test('a failure of the store is told of, and so is what is not taken because of it', async () => {
  const world = await watched()
  const owner = await world.member()
  const sender = await world.stranger()
  const store = world.store as { batch: unknown }
  store.batch = () => Promise.reject(new Error('no space left'))
  const value = { owner: owner.account.key, depositId: world.random(16), envelope: envelope('x') }
  await expect(sender.visitor.request({ case: 'deposit', value })).rejects.toThrow('ended')
  await until(() => results().length > 0)
  expect(told('store-failure')).toHaveLength(1)
  expect(results()).toEqual(['error'])
})

test('mail whose time has come is told of', async () => {
  const world = await watched()
  const owner = await world.member()
  const sender = await world.stranger()
  for (const text of ['one', 'two']) await world.deposit(sender, owner.account, envelope(text))
  await world.clock.advance(SESSION_MAIL_TTL_MS + 20 * MINUTE)
  await until(() => told('expire').length > 0)
  expect(told('expire')).toEqual([{ kind: 'expire', envelopes: 2 }])
})

test('wrong invitations are told of, and when there are too many', async () => {
  const world = await watched({ limits: { addressJoins: 1 } })
  const guest = await world.stranger()
  await guest.visitor.login(guest.account)
  const join = () =>
    guest.visitor.request({ case: 'join', value: { joinSecret: new Uint8Array(16) } })
  await join()
  await join()
  expect(told('join')).toMatchObject([{ joined: false }])
  expect(told('limit')).toEqual([{ kind: 'limit', bucket: 'invitations' }])
})
