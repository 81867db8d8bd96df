// Events that tell what happened just now and are not kept: who missed them can see the same in the status.

import { accountKey } from '../protocol/account.ts'
import { peerName } from '../net/peer-name.ts'
import type { Clock, PeerName } from '../net/ports.ts'
import type { Trouble } from '../net/store-trouble.ts'
import type { BundlePath, DamageKind, Irregularity, RenewalReason } from './api.ts'
import type { ClockJump } from './clock-guard.ts'
import { clockState } from './clock-guard.ts'
import { contactShort } from './contact.ts'
import type { Conversation } from './conversation.ts'
import type { Ephemeral, EventLog } from './event-log.ts'
import { PROBLEMS } from './plainly.ts'
import type { Doubt } from './promises.ts'
import type { Published } from './publisher.ts'
import { describeSession } from './session-info.ts'

/** An event without what is the same in all of them. */
type Told = Ephemeral extends infer E
  ? E extends unknown
    ? Omit<E, 'v' | 'seq' | 'at'>
    : never
  : never

export class Announcements {
  readonly #events: EventLog
  readonly #clock: Clock
  /** As last told, by mailbox. */
  readonly #copies = new Map<PeerName, number>()

  constructor(events: EventLog, clock: Clock) {
    this.#events = events
    this.#clock = clock
  }

  found(
    conversation: Conversation,
    path: BundlePath,
    from: PeerName,
    met: readonly PeerName[],
  ): void {
    const contact = contactShort(conversation.contact)
    this.#tell({ type: 'contact.found', contact, path, from, met })
  }

  session({ sessions, contact }: Conversation): void {
    const session = describeSession(sessions, contact, this.#clock.now())
    if (session === null) return
    this.#tell({ type: 'contact.session', contact: contactShort(contact), session })
  }

  renewal({ contact }: Conversation, reason: RenewalReason): void {
    this.#tell({ type: 'contact.renewal', contact: contactShort(contact), reason })
  }

  irregular({ contact }: Conversation, what: Irregularity): void {
    this.#tell({ type: 'contact.irregular', contact: contactShort(contact), what })
  }

  published({ sequence, holders }: Published): void {
    this.#tell({ type: 'node.published', sequence, holders })
  }

  /** Undefined: it can be written again. */
  store(trouble: Trouble | undefined): void {
    const problem = trouble === undefined ? null : PROBLEMS[trouble.error.code]
    this.#tell({ type: 'node.store', problem })
  }

  damaged(what: DamageKind): void {
    this.#tell({ type: 'node.damaged', contact: null, what, count: 1 })
  }

  mailbox(mailbox: PeerName, connected: boolean): void {
    this.#tell({ type: connected ? 'mailbox.connected' : 'mailbox.disconnected', mailbox })
  }

  lost(mailbox: PeerName): void {
    this.#tell({ type: 'mailbox.lost', mailbox })
  }

  retiring(mailbox: PeerName, successor: string | null): void {
    this.#tell({ type: 'mailbox.retiring', mailbox, successor })
  }

  left(mailbox: PeerName): void {
    this.#tell({ type: 'mailbox.left', mailbox })
  }

  broken(mailbox: PeerName): void {
    this.#tell({ type: 'mailbox.broken', mailbox })
  }

  drained(mailbox: PeerName, unmatched: number): void {
    this.#tell({ type: 'mailbox.drained', mailbox, unmatched })
  }

  doubted({ contact }: Conversation, { mailbox, messages }: Doubt): void {
    const peer = peerName(accountKey(mailbox))
    this.#tell({ type: 'mailbox.doubted', contact: contactShort(contact), mailbox: peer, messages })
  }

  /** Told when it changes. */
  copies(mailbox: PeerName, others: number): void {
    if ((this.#copies.get(mailbox) ?? 0) === others) return
    this.#copies.set(mailbox, others)
    this.#tell({ type: 'mailbox.copies', mailbox, others })
  }

  clock(jump: ClockJump): void {
    this.#tell({ type: 'clock.skew', state: clockState(jump) })
  }

  #tell(event: Told): void {
    this.#events.announce({ v: 1, at: this.#clock.now(), ...event })
  }
}
