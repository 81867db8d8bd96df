import { expect, test } from 'vitest'
import { tokenHash } from '../../protocol/custody.ts'
import { MailboxClient } from '../../net/mailbox-client.ts'
import { slotOf } from '../../mailbox/lanes.ts'
import { testAccount, testBundle, testPairs } from '../support/accounts.ts'
import { envelope, textOf, World } from './world.ts'
import type { MailboxItem } from '../../net/mailbox-client.ts'
import type { Guest } from './world.ts'

const FETCH = { case: 'fetch', value: {} } as const

/** A member with tokens in slots 1, 2 and so on, and the tokens. */
async function memberWithTokens(world: World, count: number) {
  const owner = await world.member()
  const tokens = Array.from({ length: count }, () => world.random(32).slice())
  await give(owner, tokens)
  return { owner, tokens }
}

async function give({ visitor }: Guest, tokens: readonly Uint8Array[]): Promise<void> {
  const slots = tokens.map((token, index) => ({ slot: index + 1, hash: tokenHash(token) }))
  await visitor.ask({ case: 'putTokens', value: { tokens: slots } }, 'done')
}

test('a thousand strangers fill their lane, and mail of contacts comes through under their slots', async () => {
  const world = await World.start()
  const { owner, tokens } = await memberWithTokens(world, 2)
  const strangers = [await world.stranger(), await world.stranger()]
  const flood = Array.from({ length: 1000 }, async (_, n) => {
    const from = strangers[n % 2]
    if (from === undefined) throw new Error('no stranger')
    return await world.deposit(from, owner.account, envelope(`flood ${n}`))
  })
  const outcomes = await Promise.allSettled(flood)
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(100)
  const sender = await world.stranger()
  for (const [index, token] of tokens.entries()) {
    const id = world.random(16)
    await world.deposit(sender, owner.account, envelope(`contact ${index}`), id, token)
  }
  await owner.visitor.ask({ case: 'acknowledge', value: { ids: range(1, 100) } }, 'done')
  await owner.visitor.ask(FETCH, 'items')
  const got = owner.visitor.items.map((item) => [textOf(item.envelope), item.slot])
  expect(got).toEqual([
    ['contact 0', 1],
    ['contact 1', 2],
  ])
})

test('to a stranger, a full lane, an unknown owner and a token that was taken away are one answer', async () => {
  const world = await World.start({ limits: { strangerMessages: 1 } })
  const { owner, tokens } = await memberWithTokens(world, 2)
  const sender = await world.stranger()
  const [blocked = new Uint8Array(32), kept = new Uint8Array(32)] = tokens
  await give(owner, [kept])
  await world.deposit(sender, owner.account, envelope('the only one'))
  for (const account of [owner.account, testAccount(world.random)]) {
    for (const token of [new Uint8Array(0), blocked, world.random(32).slice()]) {
      const id = world.random(16)
      const refused = world.deposit(sender, account, envelope('x'), id, token)
      await expect(refused).rejects.toThrow('unavailable')
    }
  }
  expect((await world.service.status()).waiting).toBe(1)
})

test('only a member who is logged in sets tokens', async () => {
  const world = await World.start()
  const stranger = await world.stranger()
  await expect(give(stranger, [])).rejects.toThrow('loginNeeded')
  await stranger.visitor.login(stranger.account)
  await expect(give(stranger, [])).rejects.toThrow('unavailable')
})

test('every token is compared, and the last with the hash tells the slot', () => {
  const hash = new Uint8Array(32).fill(1)
  expect(slotOf([{ slot: 3, hash }], hash)).toBe(3)
  expect(slotOf([{ slot: 3, hash }], undefined)).toBe(0)
  expect(slotOf([{ slot: 3, hash }], hash.with(31, 2))).toBe(0)
  expect(slotOf([], hash)).toBe(0)
})

test('the client gives out tokens, shows one, and is told the slot', async () => {
  const world = await World.start()
  const owner = await world.member()
  const { clock, random } = world
  const base = { mailbox: world.wire.self, addresses: [], clock, random }
  const signal = new AbortController().signal
  const items: MailboxItem[] = []
  const onItems = (run: readonly MailboxItem[]): void => void items.push(...run)
  const home = new MailboxClient({ ...base, wire: owner.wire, owner: owner.account, onItems })
  const token = random(32).slice()
  await home.putTokens([{ slot: 5, hash: tokenHash(token) }], { signal })
  const { wire } = await world.stranger()
  const contact = new MailboxClient({ ...base, wire })
  const letter = { owner: owner.account.key, envelope: envelope('hello') }
  await contact.deposit({ ...letter, depositId: random(16), token }, { signal })
  await contact.deposit({ ...letter, depositId: random(16) }, { signal })
  await home.fetch({ signal })
  expect(items.map(({ slot }) => slot)).toEqual([5, 0])
  await home.close()
  await contact.close()
})

test('the last pairs of a shelf go to those who show a token', async () => {
  const world = await World.start({ limits: { reservedPairs: 1 } })
  const { owner, tokens } = await memberWithTokens(world, 1)
  const { clock, random, account: mailbox } = world
  const now = clock.now()
  const { bytes } = testBundle(owner.account, { sequence: 1, now }, random)
  await owner.visitor.ask({ case: 'putBundle', value: { bundle: bytes } }, 'done')
  const pairs = testPairs(owner.account, mailbox.key, { count: 2, now }, random)
  const value = { pairs: pairs.map(({ signed }) => signed) }
  await owner.visitor.ask({ case: 'putPrekeys', value }, 'done')
  const { wire } = await world.stranger()
  const contact = new MailboxClient({
    wire,
    mailbox: world.wire.self,
    addresses: [],
    clock,
    random,
  })
  const { signal } = new AbortController()
  const take = async (token?: Uint8Array): Promise<number | undefined> => {
    const options = { signal, ...(token === undefined ? {} : { token }) }
    return (await contact.takePrekey(owner.account.key, options)).pair?.id
  }
  const [first, second] = pairs.map(({ id }) => id)
  expect([await take(), await take(), await take(random(32).slice())]).toEqual([
    first,
    undefined,
    undefined,
  ])
  expect([await take(tokens[0]), await take(tokens[0])]).toEqual([second, undefined])
  await contact.close()
})

function range(from: number, to: number): bigint[] {
  return Array.from({ length: to - from + 1 }, (_, index) => BigInt(from + index))
}
