// When a session is replaced by a new handshake of ours, and how often (docs/protocol.md, "Replacement"). A reason is noted
// in the contact; the introducer (introduce.ts) finds a bundle and makes the handshake. A reason can only come from what is
// authentic, or from a session that no message of theirs has opened in.

import { equalBytes, toHex } from '../protocol/bytes.ts'
import { isHealingStalled, receiveOnly, type Session } from '../protocol/session.ts'
import { sendingSession } from '../protocol/sessions.ts'
import type { RenewalReason } from './api.ts'
import { composeControl, currentEntries, type Composer } from './compose.ts'
import type { ContactState } from './contact.ts'
import type { Draft } from './draft.ts'
import { DAY, HOUR, SESSION_RENEWED } from './lifetimes.ts'
import { unsealed } from './outbox.ts'

/** What a contact's record says of replacements. */
export interface Renewal {
  /** A new handshake is wanted. */
  readonly wanted: WantedRenewal | undefined
  /** Unix ms of the replacements within a day. */
  readonly made: readonly number[]
  /** Unix ms when a first message came that was older than one we had, 0 if they have spoken in the sending session since. */
  readonly lateSince: number
}

export interface WantedRenewal {
  readonly reason: RenewalReason
  /** Which session is replaced; empty: there is none. */
  readonly sessionId: Uint8Array
}

export const NO_RENEWAL: Renewal = { wanted: undefined, made: [], lateSince: 0 }

/** Replacements of one contact in a day, and how long each waits after the one before. */
const PAUSES = [0, HOUR, 4 * HOUR] as const

/** Notes that a session has to be replaced; the first reason counts. Strangers cannot make us ask the network. */
export function wantRenewal(draft: Draft, reason: RenewalReason, session?: Session): void {
  const { renewal, state } = draft.contact
  if (renewal.wanted !== undefined || state !== 'accepted') return
  const sessionId = session?.id ?? new Uint8Array(0)
  draft.patch({ renewal: { ...renewal, wanted: { reason, sessionId } } })
  draft.troubles.push(reason)
}

/** Whether a replacement is wanted and may be made now. */
export function isRenewalDue({ renewal, trust }: ContactState, now: number): boolean {
  if (renewal.wanted === undefined || trust === 'changed') return false
  const made = withinDay(renewal.made, now)
  const pause = PAUSES[made.length]
  return pause !== undefined && now - (made.at(-1) ?? -Infinity) >= pause
}

/** Just before the new handshake: the session it replaces never sends again, and what it carried is encrypted again. */
export function retireReplaced(draft: Draft, composer: Composer): void {
  const { wanted, made } = draft.contact.renewal
  if (wanted === undefined) return
  const kept = [...withinDay(made, draft.now), draft.now]
  draft.patch({ renewal: { wanted: undefined, made: kept, lateSince: 0 } })
  const id = toHex(wanted.sessionId)
  const session = draft.sessions.find((held) => toHex(held.id) === id)
  if (session !== undefined) draft.replaceSession(session, receiveOnly(session))
  for (const entry of currentEntries(draft, composer.outbox)) {
    if (entry.envelope !== undefined && toHex(entry.sessionId) === id) {
      draft.outbox.set(entry.order, unsealed(entry))
    }
  }
  composeControl(draft, composer, 0)
}

/** What time alone makes due: age, a key agreement that is never answered, a contact that stays in an older session. */
export function lookAtAge(draft: Draft): void {
  const { contact, now } = draft
  const session = sendingSession(draft.sessions, contact.handshakes)
  if (session === undefined) return
  const { by, ordinal } = session.handshake
  if (now - ordinal >= SESSION_RENEWED[by]) wantRenewal(draft, 'age', session)
  if (isHealingStalled(session, now)) wantRenewal(draft, 'stalled', session)
  const { lateSince } = contact.renewal
  if (lateSince !== 0 && now - lateSince >= DAY) wantRenewal(draft, 'late')
}

/** A first message came that was older than one we had: they may have lost the newer session. */
export function noteLate(draft: Draft): void {
  const { renewal } = draft.contact
  if (renewal.lateSince === 0) draft.patch({ renewal: { ...renewal, lateSince: draft.now } })
}

/** They have spoken in a session. What they refused of it before, they can open now. */
export function noteSpoken(draft: Draft, session: Session): void {
  const { renewal, handshakes } = draft.contact
  const { wanted } = renewal
  if (wanted?.reason === 'refused' && equalBytes(wanted.sessionId, session.id)) {
    draft.patch({ renewal: { ...renewal, wanted: undefined } })
  }
  if (renewal.lateSince === 0) return
  if (sendingSession(draft.sessions, handshakes)?.id !== session.id) return
  draft.patch({ renewal: { ...draft.contact.renewal, lateSince: 0 } })
}

function withinDay(times: readonly number[], now: number): readonly number[] {
  return times.filter((at) => at > now - DAY && at <= now)
}
