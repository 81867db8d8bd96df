// The sessions with one contact: which of them sends, and what a new handshake is numbered.

import { compareBytes } from './bytes.ts'
import type { Handshake, Session } from './session.ts'

/**
 * The session to send in: a function of the newest handshake of each side, so that both sides
 * choose the same one. A handshake whose maker had seen the other one wins; if neither or both had,
 * the smaller mark does. `undefined` if none can send.
 */
export function sendingSession(sessions: readonly Session[]): Session | undefined {
  const ours = newestBy(sessions, 'ours')
  const theirs = newestBy(sessions, 'theirs')
  if (ours === undefined || theirs === undefined) return ours ?? theirs
  return wins(ours.handshake, theirs.handshake) ? ours : theirs
}

/**
 * Ordinal of our next handshake: above our last one, the clock, and whatever the peer says it has
 * seen of ours.
 */
export function nextOrdinal(known: {
  /** Of our last handshake, 0 if none. */
  readonly previous: number
  /** Highest `seen` in a handshake of the peer, 0 if none. */
  readonly seenByThem: number
  /** Unix ms. */
  readonly now: number
}): number {
  return Math.max(known.previous + 1, known.now, known.seenByThem + 1)
}

function newestBy(sessions: readonly Session[], by: Handshake['by']): Session | undefined {
  let newest: Session | undefined
  for (const session of sessions) {
    if (session.phase === 'receive-only' || session.handshake.by !== by) continue
    if (newest === undefined || session.handshake.ordinal > newest.handshake.ordinal) {
      newest = session
    }
  }
  return newest
}

function wins(ours: Handshake, theirs: Handshake): boolean {
  const oursSawTheirs = ours.seen >= theirs.ordinal
  const theirsSawOurs = theirs.seen >= ours.ordinal
  if (oursSawTheirs !== theirsSawOurs) return oursSawTheirs
  return compareBytes(ours.mark, theirs.mark) < 0
}
