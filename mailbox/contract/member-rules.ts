// Members, their policies, bundles, settings, and what strangers can measure.

import { assert, equal, refusalOf } from './assert.ts'
import { EVERYTHING, ids, LIFETIME, LIMITS, mail, NOW, owner, pair, texts } from './people.ts'
import { A, at, B, expireAll, flows, take } from './rule.ts'
import type { Rule } from './rule.ts'

export const MEMBER_RULES: readonly Rule[] = [
  {
    name: 'joining twice is joining once, and members are listed in pages of an order that stays',
    run: async (_, stores) => {
      const accounts = [owner(1), owner(2), owner(3)]
      await Promise.all(accounts.flatMap((account) => stores.map((store) => store.join(account))))
      const store = at(stores)
      equal(await store.member(owner(9)), undefined, 'a stranger')
      const pages = []
      for (let page = await store.members(2); page.length > 0;) {
        pages.push(page.map(({ account }) => [...account]))
        page = await store.members(2, page.at(-1)?.account)
      }
      equal(
        pages.map(({ length }) => length),
        [2, 1],
        'sizes of pages',
      )
      const listed = pages.flat().map(String)
      equal(new Set(listed).size, 3, 'members listed')
      equal((await store.statistics()).members, 3, 'members counted')
    },
  },
  {
    name: 'a mark is kept for its member, until there is another one or the membership ends',
    run: async (_, stores) => {
      const store = at(stores)
      for (const account of [owner(1), owner(2)]) await store.join(account)
      equal(await store.mark(owner(1)), undefined, 'no mark')
      await store.setMark(owner(1), Uint8Array.of(1, 2, 3))
      await at(stores, 1).setMark(owner(1), Uint8Array.of(4, 5))
      equal([...((await at(stores, 2).mark(owner(1))) ?? [])], [4, 5], 'the newest mark')
      equal(await store.mark(owner(2)), undefined, 'the mark of somebody else')
      await store.remove(owner(1))
      equal(await refusalOf(store.setMark(owner(1), Uint8Array.of(6))), 'unavailable', 'a stranger')
      await store.join(owner(1))
      equal(await store.mark(owner(1)), undefined, 'after joining again')
    },
  },
  {
    name: 'there is room for so many members, however many come at once',
    run: async (_, stores) => {
      const comers = Array.from({ length: 9 }, (__, n) => owner(n))
      const asked = comers.map((account, n) => refusalOf(at(stores, n).join(account)))
      const refused = (await Promise.all(asked)).filter((reason) => reason !== undefined)
      equal(
        refused,
        refused.map(() => 'quota'),
        'refusals',
      )
      equal(comers.length - refused.length, LIMITS.members, 'members who got in')
      equal((await at(stores).statistics()).members, LIMITS.members, 'members')
    },
  },
  {
    name: 'joining and leaving at once leaves as many members as are counted, and room for the rest',
    run: async (_, stores) => {
      const store = at(stores)
      const comers = [owner(1), owner(2), owner(3)]
      for (let round = 0; round < 20; round++) {
        const asked = stores.flatMap((one) =>
          comers.map((account, n) => {
            const joins = (round + n) % 2 === 0
            return joins ? one.join(account) : one.remove(account).then(() => one.join(account))
          }),
        )
        await Promise.all(asked)
      }
      const listed = await store.members(100)
      equal(listed.length, comers.length, 'members listed')
      equal((await store.statistics()).members, comers.length, 'members counted')
      equal(await refusalOf(store.join(owner(4))), undefined, 'the last place')
      equal(await refusalOf(store.join(owner(5))), 'quota', 'no place')
    },
  },
  {
    name: 'the policy of a member counts from the moment it is set',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      const policy = {
        label: 'a friend',
        status: 'active',
        quota: { bytes: 250, messages: 2 },
      } as const
      await store.setPolicy(to, policy)
      const member = await at(stores, 1).member(to)
      equal(
        [member?.label, member?.status, member?.quota],
        [policy.label, 'active', policy.quota],
        'policy',
      )
      await store.deposit(mail(to, 'one'))
      equal(
        await refusalOf(store.deposit(mail(to, 'wide', { length: 151 }))),
        'quota',
        'too many bytes',
      )
      await store.deposit(mail(to, 'two'))
      equal(await refusalOf(store.deposit(mail(to, 'three', { length: 10 }))), 'quota', 'too many')
      await store.setPolicy(to, { ...policy, status: 'suspended', quota: undefined })
      equal(await refusalOf(store.deposit(mail(to, 'three'))), 'unavailable', 'suspended')
      equal(await refusalOf(store.deposit(mail(to, 'one'))), undefined, 'a promise is a promise')
      equal(texts(await store.read(to, 0, EVERYTHING)), ['one', 'two'], 'still there')
      equal(
        await refusalOf(store.setPolicy(owner(B), policy)),
        'unavailable',
        'policy of a stranger',
      )
    },
  },
  {
    name: 'a box that is emptied has nothing waiting, and its owner stays',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.empty(to)
      await store.join(to)
      await store.setPolicy(to, { label: 'a friend', status: 'active', quota: undefined })
      for (let n = 0; n < 4; n++) await store.deposit(mail(to, `${n}`))
      await store.acknowledge(to, ids(await store.read(to, 0, EVERYTHING)).slice(0, 1))
      await store.putPairs(to, [pair(1)], NOW + 500)
      await at(stores, 1).empty(to)
      const member = await store.member(to)
      equal([member?.messages, member?.bytes, member?.label], [0, 0, 'a friend'], 'the member')
      equal(texts(await store.read(to, 0, EVERYTHING)), [], 'what waits')
      equal((await flows(stores)).removed, 3, 'removed')
      for (let n = 0; n < 2; n++) await store.deposit(mail(to, `${n}`))
      equal(texts(await store.read(to, 0, EVERYTHING)), ['1'], 'one is remembered, one is not')
      equal((await take(store))?.id, 1, 'pairs stay')
      await expireAll(stores, NOW + LIFETIME)
      equal((await store.member(to))?.messages, 0, 'after all')
    },
  },
  {
    name: 'who is removed leaves nothing behind, and begins anew',
    run: async (subject, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      await store.join(owner(B))
      await store.deposit(mail(to, 'one', { length: 800 }))
      await store.deposit(mail(to, 'two'))
      await store.acknowledge(to, ids(await store.read(to, 0, EVERYTHING)).slice(1))
      await store.putPairs(to, [pair(1), pair(2)], NOW + 500)
      await take(store)
      await store.replaceBundle(to, Uint8Array.of(1))
      await store.setPolicy(to, { label: 'gone', status: 'suspended', quota: undefined })
      const { bytes } = await subject.kept()
      const before = await store.member(to)
      equal(await store.remove(to), true, 'removed')
      assert((await subject.kept()).bytes < bytes - 800, 'the mail is still stored')
      equal(await at(stores, 1).remove(to), false, 'removed again')
      equal(await store.member(to), undefined, 'the member')
      equal(await store.bundle(to), undefined, 'the bundle')
      equal(await refusalOf(store.read(to, 0, EVERYTHING)), 'unavailable', 'the box')
      equal(await refusalOf(store.acknowledge(to, [1])), 'unavailable', 'an acknowledgement')
      equal(await refusalOf(store.deposit(mail(to, 'three'))), 'unavailable', 'a deposit')
      equal(await flows(stores), { accepted: 2, acknowledged: 1, expired: 0, removed: 1 }, 'flows')
      await store.join(to)
      const fresh = await store.member(to)
      equal(
        [fresh?.label, fresh?.status, fresh?.messages, fresh?.pairs],
        ['', 'active', 0, 0],
        'anew',
      )
      const others = (await store.members(9)).map(({ id }) => id)
      assert(before !== undefined && !others.includes(before.id), 'an id is never given twice')
      equal(new Set(others).size, 2, 'ids')
      await store.deposit(mail(to, 'one', { length: 700, expiresAt: NOW + 2 * LIFETIME }))
      await store.putPairs(to, [pair(1)], NOW + 2 * LIFETIME)
      await expireAll(stores, NOW + LIFETIME)
      equal(texts(await store.read(to, 0, EVERYTHING)), ['one'], 'its own mail')
      equal((await take(store))?.id, 1, 'its own pair')
      equal((await store.statistics()).members, 2, 'members')
    },
  },
  {
    name: 'a bundle and a setting are replaced only by those who know what is there',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      const [one, two, three] = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]
      equal(await store.bundle(to), undefined, 'none yet')
      equal(await store.replaceBundle(to, one, two), false, 'instead of another')
      equal(await store.replaceBundle(to, one), true, 'the first')
      const race = [two, three].map((next, n) => at(stores, n).replaceBundle(to, next, one))
      equal((await Promise.all(race)).filter(Boolean).length, 1, 'of two, one')
      const held = await at(stores, 1).bundle(to)
      assert(held?.bytes[0] === 2 || held?.bytes[0] === 3, 'the one that won')
      equal(await refusalOf(store.replaceBundle(owner(B), one)), 'unavailable', 'of a stranger')
      equal(await store.setting('join-secret'), undefined, 'no setting yet')
      const settings = [one, two].map((next, n) =>
        at(stores, n).replaceSetting('join-secret', next),
      )
      equal((await Promise.all(settings)).filter(Boolean).length, 1, 'of two settings, one')
      equal(await store.setting('first-invitation'), undefined, 'another setting')
    },
  },
  {
    name: 'strangers cost as many reads as they get answers alike: unknown, full, suspended, no bundle',
    run: async (_, stores, fronts) => {
      const store = at(stores)
      const [full, suspended, unknown] = [owner(1), owner(2), owner(3)]
      await store.join(full)
      await store.join(suspended)
      await store.setPolicy(suspended, { label: '', status: 'suspended', quota: undefined })
      await store.setPolicy(full, { label: '', status: 'active', quota: { bytes: 1, messages: 1 } })
      const cost = async (ask: () => Promise<unknown>): Promise<number> => {
        const before = at(fronts).reads()
        await ask()
        return at(fronts).reads() - before
      }
      const costs: number[] = []
      for (const to of [full, suspended, unknown]) {
        costs.push(await cost(() => refusalOf(store.deposit(mail(to, 'x')))))
      }
      equal(
        costs,
        costs.map(() => costs[0]),
        'reads of a deposit',
      )
      const looks: number[] = []
      for (const to of [full, unknown]) looks.push(await cost(() => store.bundle(to)))
      assert((looks[0] ?? 0) > 0, 'reads are counted')
      equal(
        looks,
        looks.map(() => looks[0]),
        'reads for a bundle',
      )
    },
  },
]
