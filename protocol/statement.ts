// Statements (docs/protocol.md, "Sessions"): a side that sends in a session which the peer began says in
// every message which handshake of its own is the newest, until the peer has shown that it knows. So both
// choose the same sending session, also where a first message was lost.
//
//   statement   u64 ordinal | u64 seen | T[0..16)      32 bytes

import { concat, equalBytes, u64 } from './bytes.ts'
import { DecodeError } from './errors.ts'
import type { Item } from './padding.ts'
import { itemKinds } from './padding.ts'
import { reader } from './reader.ts'
import type { Handshake, Session, SessionId } from './session.ts'

/** `T[0..16)`. */
export const HANDSHAKE_MARK_BYTES = 16

/** A handshake as the choice of the sending session sees it, whoever holds its session. */
export type KnownHandshake = Omit<Handshake, 'by'>

/** How far the statement of a handshake of ours has got in one session. */
export interface Stating {
  readonly sessionId: SessionId
  /** Of the handshake that is stated. */
  readonly ordinal: number
  /** The first of our sending chains all of whose messages carry it. */
  readonly fromChain: number
  /** They have opened a message of such a chain. */
  readonly known: boolean
}

/** Value of a statement. */
export function encodeStatement({ ordinal, seen, mark }: KnownHandshake): Uint8Array {
  return concat(u64(ordinal), u64(seen), mark)
}

/** The inverse of `encodeStatement`, for 32 bytes. Throws `DecodeError` ERR_MALFORMED for ordinal 0 and u64 above 2^53 - 1. */
export function decodeStatement(value: Uint8Array): KnownHandshake {
  const input = reader(value)
  const statement = { ordinal: input.u64(), seen: input.u64() }
  const mark = input.take(HANDSHAKE_MARK_BYTES).slice()
  input.end()
  if (statement.ordinal === 0) throw new DecodeError('ERR_MALFORMED')
  return { ...statement, mark }
}

/** What a message states, and how far the statement is then. */
export interface Stated {
  readonly items: readonly (Item & { readonly kind: typeof itemKinds.statement })[]
  readonly next: Stating | undefined
}

/** What the next message of a session states of our newest handshake; `next` is committed with the envelope. */
export function stateHandshake(
  session: Session,
  ours: KnownHandshake | undefined,
  stating: Stating | undefined,
): Stated {
  if (ours === undefined || session.handshake.by === 'ours') return { items: [], next: stating }
  const next = isOf(stating, session, ours) ? stating : begin(session, ours)
  if (next.known) return { items: [], next }
  return { items: [{ kind: itemKinds.statement, value: encodeStatement(ours) }], next }
}

/**
 * How far the statement is after a message has opened: a turn of the ratchet proves that they have opened
 * something of the sending chain which it ended. `before` and `next` are the session around that message.
 */
export function statementAnswered(
  stating: Stating | undefined,
  before: Session,
  next: Session,
): Stating | undefined {
  if (stating === undefined || stating.known || !isSame(stating, before)) return stating
  const ended = before.ratchet.sending.ordinal
  if (next.ratchet.sending.ordinal === ended || ended < stating.fromChain) return stating
  return { ...stating, known: true }
}

/** The statement in an opened message; counts only where we began the session. A bad one counts for nothing. */
export function statementIn(session: Session, items: readonly Item[]): KnownHandshake | undefined {
  const item = items.find(({ kind }) => kind === itemKinds.statement)
  if (item === undefined || session.handshake.by !== 'ours') return undefined
  try {
    return decodeStatement(item.value)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

function isOf(
  stating: Stating | undefined,
  session: Session,
  { ordinal }: KnownHandshake,
): stating is Stating {
  return stating !== undefined && isSame(stating, session) && stating.ordinal === ordinal
}

function isSame({ sessionId }: Stating, { id }: Session): boolean {
  return equalBytes(sessionId, id)
}

/** A chain that has begun without the statement does not prove that it was heard. */
function begin({ id, ratchet }: Session, { ordinal }: KnownHandshake): Stating {
  const { ordinal: chain, nextToSend } = ratchet.sending
  const fromChain = nextToSend === 0 ? chain : chain + 1
  return { sessionId: id, ordinal, fromChain, known: false }
}
