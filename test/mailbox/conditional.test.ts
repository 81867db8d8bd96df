// A mailbox on an engine with conditional writes: what the contract of all stores cannot know.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBox, encodeBox } from '../../mailbox/conditional/box.ts'
import { ConditionalMailboxStore } from '../../mailbox/conditional/conditional-store.ts'
import { names, readDue } from '../../mailbox/conditional/names.ts'
import { DEFAULT_LIMITS } from '../../mailbox/limits.ts'
import { toHex } from '../../protocol/bytes.ts'
import { generateSecret, ready } from '../../protocol/crypto.ts'
import { testAccount } from '../support/accounts.ts'
import { ConditionalEngine, EngineClient } from '../support/conditional-engine.ts'
import { seededRandom } from '../support/random.ts'
import { envelope, textOf, World } from './world.ts'
import type { MailboxBodyInit } from '../../net/mailbox-messages.ts'

const fetch: MailboxBodyInit = { case: 'fetch', value: {} }
const random = seededRandom('conditional')

/** A front end of one mailbox. */
function frontEnd(engine: ConditionalEngine, limits = DEFAULT_LIMITS): ConditionalMailboxStore {
  const dataKey = generateSecret('DataKey', 32, seededRandom('data key'))
  return new ConditionalMailboxStore({ entries: new EngineClient(engine), dataKey, random, limits })
}

function damage(engine: ConditionalEngine, name: string): void {
  const entry = engine.entries.get(name)
  if (entry === undefined) throw new Error(`there is no ${name}`)
  engine.entries.set(name, { ...entry, value: entry.value.with(30, (entry.value[30] ?? 0) ^ 1) })
}

test('a mailbox serves from one front end what was left at another', async () => {
  const engine = new ConditionalEngine(() => 0)
  const world = await World.start({ store: frontEnd(engine) })
  const owner = await world.member()
  const sender = await world.stranger()
  await world.deposit(sender, owner.account, envelope('one'))
  await world.deposit(sender, owner.account, envelope('two'))
  const next = await world.crash({ store: frontEnd(engine) })
  const back = await next.again(owner)
  await back.visitor.ask(fetch, 'items')
  expect(back.visitor.items.map((item) => textOf(item.envelope))).toEqual(['one', 'two'])
  const ids = back.visitor.items.map(({ id }) => id)
  await back.visitor.ask({ case: 'acknowledge', value: { ids } }, 'done')
  expect(await next.service.status()).toMatchObject({ members: 1, waiting: 0, removed: 2 })
})

test('a damaged member is none any more, is counted, and takes no second place when joining anew', async () => {
  await ready
  const engine = new ConditionalEngine(() => 0)
  const store = frontEnd(engine, { ...DEFAULT_LIMITS, members: 2 })
  const [one, two, three] = [testAccount(random), testAccount(random), testAccount(random)]
  await store.join(one.key)
  await store.join(two.key)
  damage(engine, names.box(one.key))
  expect(await store.member(one.key)).toBeUndefined()
  expect(await store.statistics()).toMatchObject({ members: 1, damaged: 1 })
  await store.join(one.key)
  expect(await store.member(one.key)).toMatchObject({ messages: 0, status: 'active' })
  await expect(store.join(three.key)).rejects.toThrow('quota')
})

test('a damaged roster is counted again', async () => {
  await ready
  const engine = new ConditionalEngine(() => 0)
  const store = frontEnd(engine, { ...DEFAULT_LIMITS, members: 2 })
  await store.join(testAccount(random).key)
  damage(engine, names.roster)
  await store.join(testAccount(random).key)
  await expect(store.join(testAccount(random).key)).rejects.toThrow('quota')
})

test('the engine sees no envelope, and a value that was moved does not open', async () => {
  await ready
  const engine = new ConditionalEngine(() => 0)
  const world = await World.start({ store: frontEnd(engine) })
  const owner = await world.member()
  const sender = await world.stranger()
  await world.deposit(sender, owner.account, envelope('a text that would be found'))
  await world.deposit(sender, owner.account, envelope('another'))
  const text = toHex(new TextEncoder().encode('a text that'))
  const values = [...engine.entries.values()].map(({ value }) => toHex(value))
  expect(values.filter((value) => value.includes(text))).toEqual([])
  const [first = '', second = ''] = [...engine.entries.keys()].filter((n) => n.startsWith('blob/'))
  const moved = engine.entries.get(second)
  if (moved !== undefined) engine.entries.set(first, moved)
  await owner.visitor.ask(fetch, 'items')
  expect(owner.visitor.items.map((item) => textOf(item.envelope))).toEqual(['another'])
  expect(await world.service.status()).toMatchObject({ damaged: 1, waiting: 2 })
})

test('boxes and names of what is due are read back as they were written', () => {
  const u32 = fc.nat(0xffff_ffff)
  const u53 = fc.maxSafeNat()
  const hex = (length: number) =>
    fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => toHex(bytes))
  const box = fc.record({
    id: hex(16),
    joining: fc.boolean(),
    policy: fc.record({
      label: fc.string(),
      status: fc.constantFrom('active' as const, 'suspended' as const),
      quota: fc.option(fc.record({ bytes: u53, messages: u32 }), { nil: undefined }),
    }),
    lastItem: u53,
    flow: fc.record({ accepted: u53, acknowledged: u53, expired: u53, removed: u53 }),
    mail: fc.array(
      fc.record({
        id: u53,
        blob: hex(16),
        depositId: hex(16),
        bytes: u32,
        takenAt: u53,
        slot: u32,
      }),
    ),
    remembered: u32,
    pairs: fc.array(fc.record({ id: u32, blob: hex(16), expiresAt: u53 })),
    bundle: fc.option(hex(16), { nil: undefined }),
    tokens: fc.array(
      fc.record({ slot: u32, hash: fc.uint8Array({ minLength: 32, maxLength: 32 }) }),
    ),
    mark: fc.option(fc.uint8Array({ maxLength: 64 }), { nil: undefined }),
    garbage: fc.array(fc.string()),
  })
  const due = fc.record({
    kind: fc.constantFrom('mail' as const, 'pair' as const, 'taken' as const, 'bundle' as const),
    account: hex(32),
    box: hex(16),
    entry: hex(16),
    depositId: hex(16),
  })
  fc.assert(
    fc.property(box, due, u53, fc.nat(40), (aBox, aDue, at, cut) => {
      const bytes = encodeBox(aBox)
      expect(decodeBox(bytes)).toEqual(aBox)
      expect(() => decodeBox(bytes.slice(0, Math.min(cut, 40)))).toThrow('ERR_TRUNCATED')
      const name = names.expiry(at, aDue)
      expect(readDue(name)).toEqual({ ...aDue, at, name })
    }),
  )
})
