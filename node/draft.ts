// One step of a conversation before its commit. A step reads and writes the draft only; when the batch is in the store the
// conversation takes over what the draft says, and when it is not, the draft is dropped and nothing has happened.

import type { CounterRange, FetchedMark, MessageId } from '../protocol/content.ts'
import type { Session } from '../protocol/session.ts'
import type { Secret } from '../protocol/secret.ts'
import type { Operation } from '../net/records.ts'
import type { Irregularity, RenewalReason, StateChange } from './api.ts'
import type { ContactState } from './contact.ts'
import type { LoggedEvent } from './event-log.ts'
import type { StoredMessage } from './message.ts'
import type { OutboxEntry } from './outbox.ts'
import type { Doubt } from './promises.ts'

/** An event that gets its number when the batch is queued, and what else is written with that number. */
export interface PendingEvent {
  readonly event: LoggedEvent
  readonly operations?: (seq: number) => readonly Operation[]
}

export class Draft {
  readonly now: number
  /** As the contact was. */
  readonly before: ContactState
  contact: ContactState
  sessions: readonly Session[]
  /** Written before events get their numbers. */
  readonly operations: Operation[] = []
  readonly events: PendingEvent[] = []
  /** Secrets that nothing reaches after the commit. */
  readonly spent: Secret[] = []
  /** What runs once the batch is in the store. */
  readonly committed: (() => void)[] = []
  /** Changed outbox entries by order; undefined means gone. */
  readonly outbox = new Map<number, OutboxEntry | undefined>()
  /** Changed messages of ours, by the hex of their id. */
  readonly sent = new Map<string, StoredMessage>()
  /** Unix ms by their clock: what they wrote last, if it came from them directly. */
  theirTime: number | undefined
  /** Why sessions have to be replaced. */
  readonly troubles: RenewalReason[] = []
  readonly irregularities: Irregularity[] = []
  readonly stateChanges: { readonly message: StoredMessage; readonly change: StateChange }[] = []
  /** Ids of their messages that this step has stored, in hex. */
  readonly received = new Set<string>()
  /** Counters of ours that they miss, as their last report says. */
  missing: readonly CounterRange[] = []
  /** How far their mailboxes have come, as the same report says. */
  fetched: readonly FetchedMark[] = []
  /** What this step has found against mailboxes of theirs, by the hex of the account. */
  readonly doubted = new Map<string, Doubt>()
  /** Ids of their messages that came by way of a mailbox, for a receipt. */
  readonly due: MessageId[] = []

  constructor(contact: ContactState, sessions: readonly Session[], now: number) {
    this.before = contact
    this.contact = contact
    this.sessions = sessions
    this.now = now
  }

  /** Puts `next` in the place of the session with the same id, or behind the others. */
  replaceSession(session: Session | undefined, next: Session): void {
    this.sessions =
      session === undefined
        ? [...this.sessions, next]
        : this.sessions.map((held) => (held === session ? next : held))
  }

  patch(change: Partial<ContactState>): void {
    this.contact = { ...this.contact, ...change }
  }
}
