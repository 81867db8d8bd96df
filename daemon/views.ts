// The JSON shapes of the local API: what the methods answer and the commands print with --json.
// Times are RFC 3339 in UTC with milliseconds, sizes bytes, everything else as in the library.

import type {
  Contact,
  ContactShort,
  DeliveryState,
  DamagedMessage,
  DoubtedMailbox,
  Gap,
  HistoryEntry,
  MailboxInfo,
  Message,
  NodeEvent,
  RecoveryReason,
  SessionInfo,
  StateChange,
  Status,
  StoreProblem,
} from '../node/api.ts'

/** A contact as the API shows it. */
export interface ContactView {
  readonly id: string
  readonly name: string
  readonly peer: string
  readonly trust: Contact['trust']
  readonly state: Contact['state']
  readonly path: Contact['path']
  readonly addedAt: string
  readonly verifiedAt: string | null
  readonly bundle: Contact['bundle']
  readonly session: SessionInfo | null
  readonly queued: number
  readonly irregularities: Contact['irregularities']
  readonly doubted: readonly DoubtedView[]
}

/** A mailbox that may have lost messages of ours. */
export interface DoubtedView extends Omit<DoubtedMailbox, 'at'> {
  readonly at: string
}

/** One step of a message's way. */
export interface StateView extends Omit<StateChange, 'at' | 'keptUntil'> {
  readonly at: string
  readonly keptUntil?: string
}

/** A message as the API shows it. */
export interface MessageView {
  readonly id: string
  readonly kind: 'text'
  readonly contact: string
  readonly direction: 'in' | 'out'
  readonly seq: number
  readonly counter: number
  readonly text: string
  readonly sentAt: string
  readonly recordedAt: string
  readonly state: DeliveryState
  readonly states: readonly StateView[]
  readonly late: boolean
  readonly protection: Message['protection']
  readonly replyTo: null
}

/** Messages of the other side known to be missing. */
export interface GapView {
  readonly kind: 'gap'
  readonly contact: string
  readonly from: number
  readonly to: number
  readonly state: Gap['state']
}

/** A message that the disk does not give back any more. */
export type DamagedView = DamagedMessage

export type EntryView = MessageView | GapView | DamagedView

/** The state behind `sotto status`. */
export interface StatusView extends Omit<
  Status,
  'startedAt' | 'bundle' | 'queue' | 'mailboxes' | 'recovery' | 'store'
> {
  readonly store: { readonly problem: StoreProblem; readonly since: string } | null
  readonly recovery: {
    readonly reason: RecoveryReason
    readonly at: string
    readonly waiting: number
  } | null
  readonly mailboxes: readonly MailboxView[]
  readonly startedAt: string
  readonly bundle: Omit<Status['bundle'], 'expiresAt'> & { readonly expiresAt: string }
  readonly queue: readonly {
    readonly contact: ContactShort
    readonly count: number
    readonly oldestAt: string
  }[]
}

/** One record of the event stream; `message` of `message.received` is shortened to what a reader needs. */
export type EventView = { readonly v: 1; readonly seq?: number; readonly at: string } & (
  | {
      readonly type: 'message.received'
      readonly contact: ContactShort
      readonly message: {
        readonly id: string
        readonly kind: 'text'
        readonly text: string
        readonly sentAt: string
        readonly replyTo: null
      }
    }
  | Exclude<StripBase<NodeEvent>, { readonly type: 'message.received' }>
)

type StripBase<T> = T extends unknown ? Omit<T, 'v' | 'seq' | 'at'> : never

/** Unix ms as RFC 3339 UTC. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString()
}

export function contactView(contact: Contact): ContactView {
  const { id, name, peer, trust, state, path, bundle, session, queued, irregularities } = contact
  const verifiedAt = contact.verifiedAt === null ? null : rfc3339(contact.verifiedAt)
  const addedAt = rfc3339(contact.addedAt)
  const doubted = contact.doubted.map((one) => ({ ...one, at: rfc3339(one.at) }))
  const said = { addedAt, verifiedAt, bundle, session, queued, irregularities, doubted }
  return { id, name, peer, trust, state, path, ...said }
}

export function messageView(message: Message): MessageView {
  const { id, kind, contact, direction, seq, counter, text, state, late } = message
  return {
    ...{ id, kind, contact, direction, seq, counter, text },
    sentAt: rfc3339(message.sentAt),
    recordedAt: rfc3339(message.recordedAt),
    state,
    states: message.states.map(stateView),
    late,
    protection: message.protection,
    replyTo: null,
  }
}

export function historyView(entry: HistoryEntry): EntryView {
  if (entry.kind === 'text') return messageView(entry)
  if (entry.kind === 'damaged') {
    const { kind, contact, direction, counter } = entry
    return { kind, contact, direction, counter }
  }
  const { kind, contact, from, to, state } = entry
  return { kind, contact, from, to, state }
}

/** A mailbox of ours as the API shows it. */
export interface MailboxView extends Omit<MailboxInfo, 'leavingAt' | 'restoredAt' | 'retiring'> {
  readonly leavingAt: string | null
  readonly restoredAt: string | null
  readonly retiring: { readonly since: string; readonly successor: string | null } | null
}

export function mailboxView(info: MailboxInfo): MailboxView {
  const { peer, addresses, connected, usedBytes, maxBytes, waiting } = info
  const { oneTimePairs, otherCopies, broken, lost } = info
  const retiring = info.retiring && { ...info.retiring, since: rfc3339(info.retiring.since) }
  const leavingAt = info.leavingAt === null ? null : rfc3339(info.leavingAt)
  const restoredAt = info.restoredAt === null ? null : rfc3339(info.restoredAt)
  const said = { usedBytes, maxBytes, waiting, oneTimePairs, otherCopies, broken, lost }
  return { peer, addresses, connected, ...said, leavingAt, restoredAt, retiring }
}

export function statusView(status: Status): StatusView {
  const { id, addresses, connections, contacts, damaged, clock, keys, recovery, store } = status
  return {
    ...{ id, addresses, connections, contacts, damaged, clock, keys },
    startedAt: rfc3339(status.startedAt),
    bundle: { ...status.bundle, expiresAt: rfc3339(status.bundle.expiresAt) },
    mailboxes: status.mailboxes.map(mailboxView),
    store: store && { ...store, since: rfc3339(store.since) },
    recovery: recovery && { ...recovery, at: rfc3339(recovery.at) },
    queue: status.queue.map(({ contact, count, oldestAt }) => ({
      contact,
      count,
      oldestAt: rfc3339(oldestAt),
    })),
  }
}

export function eventView(event: NodeEvent): EventView {
  const { v, seq, at, ...rest } = event
  const base = { v, ...(seq === undefined ? {} : { seq }) }
  if (rest.type !== 'message.received') return { ...base, at: rfc3339(at), ...plain(rest) }
  const { id, kind, text, sentAt } = rest.message
  const message = { id, kind, text, sentAt: rfc3339(sentAt), replyTo: null }
  return { ...base, type: rest.type, at: rfc3339(at), contact: rest.contact, message }
}

/** Drops what is not data, such as the `ack` function of a streamed event. */
function plain<T extends object>(value: T): T {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => typeof field !== 'function'),
  ) as T
}

function stateView(change: StateChange): StateView {
  const { at, keptUntil, ...rest } = change
  return {
    ...rest,
    at: rfc3339(at),
    ...(keptUntil === undefined ? {} : { keptUntil: rfc3339(keptUntil) }),
  }
}
