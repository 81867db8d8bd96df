// A session: one handshake with one device of a contact, and the ratchet that grew from it. Pure
// steps: a session goes in, the next one comes out, with the secrets that the caller wipes after
// its commit. How one begins is in `begin-session.ts`, how a message opens in `open-message.ts`, what is stored in
// `session-codec.ts`.
//
//   initiateSession ─> initiating ─ a message of theirs opens ─> established <─ acceptSession
//                          │                                         │
//                          └─ receiveOnly ─> receive-only <───────────┘

import type { AccountKey } from './account.ts'
import type { Brand, RandomBytes } from './bytes.ts'
import type { EphemeralKey } from './envelope.ts'
import { MAX_ENVELOPE_BYTES, SESSION_PREFIX } from './envelope.ts'
import { SessionError } from './errors.ts'
import type { KeyPartKind } from './key-parts.ts'
import { KEY_PART_ITEM_BYTES } from './key-parts.ts'
import type { Opened } from './open-message.ts'
import type { Item } from './padding.ts'
import { bodyLength, bodyParts, padme } from './padding.ts'
import type { PostQuantum } from './post-quantum.ts'
import { isPartStalled, postQuantumSecrets, sendKeyPart, sendingEpoch } from './post-quantum.ts'
import type { KeptRecord } from './ratchet-records.ts'
import { removeSkipped } from './ratchet-records.ts'
import type { Ratchet } from './ratchet.ts'
import { ratchetEncrypt, ratchetSecrets } from './ratchet.ts'
import type { Secret } from './secret.ts'
import { sideOf, stateOf } from './session-state.ts'
import type { Position } from './skipped-keys.ts'
import { expireSkipped, redateSkipped, replaceSkipped } from './skipped-keys.ts'

export { acceptSession, initiateSession } from './begin-session.ts'
export type { Accepted, AcceptSessionInput, InitiateSessionInput } from './begin-session.ts'
export type { OpenedContent } from './opened-content.ts'
export type { OurPrekeys } from './pqxdh.ts'
export type { KeptRecord, KeptRecordId } from './ratchet-records.ts'
export type { Position, SkippedKey } from './skipped-keys.ts'

/** SID: 32 bytes, the local name of a session. Never on the wire. */
export type SessionId = Brand<Uint8Array, 'SessionId'>

/** Which handshake a session comes from; what the choice of the sending session goes by. */
export interface Handshake {
  readonly by: 'ours' | 'theirs'
  readonly ordinal: number
  /** Highest ordinal of the other side's handshakes that its maker had opened, 0 if none. */
  readonly seen: number
  /** `T[0..16)`: decides between crossed handshakes. */
  readonly mark: Uint8Array
}

/** What protects the first message. Shown to the user. */
export interface SessionClass {
  /** A one-time pair was used, not the last-resort key. */
  readonly oneTime: boolean
  readonly postQuantum: true
}

/** What every phase has. */
export interface SessionState {
  readonly id: SessionId
  /** Whom the session is with. */
  readonly theirs: { readonly account: AccountKey; readonly device: number }
  readonly handshake: Handshake
  readonly class: SessionClass
  /** EK: names the handshake in envelopes of first-message form. */
  readonly ephemeralKey: EphemeralKey
  /** AD: T, 64 bytes. */
  readonly associatedData: Uint8Array
  readonly ratchet: Ratchet
  readonly postQuantum: PostQuantum
}

/** We began it, and nothing of theirs has opened: every message repeats the handshake. */
export interface InitiatingSession extends SessionState {
  readonly phase: 'initiating'
  /** PRE, one and the same for all of them. */
  readonly prefix: Uint8Array
}

/** Both sides have it. */
export interface EstablishedSession extends SessionState {
  readonly phase: 'established'
}

/** It opens what still comes in and never sends again. */
export interface ReceiveOnlySession extends SessionState {
  readonly phase: 'receive-only'
}

export type Session = InitiatingSession | EstablishedSession | ReceiveOnlySession

/**
 * What sending did. The caller commits `next` and the envelope together, then sends, then wipes
 * `spent`.
 */
export interface Encrypted {
  readonly next: Session
  readonly envelope: Uint8Array
  readonly position: Position
  readonly spent: readonly Secret[]
}

/** An item that a caller may add; the session adds offers and answers by itself. */
export type CallerItem = Item & { readonly kind: Exclude<Item['kind'], KeyPartKind> }

/** A content with items beside it (docs/protocol.md, "Padded body"). */
export interface MessageWithItems {
  readonly content: Uint8Array
  readonly items: readonly CallerItem[]
}

/** What sealing takes from outside. */
export interface EncryptOptions {
  /** Unix ms: decides when a key agreement begins, and when its parts ride. */
  readonly now: number
  /** For the seed of an offer; must be the platform's generator. */
  readonly random: RandomBytes
  /** For the salt of every message; may be a pool. @default random */
  readonly salts?: RandomBytes | undefined
}

/**
 * Seals a content, alone or with items; a part of the post-quantum ratchet is added when it is due.
 * Throws `SessionError`: ERR_NO_SESSION for a receive-only session, ERR_TOO_LARGE, ERR_LIMIT when a
 * counter is used up. `session` is not changed.
 */
export function encryptMessage(
  session: Session,
  message: Uint8Array | MessageWithItems,
  { now, random, salts = random }: EncryptOptions,
): Encrypted {
  if (session.phase === 'receive-only') throw new SessionError('ERR_NO_SESSION')
  const { ratchet, associatedData } = session
  const prefix = session.phase === 'initiating' ? session.prefix : SESSION_PREFIX
  const { content, items } =
    message instanceof Uint8Array ? { content: message, items: [] } : message
  const room = MAX_ENVELOPE_BYTES - prefix.length - OVERHEAD_BYTES
  const length = bodyLength(content, items)
  // Before it is copied into a padded body of its size.
  if (padme(length) > room) throw new SessionError('ERR_TOO_LARGE')

  const { ordinal, nextToSend } = ratchet.sending
  const { next: postQuantum, item } = sendKeyPart(session.postQuantum, sideOf(session), {
    now,
    random,
    chain: ordinal,
    number: nextToSend,
    // A part waits rather than making a content too large.
    hasRoom: padme(length + KEY_PART_ITEM_BYTES) <= room,
  })
  const paddedBody = bodyParts(content, item === undefined ? items : [...items, item])
  const epoch = sendingEpoch(postQuantum)
  const sealed = ratchetEncrypt(ratchet, { paddedBody, prefix, associatedData, epoch }, salts)
  return {
    next: { ...session, ratchet: sealed.next, postQuantum },
    envelope: sealed.envelope,
    position: { chain: ordinal, number: nextToSend },
    spent: sealed.spent,
  }
}

/** The same session, never to send again. What it holds stays, for what may still come in. */
export function receiveOnly(session: Session): ReceiveOnlySession {
  return { phase: 'receive-only', ...stateOf(session, session.ratchet, session.postQuantum) }
}

/**
 * Whether post-quantum healing is stalled: the other side answers again and again, and never to the
 * key agreement that we repeat. To be shown; a new session begins anew.
 */
export function isHealingStalled({ phase, postQuantum }: Session, now: number): boolean {
  return phase !== 'receive-only' && isPartStalled(postQuantum, now)
}

/**
 * Gives up messages that were skipped before a time (Unix ms): docs/protocol.md, "Limits of a
 * session". Where there are none, `next` is the session itself.
 */
export function expireSkippedKeys(
  session: Session,
  skippedBefore: number,
): Pick<Opened, 'next' | 'spent' | 'skippedRemoved'> {
  const { kept, evicted } = expireSkipped(session.ratchet.skipped, skippedBefore)
  if (evicted.length === 0) return { next: session, spent: [], skippedRemoved: [] }
  const change = removeSkipped(session.ratchet, kept, evicted)
  return {
    next: { ...session, ratchet: { ...session.ratchet, ...change.lists } },
    spent: change.spent,
    skippedRemoved: change.removed,
  }
}

/**
 * Skipped messages that were dated by a clock that was ahead, as if they had been skipped `now` (Unix
 * ms): otherwise their keys would be kept for as long as it was ahead. The secrets are shared. Where there are none, `next` is
 * the session itself.
 */
export function redateSkippedKeys(
  session: Session,
  now: number,
): { readonly next: Session; readonly changed: readonly KeptRecord[] } {
  const changed = redateSkipped(session.ratchet.skipped, now)
  if (changed.length === 0) return { next: session, changed }
  const skipped = replaceSkipped(session.ratchet.skipped, changed)
  return { next: { ...session, ratchet: { ...session.ratchet, skipped } }, changed }
}

/** Every secret of a session, for wiping one that is dropped. */
export function sessionSecrets(session: Session): readonly Secret[] {
  return [...ratchetSecrets(session.ratchet), ...postQuantumSecrets(session.postQuantum)]
}

/** Salt, tag, sealed header, and the AEAD's tag of the body. */
const OVERHEAD_BYTES = 16 + 8 + 60 + 16
