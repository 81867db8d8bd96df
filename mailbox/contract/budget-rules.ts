// How much a mailbox holds for all owners together.

import { assert, equal, refusalOf } from './assert.ts'
import { EVERYTHING, ids, LIFETIME, LIMITS, mail, NOW, owner } from './people.ts'
import { A, at, B, expireAll } from './rule.ts'
import type { MailboxStore } from '../store.ts'
import type { Rule } from './rule.ts'

/** What may be filled. */
const ALL = LIMITS.budgetBytes * 0.9
const ONE = 1000

/** Members whose own quota is wide. */
async function enter(store: MailboxStore, ...numbers: readonly number[]): Promise<void> {
  for (const number of numbers) {
    await store.join(owner(number))
    const quota = { bytes: 10 * ALL, messages: 1000 }
    await store.setPolicy(owner(number), { label: '', status: 'active', quota })
  }
}

async function filled(store: MailboxStore): Promise<number> {
  return (await store.statistics()).waitingBytes
}

async function drop(store: MailboxStore, number: number, count: number): Promise<void> {
  const { items } = await store.read(owner(number), 0, EVERYTHING)
  await store.acknowledge(owner(number), ids({ items, more: false }).slice(0, count))
}

export const BUDGET_RULES: readonly Rule[] = [
  {
    name: 'a mailbox is full when all boxes together are, to the byte, and nothing makes room but what goes',
    run: async (_, stores) => {
      const store = at(stores)
      await enter(store, A, B)
      const put = async (to: number, text: string, length: number, options = {}) =>
        await refusalOf(store.deposit(mail(owner(to), text, { length, ...options })))
      for (let n = 0; n < ALL / ONE; n++)
        equal(await put(n % 2 === 0 ? A : B, `${n}`, ONE), undefined, `${n}`)
      equal(await filled(at(stores, 1)), ALL, 'bytes')
      for (const to of [A, B]) equal(await put(to, 'more', 1), 'quota', 'full')
      equal(await put(A, '0', ONE), undefined, 'a promise is a promise')
      await drop(at(stores, 1), A, 1)
      equal(await put(B, 'wide', ONE + 1), 'quota', 'too wide for what went')
      equal(await put(B, 'right', ONE, { expiresAt: NOW + 2 * LIFETIME }), undefined, 'its room')
      await store.remove(owner(A))
      await enter(store, 3)
      for (let n = 0; n < 3; n++) equal(await put(3, `3 ${n}`, ONE), undefined, 'of who left')
      await store.empty(owner(3))
      equal(await put(3, 'all of it', 3 * ONE), undefined, 'of what was emptied')
      await expireAll(stores, NOW + LIFETIME)
      equal(await filled(store), ONE, 'after expiry')
      equal(await put(3, 'wider', ALL - ONE + 1), 'quota', 'of what has expired, and more')
      equal(await put(3, 'wide', ALL - ONE), undefined, 'of what has expired')
    },
  },
  {
    name: 'however many deposit at once, while others fetch, a mailbox is never more than full',
    run: async (_, stores) => {
      const store = at(stores)
      await enter(store, A, B)
      for (let round = 0; round < 4; round++) {
        const asked = Array.from({ length: 16 }, (__, n) => {
          const one = mail(owner(n % 2 === 0 ? A : B), `${round} ${n}`, { length: ONE })
          return refusalOf(at(stores, n).deposit(one))
        })
        const fetched = round === 0 ? [] : stores.map((one, n) => drop(one, n % 2 === 0 ? A : B, 3))
        await Promise.all([...asked, ...fetched])
        const now = await filled(store)
        assert(now <= ALL, `${now} bytes of ${ALL}`)
        if (round === 0) equal(now, ALL, 'filled by all of them')
      }
    },
  },
  {
    name: 'what a crash leaves does not make a mailbox smaller for good, nor larger',
    run: async (subject, stores, fronts) => {
      await enter(at(stores), A)
      for (const front of fronts) await front.crash()
      for (let write = 1; write <= 6; write++) {
        for (const happens of [true, false]) {
          const front = await subject.open()
          front.dieAt(write, happens)
          const text = `${write} ${happens}`
          await front.store.deposit(mail(owner(A), text, { length: 700 })).catch(() => undefined)
          await front.crash()
        }
      }
      const { store } = await subject.open()
      for (let n = 0; ; n++) {
        const now = await filled(store)
        assert(now <= ALL, `${now} bytes of ${ALL}`)
        if (now === ALL) break
        const one = mail(owner(A), `rest ${n}`, { length: Math.min(500, ALL - now) })
        equal(await refusalOf(store.deposit(one)), undefined, `at ${now} bytes`)
      }
      equal(await refusalOf(store.deposit(mail(owner(A), 'x', { length: 1 }))), 'quota', 'full')
    },
  },
]
