// What a store must do, one rule at a time.

import { StoreError } from '../../net/store-error.ts'
import { assert, equal, refusalOf } from './assert.ts'
import { EVERYTHING, ids, LIFETIME, LIMITS, mail, NOW, owner, pair, texts } from './people.ts'
import type { MailboxStore, Statistics } from '../store.ts'
import type { FrontEnd, StoreSubject } from './subject.ts'

/** Runs on a fresh back end; the front ends are all that it may have, at least one. */
export interface Rule {
  readonly name: string
  readonly run: (
    subject: StoreSubject,
    stores: readonly MailboxStore[],
    fronts: readonly FrontEnd[],
  ) => Promise<void>
}

const A = 1
const B = 2

export const RULES: readonly Rule[] = [
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
      equal((await next.statistics()).accepted, 0, 'accepted since the crash')
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
    name: 'who is removed leaves nothing behind, and begins anew',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      await store.join(to)
      await store.join(owner(B))
      await store.deposit(mail(to, 'one'))
      await store.deposit(mail(to, 'two'))
      await store.acknowledge(to, ids(await store.read(to, 0, EVERYTHING)).slice(0, 1))
      await store.putPairs(to, [pair(1), pair(2)], NOW + 500)
      await take(store)
      await store.replaceBundle(to, Uint8Array.of(1))
      await store.setPolicy(to, { label: 'gone', status: 'suspended', quota: undefined })
      equal(await store.remove(to), true, 'removed')
      equal(await at(stores, 1).remove(to), false, 'removed again')
      equal(await store.member(to), undefined, 'the member')
      equal(await store.bundle(to), undefined, 'the bundle')
      equal(await refusalOf(store.read(to, 0, EVERYTHING)), 'unavailable', 'the box')
      equal(await refusalOf(store.acknowledge(to, [1])), 'unavailable', 'an acknowledgement')
      equal(await refusalOf(store.deposit(mail(to, 'three'))), 'unavailable', 'a deposit')
      equal((await flows(stores)).removed, 1, 'flows')
      await store.join(to)
      const fresh = await store.member(to)
      equal(
        [fresh?.label, fresh?.status, fresh?.messages, fresh?.pairs],
        ['', 'active', 0, 0],
        'anew',
      )
      await store.deposit(mail(to, 'one', { expiresAt: NOW + 2 * LIFETIME }))
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
      equal(await store.setting('join'), undefined, 'no setting yet')
      const settings = [one, two].map((next, n) => at(stores, n).replaceSetting('join', next))
      equal((await Promise.all(settings)).filter(Boolean).length, 1, 'of two settings, one')
      equal(await store.setting('join-secret'), undefined, 'another setting')
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
      assert((costs[0] ?? 0) > 0, 'a deposit reads')
      equal(
        costs,
        costs.map(() => costs[0]),
        'reads of a deposit',
      )
      const looks: number[] = []
      for (const to of [full, unknown]) looks.push(await cost(() => store.bundle(to)))
      equal(
        looks,
        looks.map(() => looks[0]),
        'reads for a bundle',
      )
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

/** One of the front ends, in turn. */
function at<T>(values: readonly T[], number = 0): T {
  const value = values[number % values.length]
  if (value === undefined) throw new Error('there is no front end')
  return value
}

async function take(store: MailboxStore) {
  return await store.takePair(owner(A), NOW, NOW + 900_000)
}

function count(reasons: readonly (string | undefined)[]): { taken: number; quota: number } {
  const quota = reasons.filter((reason) => reason === 'quota').length
  return { taken: reasons.filter((reason) => reason === undefined).length, quota }
}

async function expireAll(stores: readonly MailboxStore[], now: number): Promise<void> {
  await Promise.all(
    stores.map(async (store) => {
      while (await store.expire(now));
    }),
  )
}

type Flows = Pick<Statistics, 'accepted' | 'acknowledged' | 'expired' | 'removed'>

/** Of all front ends together. */
async function flows(stores: readonly MailboxStore[]): Promise<Flows> {
  const sum = { accepted: 0, acknowledged: 0, expired: 0, removed: 0 }
  for (const store of stores) {
    const { accepted, acknowledged, expired, removed } = await store.statistics()
    sum.accepted += accepted
    sum.acknowledged += acknowledged
    sum.expired += expired
    sum.removed += removed
  }
  return sum
}
