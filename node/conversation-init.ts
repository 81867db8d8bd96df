// What a conversation is made of, and what it tells to whom.

import type { RandomBytes } from '../protocol/bytes.ts'
import type { Session } from '../protocol/session.ts'
import type { Operation, Records } from '../net/records.ts'
import type { Clock } from '../net/ports.ts'
import type { ContactId, Irregularity, RenewalReason, StateChange } from './api.ts'
import type { ContactState } from './contact.ts'
import type { Conversation } from './conversation.ts'
import type { Damages } from './damage.ts'
import type { EventLog } from './event-log.ts'
import type { IssuedToken } from './issued-tokens.ts'
import type { StoredMessage } from './message.ts'
import type { Doubt } from './promises.ts'
import type { CameAs } from './seen-envelopes.ts'

export interface ConversationInit {
  readonly contact: ContactState
  readonly records: Records
  readonly events: EventLog
  readonly clock: Clock
  /** Told of damaged records. */
  readonly damages: Damages
  /** For new ratchet keys. */
  readonly random: RandomBytes
  /** May be a pool: ids and salts. */
  readonly salts: RandomBytes
  readonly ourName: () => string
  /** Whether a contact may be listed under a name that it has given itself. */
  readonly mayBeCalled: (name: string, contact: ContactId) => boolean
  /** Whether a mailbox of ours knows a delivery token of the contact's. */
  readonly isRegistered: (token: IssuedToken) => boolean
  /** Whether nothing may be sent in a session yet. */
  readonly holds: (session: Session) => boolean
  /** Told after commits. */
  readonly listener: ConversationListener
}

export interface ConversationListener {
  /** There is something (more) to deliver, or to encrypt. */
  readonly wake: (conversation: Conversation) => void
  /** A message of ours changed. Called as soon as it is true, before the event is in the log. */
  readonly state: (message: StoredMessage, change: StateChange) => void
  /** Messages came by way of a mailbox: their sender waits for a receipt. */
  readonly receiptsDue: (conversation: Conversation) => void
  readonly session: (conversation: Conversation, session: Session) => void
  /** The contact was accepted, blocked or let in again. */
  readonly standing: (conversation: Conversation) => void
  /** Messages of theirs may be missing, and have to be asked for at another time than before. */
  readonly gaps: (conversation: Conversation) => void
  /** A contact has told the time: Unix ms by their clock, just now. */
  readonly time: (conversation: Conversation, time: number) => void
  /** The contact's program breaks a rule, or contradicts itself. */
  readonly irregular: (conversation: Conversation, what: Irregularity) => void
  /** A mailbox of theirs may have lost what it had signed for. */
  readonly doubted: (conversation: Conversation, doubt: Doubt) => void
  /** The sessions with the contact need another one. */
  readonly trouble: (conversation: Conversation, reason: RenewalReason) => void
}

/** What goes with a session that a first message made. */
export interface Adoption extends CameAs {
  /** In the same commit. */
  readonly operations: readonly Operation[]
  /** Runs after it, before anybody hears of it. */
  readonly committed: () => void
}
