// What time does to the sessions of a conversation and to what waits in it. All within a draft.

import { expireSkippedKeys, redateSkippedKeys } from '../protocol/session.ts'
import type { Draft } from './draft.ts'
import { endIdle, redateIdle } from './idle.ts'
import { SKIPPED_KEYS_KEPT } from './lifetimes.ts'
import { forgetRecords, keepRecords } from './open.ts'
import { lookAtSessionAge, redateSending } from './session-age.ts'
import type { OutboxEntry } from './outbox.ts'

/** Gives up messages that were skipped before a time (Unix ms), and sessions that have not sent for long; replaces one that is old. */
export function expireSessions(draft: Draft, by: number): void {
  endIdle(draft, by)
  lookAtSessionAge(draft, by)
  for (const session of draft.sessions) {
    const { next, spent, skippedRemoved } = expireSkippedKeys(session, by - SKIPPED_KEYS_KEPT)
    if (next === session) continue
    draft.replaceSession(session, next)
    draft.spent.push(...spent)
    forgetRecords(draft, next, skippedRemoved)
  }
}

/** What was dated after `now` (Unix ms), by a clock that was ahead, counts as of now. */
export function redate(draft: Draft, outbox: ReadonlyMap<number, OutboxEntry>, now: number): void {
  redateIdle(draft, now)
  redateSending(draft, now)
  for (const session of draft.sessions) {
    const { next, changed } = redateSkippedKeys(session, now)
    if (next === session) continue
    draft.replaceSession(session, next)
    keepRecords(draft, next, changed)
  }
  for (const entry of outbox.values()) {
    if (entry.createdAt > now) draft.outbox.set(entry.order, { ...entry, createdAt: now })
  }
}
