// One thing that a store must do, and what the rules have in common.

import { equal } from './assert.ts'
import { NOW, owner } from './people.ts'
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

/** Two owners. */
export const A = 1
export const B = 2

/** One of the front ends, in turn. */
export function at<T>(values: readonly T[], number = 0): T {
  const value = values[number % values.length]
  if (value === undefined) throw new Error('there is no front end')
  return value
}

/** From the shelf of A. */
export async function take(store: MailboxStore) {
  return await store.takePair(owner(A), NOW, NOW + 900_000)
}

/** All that is due, by all of them at once. */
export async function expireAll(stores: readonly MailboxStore[], now: number): Promise<void> {
  await Promise.all(
    stores.map(async (store) => {
      while (await store.expire(now));
    }),
  )
}

type Flows = Pick<Statistics, 'accepted' | 'acknowledged' | 'expired' | 'removed'>

/** Every front end says the same, and nothing is unaccounted for. */
export async function flows(stores: readonly MailboxStore[]): Promise<Flows> {
  const all = await Promise.all(stores.map(balanced))
  const [first] = all
  if (first === undefined) throw new Error('there is no front end')
  equal(all, Array<Flows>(all.length).fill(first), 'flows of all front ends')
  return first
}

/** What has become of all mail. Throws unless it adds up. */
export async function balanced(store: MailboxStore): Promise<Flows> {
  const { accepted, acknowledged, expired, removed, waiting } = await store.statistics()
  equal(accepted, acknowledged + expired + removed + waiting, 'balance')
  return { accepted, acknowledged, expired, removed }
}
