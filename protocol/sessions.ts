// The sessions with one contact: what is known of the handshakes of both sides, which session sends,
// and what a new handshake is numbered (docs/protocol.md, "Sessions").

import { compareBytes, equalBytes } from './bytes.ts'
import type { Handshake, Session } from './session.ts'
import type { KnownHandshake, Stating } from './statement.ts'

/** The newest handshake of each side. */
export interface NewestHandshakes {
  readonly ours: KnownHandshake | undefined
  /** Also one that they have only stated: its first message may never come. */
  readonly theirs: KnownHandshake | undefined
}

/** What one side remembers of the handshakes with a contact, whatever became of the sessions. */
export interface Handshakes extends NewestHandshakes {
  /** Highest ordinal of a first message of theirs that has opened, 0 if none. */
  readonly seen: number
  /** Highest `seen` that they have named for us, 0 if none. */
  readonly seenByThem: number
  readonly stating: Stating | undefined
}

/** Nobody has made a handshake yet. */
export const NO_HANDSHAKES: Handshakes = {
  ours: undefined,
  theirs: undefined,
  seen: 0,
  seenByThem: 0,
  stating: undefined,
}

/** After a handshake of ours. */
export function handshakeMade(known: Handshakes, { ordinal, seen, mark }: Handshake): Handshakes {
  return { ...known, ours: { ordinal, seen, mark } }
}

/** After a first message of theirs has opened. */
export function handshakeOpened(known: Handshakes, handshake: Handshake): Handshakes {
  const { ordinal, seen, mark } = handshake
  return {
    ...known,
    theirs: newer(known.theirs, { ordinal, seen, mark }),
    seen: Math.max(known.seen, ordinal),
    seenByThem: Math.max(known.seenByThem, seen),
  }
}

/** After a statement of theirs. Does not change `seen`: its first message has not opened. */
export function handshakeStated(known: Handshakes, statement: KnownHandshake): Handshakes {
  const seenByThem = Math.max(known.seenByThem, statement.seen)
  return { ...known, theirs: newer(known.theirs, statement), seenByThem }
}

/** Whether another handshake of theirs is known under the ordinal of this one: one of the two is not from the device that made the first. */
export function contradicts({ theirs }: NewestHandshakes, { ordinal, mark }: Handshake): boolean {
  return theirs !== undefined && theirs.ordinal === ordinal && !equalBytes(theirs.mark, mark)
}

/**
 * The session to send in: a function of the newest handshake of each side, so that both sides
 * choose the same one. A handshake whose maker had seen the other one wins; if neither or both had,
 * the smaller mark does. While the winner is not held, the newest session that they began sends, else
 * ours. `undefined` if none can send.
 */
export function sendingSession(
  sessions: readonly Session[],
  known: NewestHandshakes = NO_HANDSHAKES,
): Session | undefined {
  const held = { ours: newestBy(sessions, 'ours'), theirs: newestBy(sessions, 'theirs') }
  const winner = winningHandshake({
    ours: newer(held.ours?.handshake, known.ours),
    theirs: newer(held.theirs?.handshake, known.theirs),
  })
  const isHeld = held.ours !== undefined && held.ours.handshake.ordinal === winner?.ordinal
  return winner?.by === 'ours' && isHeld ? held.ours : (held.theirs ?? held.ours)
}

/** Which of the newest handshakes of both sides decides where both send, whether its session is held or not. */
export function winningHandshake({ ours, theirs }: NewestHandshakes): Handshake | undefined {
  if (ours !== undefined && (theirs === undefined || wins(ours, theirs))) {
    return { ...ours, by: 'ours' }
  }
  return theirs && { ...theirs, by: 'theirs' }
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

function newer<T extends KnownHandshake>(a: T | undefined, b: T | undefined): T | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return b.ordinal > a.ordinal ? b : a
}

function wins(ours: KnownHandshake, theirs: KnownHandshake): boolean {
  const oursSawTheirs = ours.seen >= theirs.ordinal
  const theirsSawOurs = theirs.seen >= ours.ordinal
  if (oursSawTheirs !== theirsSawOurs) return oursSawTheirs
  return compareBytes(ours.mark, theirs.mark) < 0
}
