// One-time pairs, and what goes when its time comes.

import { assert, equal, refusalOf } from './assert.ts'
import { EVERYTHING, ids, LIFETIME, LIMITS, mail, NOW, owner, pair, texts } from './people.ts'
import { A, at, B, expireAll, flows, take } from './rule.ts'
import type { Rule } from './rule.ts'

export const UPKEEP_RULES: readonly Rule[] = [
  {
    name: 'a pair is taken once, however many ask at once, oldest first, and never comes back',
    run: async (subject, stores, fronts) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      const pairs = [1, 2, 3, 4, 5].map((id) => pair(id))
      await store.putPairs(to, pairs, NOW + 500)
      equal((await take(store))?.id, 1, 'the oldest')
      const taken = await Promise.all(Array.from({ length: 9 }, (_, n) => take(at(stores, n))))
      const given = taken.flatMap((one) => (one === undefined ? [] : [one.id]))
      equal(
        given.toSorted((a, b) => a - b),
        [2, 3, 4, 5],
        'given',
      )
      for (const front of fronts) await front.crash()
      const next = (await subject.open()).store
      await next.putPairs(to, [...pairs, pair(6), pair(6)], NOW + 500)
      const last = await take(next)
      equal(
        [last?.id, last?.expiresAt, [...(last?.signed ?? [])]],
        [6, pair(6).expiresAt, [...pair(6).signed]],
        'the new one',
      )
      equal(await take(next), undefined, 'an empty shelf')
      equal(
        await refusalOf(next.takePair(owner(B), NOW, NOW)),
        'unavailable',
        'the shelf of a stranger',
      )
    },
  },
  {
    name: 'pairs are kept all or none, up to the limit, and lapsed ones are passed over',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      const some = (from: number, to_: number, expiresAt?: number) =>
        Array.from({ length: to_ - from + 1 }, (__, n) => pair(from + n, expiresAt))
      await store.putPairs(to, some(1, 10, NOW + 10), NOW + 500)
      equal(await refusalOf(store.putPairs(to, some(5, 13), NOW + 500)), 'quota', 'too many')
      equal((await store.member(to))?.pairs, 10, 'none of them is kept')
      await store.putPairs(to, some(10, 12), NOW + 500)
      equal((await store.member(to))?.pairs, 12, 'all of them are kept')
      equal(
        (await store.takePair(to, NOW + 10, NOW + 900))?.id,
        11,
        'the first that has not lapsed',
      )
      equal((await store.member(to))?.pairs, 1, 'the lapsed are gone')
    },
  },
  {
    name: 'pairs that are void go in the write that brings others, or alone, and make room',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      const some = (from: number, to_: number, expiresAt?: number) =>
        Array.from({ length: to_ - from + 1 }, (__, n) => pair(from + n, expiresAt))
      await store.putPairs(to, some(1, 10, NOW + 10), NOW + 500)
      await store.putPairs(to, some(11, 12, NOW + 11), NOW + 500)
      await store.putPairs(to, some(13, 20, NOW + 12), NOW + 500, NOW + 10)
      equal((await store.member(to))?.pairs, 10, 'the void are gone, the others are kept')
      equal((await take(store))?.id, 11, 'the first that is not void')
      await store.putPairs(to, [], NOW + 500, NOW + 11)
      equal((await store.member(to))?.pairs, 8, 'one more is gone')
      equal((await store.statistics()).oneTimePairs, 8, 'and counted')
      await expireAll(stores, NOW + 500)
      equal((await store.member(to))?.pairs, 0, 'what is left is due as ever')
    },
  },
  {
    name: 'what is due goes, nothing goes early, and it may be let go by everybody at once',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      const early = mail(to, 'early', { expiresAt: NOW + 10 })
      const had = mail(to, 'had', { expiresAt: NOW + 10 })
      for (const one of [early, had, mail(to, 'late')]) await store.deposit(one)
      const [, second = 0] = ids(await store.read(to, 0, EVERYTHING))
      await store.acknowledge(to, [second])
      await store.putPairs(to, [pair(1)], NOW + 10)
      await store.putPairs(to, [pair(2)], NOW + 20)
      await expireAll(stores, NOW + 9)
      equal(texts(await store.read(to, 0, EVERYTHING)), ['early', 'late'], 'nothing is due')
      equal((await store.deposit(had)).keptUntil, had.keptUntil, 'a promise that holds')
      await expireAll(stores, NOW + 10)
      equal(texts(await store.read(to, 0, EVERYTHING)), ['late'], 'mail is due')
      equal((await store.member(to))?.pairs, 1, 'a pair is due')
      const { accepted, acknowledged, expired, removed } = await flows(stores)
      equal([accepted, acknowledged, expired, removed], [3, 1, 1, 0], 'flows')
      await store.deposit(had)
      equal(
        texts(await store.read(to, 0, EVERYTHING)),
        ['late', 'had'],
        'a new deposit after the promise',
      )
    },
  },
  {
    name: 'what is due is let go once, whoever does it at once',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      const had = async (text: string, expiresAt: number): Promise<void> => {
        await store.deposit(mail(to, text, { expiresAt }))
        await store.acknowledge(to, ids(await store.read(to, 0, EVERYTHING)))
      }
      for (let n = 0; n < 40; n++) await had(`early ${n}`, NOW + 10)
      for (let n = 0; n < 10; n++) await had(`late ${n}`, NOW + LIFETIME)
      await expireAll([...stores, ...stores], NOW + 10)
      // Ten are remembered. If one was forgotten twice, the last of these is remembered too.
      for (let n = 10; n <= LIMITS.ownerReceipts; n++) await had(`more ${n}`, NOW + LIFETIME)
      await store.deposit(mail(to, `more ${LIMITS.ownerReceipts}`))
      equal((await store.member(to))?.messages, 1, 'forgotten with its mail')
    },
  },
  {
    name: 'beyond so many remembered deposit ids, an id is forgotten with its mail',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      for (let n = 0; n <= LIMITS.ownerReceipts; n++) {
        await store.deposit(mail(to, `${n}`))
        await store.acknowledge(to, ids(await store.read(to, 0, EVERYTHING)))
      }
      await store.deposit(mail(to, '0'))
      equal(texts(await store.read(to, 0, EVERYTHING)), [], 'remembered')
      await store.deposit(mail(to, `${LIMITS.ownerReceipts}`))
      equal(texts(await store.read(to, 0, EVERYTHING)), [`${LIMITS.ownerReceipts}`], 'forgotten')
      await expireAll(stores, NOW + LIFETIME)
      await store.deposit(mail(to, 'x'))
      await store.acknowledge(to, ids(await store.read(to, 0, EVERYTHING)))
      await store.deposit(mail(to, 'x'))
      equal(texts(await store.read(to, 0, EVERYTHING)), [], 'remembered again')
    },
  },
  {
    name: 'a run of what is due is bounded, and the rest follows',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      await store.setPolicy(to, {
        label: '',
        status: 'active',
        quota: { bytes: 1e6, messages: 1000 },
      })
      for (let n = 0; n < 300; n++) await store.deposit(mail(to, `${n}`, { length: 5 }))
      equal(await store.expire(NOW + LIFETIME), true, 'more is due')
      const left = (await store.member(to))?.messages ?? 0
      assert(left > 0 && left < 300, `${left} are left after one run`)
      await expireAll(stores, NOW + LIFETIME)
      equal((await store.member(to))?.messages, 0, 'all that is due')
    },
  },
  {
    name: 'the time base never goes back',
    run: async (subject, stores, fronts) => {
      const store = at(stores)
      equal(await store.time(), undefined, 'at first')
      await Promise.all([5, 9, 7].map((time, n) => at(stores, n).setTime(NOW + time)))
      await store.setTime(NOW + 3)
      for (const front of fronts) await front.crash()
      equal(await (await subject.open()).store.time(), NOW + 9, 'the latest')
    },
  },
]
