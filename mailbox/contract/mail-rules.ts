// Mail: taking it, reading it, letting go of it.

import { StoreError } from '../../net/store-error.ts'
import { assert, equal, refusalOf } from './assert.ts'
import { EVERYTHING, ids, LIFETIME, mail, NOW, owner, texts } from './people.ts'
import { A, at, B, expireAll, flows } from './rule.ts'
import type { Rule } from './rule.ts'

export const MAIL_RULES: readonly Rule[] = [
  {
    name: 'when mail was taken is told of the oldest, and of all that is acknowledged, once',
    run: async (_, stores) => {
      const [store, to, other] = [at(stores), owner(A), owner(B)]
      await store.join(to)
      await store.join(other)
      equal(await store.oldest(), undefined, 'of no mail')
      await store.deposit(mail(to, 'first', { takenAt: NOW + 5 }))
      await store.deposit(mail(to, 'second', { takenAt: NOW + 6 }))
      await store.deposit(mail(other, 'third', { takenAt: NOW + 7 }))
      const read = ids(await store.read(to, 0, EVERYTHING))
      equal(await at(stores, 1).oldest(), NOW + 5, 'of three')
      equal(await store.acknowledge(to, [...read, 999]), [NOW + 5, NOW + 6], 'acknowledged')
      equal(await at(stores, 1).acknowledge(to, read), [], 'acknowledged again')
      equal(await at(stores, 2).oldest(), NOW + 7, 'of one')
    },
  },
  {
    name: 'what has become of mail is known after a crash, and adds up',
    run: async (subject, stores, fronts) => {
      const [store, to, other] = [at(stores), owner(A), owner(B)]
      await store.join(to)
      await store.join(other)
      for (const text of ['had', 'waits', 'lapses'])
        await store.deposit(
          mail(to, text, { expiresAt: NOW + (text === 'lapses' ? 10 : LIFETIME) }),
        )
      await store.deposit(mail(other, 'leaves'))
      await store.acknowledge(to, ids(await store.read(to, 0, EVERYTHING)).slice(0, 1))
      await expireAll(stores, NOW + 10)
      await store.remove(other)
      for (const front of fronts) await front.crash()
      const next = (await subject.open()).store
      equal(
        await flows([next]),
        { accepted: 4, acknowledged: 1, expired: 1, removed: 1 },
        'after a crash',
      )
      equal((await next.statistics()).waiting, 1, 'what waits')
    },
  },
  {
    name: 'the same deposit id gets the same promise: at once, later, after the mail was acknowledged, after a crash',
    run: async (subject, stores, fronts) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      const once = mail(to, 'once')
      const asked = Array.from({ length: 6 }, (_, n) => at(stores, n).deposit(once))
      for (const custody of await Promise.all(asked))
        equal(custody.keptUntil, once.keptUntil, 'kept until')
      const again = { ...once, keptUntil: once.keptUntil + 5 }
      equal((await store.deposit(again)).keptUntil, once.keptUntil, 'the promise, repeated')
      const run = await store.read(to, 0, EVERYTHING)
      equal(texts(run), ['once'], 'what waits')
      await store.acknowledge(to, ids(run))
      equal((await store.deposit(again)).keptUntil, once.keptUntil, 'the promise, acknowledged')
      for (const front of fronts) await front.crash()
      const next = (await subject.open()).store
      equal((await next.deposit(again)).keptUntil, once.keptUntil, 'the promise, after a crash')
      equal(texts(await next.read(to, 0, EVERYTHING)), [], 'what waits in the end')
      equal((await next.statistics()).accepted, 1, 'accepted')
    },
  },
  {
    name: 'a box takes as much as its quota, however much comes at once, and then again what was acknowledged',
    run: async (_, stores) => {
      const store = at(stores)
      await store.join(owner(A))
      await store.join(owner(B))
      const many = Array.from({ length: 12 }, (__, n) =>
        refusalOf(at(stores, n).deposit(mail(owner(A), `many ${n}`, { length: 10 }))),
      )
      const large = Array.from({ length: 6 }, (__, n) =>
        refusalOf(at(stores, n).deposit(mail(owner(B), `large ${n}`, { length: 300 }))),
      )
      equal(count(await Promise.all(many)), { taken: 6, quota: 6 }, 'by number')
      equal(count(await Promise.all(large)), { taken: 3, quota: 3 }, 'by size')
      const run = await store.read(owner(A), 0, EVERYTHING)
      equal(run.items.length, 6, 'waiting')
      await store.acknowledge(owner(A), ids(run).slice(0, 1))
      equal(await refusalOf(store.deposit(mail(owner(A), 'more'))), undefined, 'with room again')
      equal(await refusalOf(store.deposit(mail(owner(A), 'too much'))), 'quota', 'full again')
    },
  },
  {
    name: 'mail is read in the order it came, from a place on, within bounds, under numbers that are never given again',
    run: async (subject, stores, fronts) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      for (const text of ['1', '2', '3', '4', '5']) await store.deposit(mail(to, text))
      const all = await store.read(to, 0, EVERYTHING)
      equal([texts(all), all.more], [['1', '2', '3', '4', '5'], false], 'all')
      const some = await store.read(to, ids(all)[0] ?? 0, { items: 2, bytes: 10_000 })
      equal([texts(some), some.more], [['2', '3'], true], 'two of them')
      const few = await store.read(to, 0, { items: 9, bytes: 250 })
      equal([texts(few), few.more], [['1', '2'], true], 'within 250 bytes')
      const one = await store.read(to, 0, { items: 9, bytes: 1 })
      equal([texts(one), one.more], [['1'], true], 'never fewer than one')
      const none = await store.read(to, 0, { items: 0, bytes: 0 })
      equal([texts(none), none.more], [[], true], 'without room')
      await store.acknowledge(to, ids(all))
      for (const front of fronts) await front.crash()
      const next = (await subject.open()).store
      await next.deposit(mail(to, '6'))
      const fresh = ids(await next.read(to, 0, EVERYTHING))[0] ?? 0
      assert(fresh > (ids(all).at(-1) ?? 0), 'an id was given again')
    },
  },
  {
    name: 'an acknowledgement deletes exactly what it names, once',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      await store.join(owner(B))
      for (const text of ['1', '2', '3', '4']) await store.deposit(mail(to, text))
      await store.deposit(mail(owner(B), 'for b'))
      const numbers = ids(await store.read(to, 0, EVERYTHING))
      const named = [numbers[1] ?? 0, numbers[3] ?? 0, 77, 0]
      await Promise.all([0, 1, 2].map((n) => at(stores, n).acknowledge(to, named)))
      equal(texts(await store.read(to, 0, EVERYTHING)), ['1', '3'], 'what is left')
      equal(texts(await store.read(owner(B), 0, EVERYTHING)), ['for b'], 'another box')
      const { messages, bytes } = (await store.member(to)) ?? { messages: -1, bytes: -1 }
      equal([messages, bytes], [2, 200], 'counters')
      equal((await flows(stores)).acknowledged, 2, 'acknowledged')
    },
  },
  {
    name: 'damaged mail is counted and left out, what is behind it is read, and its room comes back when it is due',
    run: async (subject, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      for (const text of ['1', '2', '3']) await store.deposit(mail(to, text))
      await subject.damageMail()
      equal(texts(await store.read(to, 0, EVERYTHING)), ['2', '3'], 'what is sound')
      const { damaged, waiting } = await store.statistics()
      equal([damaged, waiting], [1, 3], 'the operator sees it')
      await expireAll([store], NOW + LIFETIME)
      equal((await store.member(to))?.messages, 0, 'room')
      const { expired, removed } = await store.statistics()
      equal([expired, removed], [2, 1], 'flows')
    },
  },
  {
    name: 'damaged mail that is acknowledged all the same was lost',
    run: async (subject, stores, fronts) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      for (const text of ['1', '2']) await store.deposit(mail(to, text))
      const numbers = ids(await store.read(to, 0, EVERYTHING))
      for (const front of fronts) await front.crash() // who has read it may know enough of it
      await subject.damageMail()
      const next = (await subject.open()).store
      await next.acknowledge(to, numbers)
      equal((await next.member(to))?.messages, 0, 'messages')
      const { acknowledged, removed } = await next.statistics()
      equal([acknowledged, removed], [1, 1], 'flows')
    },
  },
  {
    name: 'a front end that cannot write promises nothing, and what it was asked can be asked again elsewhere',
    run: async (subject, stores, fronts) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      await store.deposit(mail(to, 'before'))
      let failures = 0
      store.onFailure(() => failures++)
      at(fronts).dieAt(1, false)
      const failed = await store.deposit(mail(to, 'lost')).catch((cause: unknown) => cause)
      assert(failed instanceof StoreError, 'a store error')
      assert(failures > 0, 'listeners are told')
      for (const front of fronts) await front.crash()
      const next = (await subject.open()).store
      equal(texts(await next.read(to, 0, EVERYTHING)), ['before'], 'after the crash')
      await next.deposit(mail(to, 'lost'))
      equal(texts(await next.read(to, 0, EVERYTHING)), ['before', 'lost'], 'asked again')
    },
  },
]

function count(reasons: readonly (string | undefined)[]): { taken: number; quota: number } {
  const quota = reasons.filter((reason) => reason === 'quota').length
  return { taken: reasons.filter((reason) => reason === undefined).length, quota }
}
