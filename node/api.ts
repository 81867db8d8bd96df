// The public types of the library: what `createNode` takes and gives. Nothing here runs.

import type { RandomBytes } from '../protocol/bytes.ts'
import type { Clock, PeerName } from '../net/ports.ts'

/** Where a node keeps what it must not forget. A string is the name of a profile in the user's data folder. */
export type ProfileChoice = string | { readonly dir: string } | { readonly memory: true }

export interface NetworkOptions {
  /** Multiaddrs to listen on. @default ['/ip4/0.0.0.0/tcp/0', '/ip4/0.0.0.0/tcp/0/ws'] */
  readonly listen?: readonly string[]
  /** Multiaddrs to announce instead of the ones listened on. */
  readonly announce?: readonly string[]
  /** Multiaddrs (with /p2p/) of peers that know the network. */
  readonly bootstrap?: readonly string[]
  /** Find peers on the local network by mDNS. @default false */
  readonly lan?: boolean
  /** How many DHT peers hold a bundle; smaller only in test networks. @default 20 */
  readonly replication?: number
}

export interface NodeOptions {
  /** @default { memory: true } */
  readonly profile?: ProfileChoice
  /** Shown to contacts. Used when the profile is made. */
  readonly name?: string
  /** Called only if the profile is sealed, or to seal a new one. */
  readonly unlock?: () => Promise<Uint8Array | string>
  /** A file with the key of the profile; a new profile is made with it. */
  readonly keyFile?: string
  readonly network?: NetworkOptions
  /** Mailbox links to enrol with. */
  readonly mailbox?: readonly string[]
  /** With how many mailboxes of a contact a message is left, 1 to 4, where the contact has so many. @default 2 */
  readonly copies?: number
  /** Aborting stops the node. */
  readonly signal?: AbortSignal
  readonly clock?: Clock
  readonly random?: RandomBytes
}

export type ContactId = string
export type MessageId = string
export type Trust = 'unverified' | 'verified' | 'changed'
export type DeliveryState = 'queued' | 'stored' | 'delivered' | 'read' | 'failed'
export type FailureReason =
  'expired' | 'rejected' | 'key_changed' | 'blocked' | 'too_large' | 'cancelled'
/** The path words of the interface: how a contact can be reached now. */
export type PathWord = 'direct lan' | 'direct' | 'mailbox only' | 'offline'
/**
 * Why a session is replaced: nothing is held to open their mail with; two of their envelopes do not open; a position was used
 * twice (their copy or backup runs beside them); they refuse our first messages; age; key agreements that stay unanswered; they
 * write in an older session; our first messages stay unanswered; they cannot open what they could before; messages of theirs stay
 * missing that they were asked for; too many before the one that came;
 * its record is damaged; our side came back from a backup; our store has lost something, so that all of them are left.
 */
export type RenewalReason =
  | 'no-session'
  | 'cannot-open'
  | 'diverged'
  | 'refused'
  | 'age'
  | 'stalled'
  | 'late'
  | 'unanswered'
  | 'lost'
  | 'gap'
  | 'too-far-ahead'
  | 'damaged'
  | 'restored'
  | 'recovery'
/**
 * Why a node has left all its sessions: a part of its store is missing; the store has less than it once had, or something else (an older
 * copy of the folder came back, or another copy has run); the folder was on another computer; what was noted of it cannot be read.
 */
export type RecoveryReason = 'hole' | 'older' | 'other' | 'elsewhere' | 'unreadable'
/**
 * Whether our clock is believed. `back`, `ahead`: it has jumped by more than an hour; `off`: the node was not running for more
 * than an hour. Until a mailbox, two contacts or the user agree, nothing is destroyed by that clock.
 */
export type ClockState = 'agreed' | 'back' | 'ahead' | 'off'
export type BundlePath = 'direct' | 'mailbox' | 'dht'

export interface Identity {
  /** PeerId of the account, base58: the address that is shared. */
  readonly peer: PeerName
  readonly name: string
  /** `SOTTO:C/1/…` */
  readonly link: string
}

/** The class of a session: what protects the messages in it. */
export interface Protection {
  /** A one-time pair was used (else the last-resort prekey). */
  readonly oneTime: boolean
  /** ML-KEM-768 took part in the handshake. Always true in suite 1. */
  readonly postQuantum: boolean
  /** The other side answers, and never to the fresh post-quantum keys that it is offered: a new session is on its way. */
  readonly healingStalled: boolean
  /**
   * It began without a proof that it comes from the same device as the session before: they have started afresh, or
   * somebody poses as them. Verifying the contact accepts it.
   */
  readonly freshStart: boolean
}

/** How a session began, and its class. */
export interface SessionInfo extends Protection {
  readonly startedBy: 'ours' | 'theirs'
  readonly answered: boolean
}

/** The class of the session that a message was encrypted in, as it was then. */
export interface MessageProtection extends Protection {
  /** It came with a first message older than one that was here already: late, or held back by somebody. */
  readonly olderHandshake: boolean
}

/**
 * What a contact's messages have shown: contents that break the rules of their kind, and are ignored; items beside a content that
 * do, and are ignored; positions or parts that contradict earlier ones: their program runs twice or was set back; their word that ours do.
 */
export type Irregularity = 'contents' | 'items' | 'diverged' | 'reported'

export interface Contact {
  readonly id: ContactId
  readonly name: string
  readonly peer: PeerName
  readonly trust: Trust
  /** 'requested': they wrote first and we have neither added them nor answered. 'blocked': nothing of theirs is taken. */
  readonly state: 'requested' | 'accepted' | 'blocked'
  readonly path: PathWord
  readonly addedAt: number
  readonly verifiedAt: number | null
  /** The newest verified bundle and who gave it. */
  readonly bundle: {
    readonly sequence: number
    readonly path: BundlePath
    readonly from: PeerName
    readonly mailboxes: number
  } | null
  readonly session: SessionInfo | null
  /** Messages not yet delivered. */
  readonly queued: number
  /** How often each was met. */
  readonly irregularities: Readonly<Record<Irregularity, number>>
  /** Mailboxes of the contact that may have lost messages which they had signed for, in the last 30 days. */
  readonly doubted: readonly DoubtedMailbox[]
}

/** It has handed over messages that were left later, and not these. */
export interface DoubtedMailbox {
  readonly mailbox: PeerName
  readonly messages: number
  /** Unix ms of the last one. */
  readonly at: number
}

export interface StateChange {
  readonly state: DeliveryState
  /** Unix ms. */
  readonly at: number
  readonly reason?: FailureReason
  /** Over which path the state was reached. */
  readonly path?: 'direct' | 'mailbox'
  /** Unix ms; of `stored`: how long the mailbox promised to keep it. */
  readonly keptUntil?: number
}

export interface Message {
  readonly kind: 'text'
  readonly id: MessageId
  readonly contact: ContactId
  readonly direction: 'in' | 'out'
  /** Number in the profile's event log under which it was recorded. */
  readonly seq: number
  /** The sender's counter in this conversation. */
  readonly counter: number
  readonly text: string
  /** Unix ms by the sender's clock. */
  readonly sentAt: number
  /** Unix ms by our clock. */
  readonly recordedAt: number
  /** Messages in: 'delivered', or 'read' once read here. */
  readonly state: DeliveryState
  readonly states: readonly StateChange[]
  /** It opened after a later one of the same sender. */
  readonly late: boolean
  /** Null while it has not been encrypted. */
  readonly protection: MessageProtection | null
}

/** 'open': the sender is asked for it. 'lost': it is not asked for any more, but still shown if it comes. */
export type GapState = 'open' | 'filled' | 'lost'

/** Messages of the other side that are known to be missing, counters `from` to `to`. */
export interface Gap {
  readonly kind: 'gap'
  readonly contact: ContactId
  readonly from: number
  readonly to: number
  readonly state: Exclude<GapState, 'filled'>
}

/** A message that the disk does not give back any more. */
export interface DamagedMessage {
  readonly kind: 'damaged'
  readonly contact: ContactId
  readonly direction: 'in' | 'out'
  /** The sender's counter. */
  readonly counter: number
}

export type HistoryEntry = Message | Gap | DamagedMessage

/**
 * What a damaged record was: a contact; a session, which is replaced; a key for a message that was skipped; an entry of the outbox,
 * which is made again; a message; an event, which is left out. Of our own: the device key, which is replaced, with all sessions;
 * prekeys; what was known of a bundle, or the bundle; a mailbox; the last reading of the clock. Or something else.
 */
export type DamageKind =
  | 'contact'
  | 'session'
  | 'key'
  | 'entry'
  | 'message'
  | 'event'
  | 'device'
  | 'prekey'
  | 'bundle'
  | 'mailbox'
  | 'clock'
  | 'other'

/** Damaged records by what they were. */
export type Damage = Readonly<Record<DamageKind, number>>

export interface ContactShort {
  readonly id: ContactId
  readonly name: string
  readonly trust: Trust
}

interface EventBase {
  readonly v: 1
  /** Strictly +1 per profile; absent on ephemeral events. */
  readonly seq?: number
  /** Unix ms. */
  readonly at: number
}

export type NodeEvent = EventBase &
  (
    | {
        readonly type: 'message.received'
        readonly contact: ContactShort
        readonly message: Message
      }
    | {
        readonly type: 'message.state'
        readonly contact: ContactShort
        readonly messageId: MessageId
        readonly from: DeliveryState
        readonly to: DeliveryState
        readonly reason?: FailureReason
        readonly path?: 'direct' | 'mailbox'
        readonly keptUntil?: number
      }
    /** Messages of the contact are missing, or not any more: counters `from` to `to`. */
    | {
        readonly type: 'message.gap'
        readonly contact: ContactShort
        readonly from: number
        readonly to: number
        readonly state: GapState
      }
    | { readonly type: 'contact.added'; readonly contact: ContactShort }
    | { readonly type: 'contact.requested'; readonly contact: ContactShort }
    | { readonly type: 'contact.blocked'; readonly contact: ContactShort }
    | { readonly type: 'contact.unblocked'; readonly contact: ContactShort }
    /** Records of the store are damaged. Ephemeral where `contact` is null and it was met while reading. */
    | {
        readonly type: 'node.damaged'
        readonly contact: ContactShort | null
        readonly what: DamageKind
        readonly count: number
      }
    /** All sessions were left, and contacts are asked for what is missing: the store is not what the last run has left. */
    | { readonly type: 'node.recovery'; readonly reason: RecoveryReason }
    | {
        readonly type: 'contact.trust'
        readonly contact: ContactShort
        readonly from: Trust
        readonly to: Trust
      }
    /** Ephemeral from here on. */
    | {
        readonly type: 'contact.session'
        readonly contact: ContactShort
        readonly session: SessionInfo
      }
    /** A session is about to be replaced. */
    | {
        readonly type: 'contact.renewal'
        readonly contact: ContactShort
        readonly reason: RenewalReason
      }
    | {
        readonly type: 'contact.irregular'
        readonly contact: ContactShort
        readonly what: Irregularity
      }
    | {
        readonly type: 'contact.found'
        readonly contact: ContactShort
        readonly path: BundlePath
        readonly from: PeerName
        /** The peers this node had been connected to, since its start, when the lookup began; at most 64. */
        readonly met: readonly PeerName[]
      }
    | {
        readonly type: 'node.published'
        readonly sequence: number
        readonly holders: readonly PeerName[]
      }
    | { readonly type: 'mailbox.connected'; readonly mailbox: PeerName }
    | { readonly type: 'mailbox.disconnected'; readonly mailbox: PeerName }
    /** One of ours could not be reached for a day, although others could: mail for us may wait there, and new mail goes elsewhere. */
    | { readonly type: 'mailbox.lost'; readonly mailbox: PeerName }
    /** One of ours will end, as it has signed. It takes no new mail; move to another. `successor`: the one that it names, as a link. */
    | {
        readonly type: 'mailbox.retiring'
        readonly mailbox: PeerName
        readonly successor: string | null
      }
    /** The membership there has ended, as was wanted. */
    | { readonly type: 'mailbox.left'; readonly mailbox: PeerName }
    /** It has handed out one of our one-time pairs twice, and signed both: no bundle of ours names it any more. */
    | { readonly type: 'mailbox.broken'; readonly mailbox: PeerName }
    /** One-time keys drained: so many pairs were handed out, and no first message has come with them. */
    | {
        readonly type: 'mailbox.drained'
        readonly mailbox: PeerName
        readonly unmatched: number
      }
    /**
     * A mailbox of a contact may have lost messages of ours: it had signed for them, and has handed over later ones and not these.
     * They are on their way again. `messages`: so many of this mailbox and contact.
     */
    | {
        readonly type: 'mailbox.doubted'
        readonly contact: ContactShort
        readonly mailbox: PeerName
        readonly messages: number
      }
    /** A mailbox says that so many other copies of this account are logged in; 0: no more. */
    | { readonly type: 'mailbox.copies'; readonly mailbox: PeerName; readonly others: number }
    | { readonly type: 'clock.skew'; readonly state: ClockState }
    /** The store cannot be written, or for another reason than before; null: it can be written again. */
    | { readonly type: 'node.store'; readonly problem: StoreProblem | null }
  )

export type EventType = NodeEvent['type']
export type EventOf<T extends EventType> = Extract<NodeEvent, { type: T }>

export interface EventsOptions {
  readonly types?: readonly EventType[]
  readonly contacts?: readonly ContactId[]
  /** A named cursor kept in the profile: what was not acknowledged comes again. */
  readonly consumer?: string
  /** Where a stream without a cursor starts. @default 'now' ('start' for a new consumer) */
  readonly from?: number | 'now' | 'start'
  readonly signal?: AbortSignal
}

export interface MailboxInfo {
  readonly peer: PeerName
  readonly addresses: readonly string[]
  readonly connected: boolean
  /** As the mailbox last said; null before it did. */
  readonly usedBytes: number | null
  readonly maxBytes: number | null
  readonly waiting: number | null
  readonly oneTimePairs: number | null
  /** Unix ms from which on it is left once nothing waits there; null: it is used. Others are not told of it any more. */
  readonly leavingAt: number | null
  /** It could not be reached for a day or more, although others could. */
  readonly lost: boolean
  /** It will end: it takes no new mail, and hands over what it has. */
  readonly retiring: RetiringMailbox | null
  /** It has handed out a one-time pair twice: it is named in no bundle, and gets no pairs. `use` takes it in again. */
  readonly broken: boolean
  /**
   * Other running copies of this account that are logged in there: a copied folder that runs twice. For a minute or so after a
   * crash it may be our own old connection.
   */
  readonly otherCopies: number | null
  /**
   * Unix ms: when it was last restored from a backup, as it says; null: never, or not asked yet. It has forgotten what came between
   * the backup and then: the senders of that mail still have it.
   */
  readonly restoredAt: number | null
}

/** The last time that all sessions were left. */
export interface Recovery {
  readonly reason: RecoveryReason
  /** Unix ms. */
  readonly at: number
  /** Contacts with whom there is no new session yet. */
  readonly waiting: number
}

/**
 * Why nothing can be written, and so nothing is accepted: the disk is full; the folder is read-only; the process has too many files
 * open; or the disk fails.
 */
export type StoreProblem = 'full' | 'read-only' | 'too-many-files' | 'failing'

/** The store cannot be written. It is tried again by itself. */
export interface StoreTrouble {
  readonly problem: StoreProblem
  /** Unix ms. */
  readonly since: number
}

export interface Status {
  readonly id: Identity
  readonly startedAt: number
  readonly addresses: readonly string[]
  /** Open libp2p connections. */
  readonly connections: number
  /** The bundle we publish. */
  readonly bundle: {
    readonly sequence: number
    readonly expiresAt: number
    readonly holders: readonly PeerName[]
  }
  /** What protects the keys on the disk besides the modes of the files; null: only whoever made the node knows. */
  readonly keys: KeyProtection | null
  readonly clock: ClockState
  /** Null: it can be written. */
  readonly store: StoreTrouble | null
  readonly mailboxes: readonly MailboxInfo[]
  readonly queue: readonly {
    readonly contact: ContactShort
    readonly count: number
    readonly oldestAt: number
  }[]
  readonly contacts: {
    readonly total: number
    readonly online: number
    readonly unverified: number
    readonly changed: number
  }
  /** Damaged records that were met since the start. */
  readonly damaged: Damage
  /** Null: never. */
  readonly recovery: Recovery | null
}

export interface SendOptions {
  /** Refuse unless the contact is verified. */
  readonly requireVerified?: boolean
  readonly signal?: AbortSignal
}

export interface SentMessage {
  readonly id: MessageId
  readonly seq: number
  readonly state: DeliveryState
  /** Resolves when the state, or a better one, is reached; rejects with SottoError WAIT_TIMEOUT, or NOT_ALLOWED when it failed. `timeout` in ms. */
  until(
    state: 'stored' | 'delivered' | 'read',
    options?: { readonly timeout?: number; readonly signal?: AbortSignal },
  ): Promise<SentMessage>
}

export interface Conversation {
  readonly contact: Contact
  send(text: string, options?: SendOptions): Promise<SentMessage>
  /** Oldest first, by the senders' counters; a missing message is a gap entry. Rejects with the reason of `signal`. */
  history(options?: { readonly signal?: AbortSignal }): AsyncIterable<HistoryEntry>
}

export interface Contacts {
  /** `address`: a contact link or a bare PeerId. Adding an account again changes its name only. */
  add(
    address: string,
    options?: { readonly name?: string; readonly signal?: AbortSignal },
  ): Promise<Contact>
  list(): readonly Contact[]
  /** By id, name or PeerId; SottoError CONTACT_NOT_FOUND or CONTACT_AMBIGUOUS. */
  get(ref: string): Contact
  /** 60 digits, the same on both sides. */
  safetyNumber(ref: string): string
  /** Marks as verified when `number` equals the safety number (spaces ignored), else SottoError SAFETY_NUMBER_MISMATCH. */
  verify(ref: string, number: string): Promise<Contact>
  /**
   * Nothing of theirs is taken any more, shown or confirmed, and nothing is sent to them: what was queued fails with reason
   * 'blocked'. Their delivery tokens end.
   */
  block(ref: string): Promise<Contact>
  /** They are again what they were. What their node still wants to deliver then comes. */
  unblock(ref: string): Promise<Contact>
}

export interface Messages {
  get(id: MessageId): Promise<Message>
  list(ref: string, options?: { readonly limit?: number }): Promise<readonly HistoryEntry[]>
  /** Marks incoming messages as read and tells the sender (contacts only). */
  markRead(ids: readonly MessageId[]): Promise<void>
}

export interface Mailboxes {
  /** Enrols with the mailbox of a link: joins, uploads bundle and one-time keys, and republishes the bundle naming it. */
  use(link: string, options?: { readonly signal?: AbortSignal }): Promise<MailboxInfo>
  list(): readonly MailboxInfo[]
  /**
   * Enrols with the mailbox of a link in the place of `from` (a PeerId, its end, or a link), which may be left out where there is only one.
   * The old one is fetched from for a week more and until it is empty, and then left.
   */
  move(
    link: string,
    options?: { readonly from?: string; readonly signal?: AbortSignal },
  ): Promise<MailboxInfo>
  /** Names a mailbox to others no more, fetches from it for a week, or with `now` only until it is empty, and then leaves it. */
  leave(ref: string, options?: { readonly now?: boolean }): Promise<void>
  /** Asks each mailbox how it is, as its member and, under another name, as a stranger. */
  test(options?: { readonly signal?: AbortSignal }): Promise<readonly MailboxTest[]>
}

/** What a mailbox has signed about its end. */
export interface RetiringMailbox {
  /** Unix ms by its clock. */
  readonly since: number
  /** Link of the mailbox that it names, without a join secret: its operator may have to give another. Null: it names none. */
  readonly successor: string | null
}

/** What a mailbox of ours answers. */
export interface MailboxTest {
  readonly mailbox: PeerName
  /** Ms until it has answered us as its member; null while there is no connection. */
  readonly roundTrip: number | null
  /** What it gives to strangers who want to write to us: our bundle, one that is not ours of now, nothing; or it is not there. */
  readonly serves: 'current' | 'other' | 'nothing' | 'unreachable'
}

export interface Node extends AsyncDisposable {
  readonly id: Identity
  readonly status: Status
  readonly contacts: Contacts
  readonly messages: Messages
  readonly mailbox: Mailboxes
  /** Replaces prekeys before their time, for instance after a theft of the folder: who begins a session then needs the new ones. */
  rotateKeys(): Promise<void>
  /** The user says that our clock is right. */
  confirmClock(): Promise<void>
  conversation(ref: string): Conversation
  /** The event log from a position on, then live. Records come again until `ack` when a consumer is named. */
  events(options?: EventsOptions): AsyncIterable<NodeEvent & { ack(): Promise<void> }>
  on<T extends EventType>(
    type: T,
    listener: (event: EventOf<T>) => void,
    options?: { readonly signal?: AbortSignal },
  ): void
  stop(): Promise<void>
}

/** `createNode(options)`: makes the profile when there is none, starts the node. */
export type CreateNode = (options?: NodeOptions) => Promise<Node>

/** `createProfile`: makes identity and store in an empty folder, without starting a node. SottoError PROFILE_EXISTS. */
export type CreateProfile = (
  options: NewKeys & { readonly dir: string; readonly name: string },
) => Promise<Identity>

/** What protects the keys of a profile: nothing but the modes of its files, a passphrase, a key file, or the system's key store. */
export type KeyProtection = 'none' | 'passphrase' | 'key-file' | 'key-store'

/** How the keys of a new profile are protected: by the first of these that is given, from the last to the first, or not at all. */
export interface NewKeys {
  /** Asked for a passphrase. */
  readonly unlock?: (() => Promise<Uint8Array | string>) | undefined
  /** Use the system's key store: the Secret Service by `secret-tool` on Linux, the keychain on macOS. */
  readonly keyStore?: boolean | undefined
  /** A file outside of the profile; it is made where there is none. */
  readonly keyFile?: string | undefined
}

/** `protectProfile`: protects the keys of a profile in another way; resolves to what protects them now. */
export type ProtectProfile = (options: {
  readonly profile: string | { readonly dir: string }
  /** What opens it now. */
  readonly unlock?: () => Promise<Uint8Array | string>
  readonly keyFile?: string | undefined
  readonly next: NewKeys
}) => Promise<KeyProtection>
