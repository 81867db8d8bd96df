// Says whether every message that a node accepted was delivered exactly once: compares the stores of all nodes of a network
// after they stopped. Believes no story: what a message is, and where it is, is read from the stores.

import type { PeerName } from '../net/ports.ts'
import type { Verdict } from './verdict.ts'
import { readStore, type Conversation, type Listed, type NodeStore } from './stores.ts'

/** A message of which somebody was told that it was accepted, written down outside of the stores. */
export interface Accepted {
  readonly id: string
  readonly from: PeerName
  readonly to: PeerName
  /** SHA-256 of the text, hex. */
  readonly hash: string
}

/** A recipient that was killed while messages arrived. Times are Unix ms. */
export interface Crash {
  readonly sender: PeerName
  readonly recipient: PeerName
  /** When the first of these messages was sent. */
  readonly since: number
  readonly killedAt: number
  readonly backAt: number
}

export interface Case {
  /** Folders of all nodes. */
  readonly dirs: readonly string[]
  readonly accepted: readonly Accepted[]
  readonly crash?: Crash | undefined
}

/** Reads the stores, one after another, and compares them. */
export async function judge(subject: Case): Promise<Verdict> {
  const stores: NodeStore[] = []
  for (const dir of subject.dirs) stores.push(await readStore(dir))
  return compare(stores, subject)
}

/** The verdict on stores that have been read. */
export function compare(stores: readonly NodeStore[], subject: Omit<Case, 'dirs'>): Verdict {
  const totals = {
    sent: 0,
    delivered: 0,
    lost: 0,
    doubled: 0,
    foreign: 0,
    outOfOrder: 0,
    unproved: 0,
  }
  for (const from of stores) {
    for (const to of stores) {
      if (from === to) continue
      const sent = conversation(from, to)?.sent ?? []
      const received = conversation(to, from)?.received ?? []
      const missing = subject.accepted.filter(
        (message) =>
          message.from === from.peer &&
          message.to === to.peer &&
          !sent.some(({ id }) => id === message.id),
      )
      const counts = countHashes([...sent, ...missing], received)
      totals.sent += sent.length + missing.length
      totals.delivered += counts.delivered
      totals.lost += counts.lost
      totals.doubled += counts.doubled
      totals.foreign += counts.foreign
      totals.outOfOrder += inversions(sent) + inversions(received)
      totals.unproved += sent.filter(({ states }) => deliveredAt(states) === undefined).length
    }
    for (const times of from.announced.values()) totals.doubled += times - 1
  }
  return { ...totals, ...atKill(stores, subject.crash) }
}

function conversation(of: NodeStore, other: NodeStore): Conversation | undefined {
  return of.conversations.find((candidate) => candidate.with === other.peer)
}

/** A text that was sent twice is expected twice: hashes are counted, not just looked up. */
function countHashes(
  sent: readonly { readonly hash: string }[],
  received: readonly { readonly hash: string }[],
): Pick<Verdict, 'delivered' | 'lost' | 'doubled' | 'foreign'> {
  const expected = tally(sent)
  const got = tally(received)
  const counts = { delivered: 0, lost: 0, doubled: 0, foreign: 0 }
  for (const [hash, times] of expected) {
    const found = got.get(hash) ?? 0
    counts.delivered += Math.min(times, found)
    counts.lost += Math.max(0, times - found)
    counts.doubled += Math.max(0, found - times)
  }
  for (const [hash, times] of got) if (!expected.has(hash)) counts.foreign += times
  return counts
}

function tally(messages: readonly { readonly hash: string }[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { hash } of messages) counts.set(hash, (counts.get(hash) ?? 0) + 1)
  return counts
}

/** A doubled message is counted as such, so an equal counter is no inversion. */
function inversions(listing: readonly Listed[]): number {
  return listing.filter(({ counter }, at) => counter < (listing[at - 1]?.counter ?? 0)).length
}

function deliveredAt(states: Listed['states']): number | undefined {
  return states.find(({ state }) => state === 'delivered' || state === 'read')?.at
}

/** Nothing can be proved to the sender between the death of the recipient and its return, except what was under way. */
function atKill(
  stores: readonly NodeStore[],
  crash: Crash | undefined,
): Pick<Verdict, 'acknowledgedAtKill' | 'notAcknowledgedAtKill' | 'underWayAtKill'> {
  const sender = stores.find(({ peer }) => peer === crash?.sender)
  const sent = sender?.conversations.find((candidate) => candidate.with === crash?.recipient)?.sent
  if (crash === undefined || sent === undefined) {
    return { acknowledgedAtKill: 0, notAcknowledgedAtKill: 0, underWayAtKill: 0 }
  }
  const burst = sent.filter(({ recordedAt }) => recordedAt >= crash.since)
  const open = burst.filter(({ states }) => (deliveredAt(states) ?? Infinity) >= crash.backAt)
  return {
    acknowledgedAtKill: burst.length - open.length,
    notAcknowledgedAtKill: open.length,
    underWayAtKill: open.filter(({ recordedAt }) => recordedAt < crash.killedAt).length,
  }
}
