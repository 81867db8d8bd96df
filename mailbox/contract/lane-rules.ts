// Two lanes in a box: who holds a token of the owner shares the owner's quota, strangers have a small part of it.

import { equal, refusalOf } from './assert.ts'
import {
  EVERYTHING,
  hashOfToken,
  ids,
  LIFETIME,
  mail,
  NOW,
  owner,
  pair,
  slots,
  texts,
} from './people.ts'
import { A, at, B, expireAll } from './rule.ts'
import type { MailboxStore } from '../store.ts'
import type { Rule } from './rule.ts'

/** One for each contact. */
const TOKENS = [
  { slot: 7, hash: hashOfToken('ada') },
  { slot: 9, hash: hashOfToken('carol') },
]

export const LANE_RULES: readonly Rule[] = [
  {
    name: 'strangers fill their lane and no more, tokens of nobody are strangers, and contacts have the rest',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      await store.setTokens(to, TOKENS)
      const many = Array.from({ length: 12 }, (__, n) => {
        const options = n % 2 === 0 ? {} : { token: `mallory ${n}` }
        return refusalOf(at(stores, n).deposit(mail(to, `many ${n}`, options)))
      })
      const refused = (await Promise.all(many)).filter((reason) => reason === 'quota')
      equal(refused.length, 10, 'refused')
      for (const [n, token] of ['ada', 'carol', 'ada', 'carol'].entries()) {
        equal(await leave(at(stores, n), `from ${n}`, token), undefined, `from ${token}`)
      }
      equal(await leave(store, 'more', 'ada'), 'quota', 'the whole box')
      const run = await store.read(to, 0, EVERYTHING)
      equal(slots(run), [0, 0, 7, 9, 7, 9], 'slots')
      const [first = 0] = ids(run)
      await store.acknowledge(to, [first])
      equal(await leave(store, 'again'), undefined, 'room for a stranger')
      equal(await leave(store, 'and again'), 'quota', 'one only')
    },
  },
  {
    name: 'the lane of strangers is bounded in bytes, and at half of a small quota',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      await store.setTokens(to, TOKENS)
      equal(await refusalOf(store.deposit(mail(to, 'large', { length: 251 }))), 'quota', 'large')
      equal(await refusalOf(store.deposit(mail(to, 'right', { length: 250 }))), undefined, 'right')
      const token = 'ada'
      equal(
        await refusalOf(store.deposit(mail(to, 'contact', { length: 700, token }))),
        undefined,
        'a contact',
      )
      await store.join(owner(B))
      await store.setTokens(owner(B), TOKENS)
      const quota = { bytes: 200, messages: 2 }
      await store.setPolicy(owner(B), { label: '', status: 'active', quota })
      const small = { length: 50 }
      equal(await refusalOf(store.deposit(mail(owner(B), '1', small))), undefined, 'the first')
      equal(await refusalOf(store.deposit(mail(owner(B), '2', small))), 'quota', 'the second')
      const known = mail(owner(B), '3', { ...small, token })
      equal(await refusalOf(store.deposit(known)), undefined, 'a contact beside it')
    },
  },
  {
    name: 'without tokens there is one lane; a token that is taken away is none, at once and everywhere, also after a crash',
    run: async (subject, stores, fronts) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      for (const text of ['1', '2', '3']) equal(await leave(store, text), undefined, text)
      await store.setTokens(to, TOKENS)
      equal(await leave(store, '4'), 'quota', 'what waited counts as of strangers')
      equal(await leave(at(stores, 1), '5', 'ada'), undefined, 'a contact')
      await store.setTokens(to, TOKENS.slice(1))
      equal(await leave(at(stores, 1), '6', 'ada'), 'quota', 'blocked')
      equal(await leave(at(stores, 2), '7', 'carol'), undefined, 'the other contact')
      for (const front of fronts) await front.crash()
      const next = (await subject.open()).store
      equal(await leave(next, '8', 'ada'), 'quota', 'blocked after a crash')
      equal(await leave(next, '9', 'carol'), undefined, 'the other contact after a crash')
      equal(slots(await next.read(to, 0, EVERYTHING)), [0, 0, 0, 7, 9, 9], 'slots after a crash')
    },
  },
  {
    name: 'two tokens may share a slot, tokens are of one owner, and go with the membership',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      await store.join(owner(B))
      const renewed = { slot: 7, hash: hashOfToken('ada, renewed') }
      await store.setTokens(to, [...TOKENS, renewed])
      for (const token of ['ada', 'ada, renewed']) await store.deposit(mail(to, token, { token }))
      equal(slots(await store.read(to, 0, EVERYTHING)), [7, 7], 'slots')
      await store.deposit(mail(owner(B), 'b', { token: 'ada' }))
      equal(slots(await store.read(owner(B), 0, EVERYTHING)), [0], 'at another owner')
      const five = Array.from({ length: 5 }, (__, n) => ({ slot: 1, hash: hashOfToken(`${n}`) }))
      equal(await refusalOf(store.setTokens(to, five)), 'quota', 'too many')
      equal(await refusalOf(store.setTokens(owner(3), TOKENS)), 'unavailable', 'nobody')
      await store.remove(to)
      await store.join(to)
      await store.deposit(mail(to, 'anew', { token: 'ada' }))
      equal(slots(await store.read(to, 0, EVERYTHING)), [0], 'anew')
    },
  },
  {
    name: 'strangers cost as many reads as they get answers alike, whatever token they show',
    run: async (_, stores, fronts) => {
      const store = at(stores)
      await store.join(owner(A))
      await store.setTokens(owner(A), TOKENS)
      for (const text of ['1', '2']) await store.deposit(mail(owner(A), text))
      const costs = new Set<number>()
      const full = owner(A)
      for (const to of [full, owner(B)]) {
        for (const options of [{}, { token: 'mallory' }]) {
          const before = at(fronts).reads()
          const refused = await refusalOf(store.deposit(mail(to, 'x', options)))
          equal(refused, to === full ? 'quota' : 'unavailable', 'refused')
          costs.add(at(fronts).reads() - before)
        }
      }
      equal(costs.size, 1, 'different numbers of reads')
    },
  },
  {
    name: 'strangers leave the last pairs to those who hold a token, once there are tokens',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      await store.putPairs(
        to,
        [1, 2, 3, 4, 5].map((id) => pair(id)),
        NOW + 1e6,
      )
      const taken = async (n: number, token?: string): Promise<number | undefined> => {
        const hash = token === undefined ? undefined : hashOfToken(token)
        return (await at(stores, n).takePair(to, NOW, NOW + 900_000, hash))?.id
      }
      await store.setTokens(to, TOKENS)
      equal([await taken(0), await taken(1, 'mallory')], [1, 2], 'strangers')
      equal([await taken(2), await taken(0, 'mallory')], [undefined, undefined], 'the reserve')
      equal([await taken(1, 'ada'), await taken(2, 'carol')], [3, 4], 'contacts')
      await store.setTokens(to, [])
      equal(await taken(0), 5, 'without tokens')
    },
  },
  {
    name: 'the room of strangers comes back when their mail is due',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      await store.setTokens(to, TOKENS)
      const expiresAt = NOW + LIFETIME
      for (const text of ['1', '2']) await store.deposit(mail(to, text, { expiresAt }))
      await store.deposit(mail(to, 'kept', { token: 'ada', expiresAt: expiresAt + 1 }))
      equal(await leave(store, 'full'), 'quota', 'full')
      await expireAll([store], expiresAt)
      equal(texts(await store.read(to, 0, EVERYTHING)), ['kept'], 'what is left')
      for (const text of ['3', '4']) equal(await leave(store, text), undefined, text)
      equal(await leave(store, '5'), 'quota', 'full again')
    },
  },
]

/** Leaves mail for A. Undefined when it was taken. */
async function leave(
  store: MailboxStore,
  text: string,
  token?: string,
): Promise<string | undefined> {
  const options = { expiresAt: NOW + 10 * LIFETIME, ...(token === undefined ? {} : { token }) }
  return await refusalOf(store.deposit(mail(owner(A), text, options)))
}
