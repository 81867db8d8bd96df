// What one mailbox gives to one owner, one channel and the world. docs/mailbox.md, "Limits", has the same table.

const KIB = 1024
const MIB = 1024 * KIB
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

/** The longest that mail is kept. */
export const FIRST_MESSAGE_TTL_MS = 14 * DAY
export const SESSION_MAIL_TTL_MS = 21 * DAY

/** A one-time pair leaves the shelf half way through its validity, so that its owner still holds the private half. */
export const PAIR_SHELF_MS = 30 * DAY

/** Everything that an operator may set. Times in ms. */
export interface MailboxLimits {
  /** Owners that may join. */
  readonly members: number
  /** Waiting envelopes of all owners together: nothing new is taken when it would fill more than 90 % of this. */
  readonly budgetBytes: number
  /** Waiting envelopes of one owner, together. */
  readonly ownerBytes: number
  readonly ownerMessages: number
  /** How long mail waits for its owner: the promise in a custody receipt. */
  readonly keepMessagesMs: number
  readonly keepFirstMessagesMs: number
  /** How long a one-time pair stays on the shelf. */
  readonly keepPairsMs: number
  /** Those of them that strangers may leave once the owner has given out tokens. */
  readonly strangerBytes: number
  readonly strangerMessages: number
  /** Delivery tokens of one owner. */
  readonly ownerTokens: number
  /** Deposit ids of one owner that are remembered; the oldest is forgotten first. */
  readonly ownerReceipts: number
  /** One-time pairs on the shelf of one owner. */
  readonly ownerPairs: number
  /** The last of them, which strangers do not get once the owner has given out tokens. */
  readonly reservedPairs: number
  /** Channels of one peer, and of all peers together. */
  readonly peerChannels: number
  readonly channels: number
  /** Those of all channels that only members get; never more than half. */
  readonly memberChannels: number
  /** Requests of one channel that are worked on at a time; more wait unread. */
  readonly channelRequests: number
  readonly channelRequestBytes: number
  /** Bytes of requests that are worked on at a time, over all channels. */
  readonly requestBytes: number
  /** Bytes that have come and could not be read yet, unfinished frames among them, over all channels. */
  readonly unreadBytes: number
  /** Envelopes sent to an owner who has not acknowledged them yet. */
  readonly leaseItems: number
  readonly leaseBytes: number
  /** A channel that neither fetches nor asks anything for so long is closed. */
  readonly idleMs: number
  /** How long a peer may leave our answers unread. */
  readonly drainMs: number
  /** Deposits from one address prefix: at once, and for each second after. */
  readonly addressDeposits: number
  readonly addressDepositsPerSecond: number
  /** One-time pairs given to one address prefix: at once, and for each second after. */
  readonly addressPairs: number
  readonly addressPairsPerSecond: number
  /** The same over all addresses. */
  readonly pairs: number
  readonly pairsPerSecond: number
  /** Wrong join secrets from one address prefix. */
  readonly addressJoins: number
  readonly addressJoinsPerSecond: number
  readonly republishMs: number
}

export const DEFAULT_LIMITS: MailboxLimits = {
  members: 500,
  budgetBytes: 20 * 1024 * MIB,
  ownerBytes: 50 * MIB,
  ownerMessages: 2000,
  keepMessagesMs: SESSION_MAIL_TTL_MS,
  keepFirstMessagesMs: FIRST_MESSAGE_TTL_MS,
  keepPairsMs: PAIR_SHELF_MS,
  strangerBytes: 4 * MIB,
  strangerMessages: 100,
  ownerTokens: 1024,
  ownerReceipts: 50_000,
  ownerPairs: 200,
  reservedPairs: 20,
  peerChannels: 4,
  channels: 1024,
  memberChannels: 256,
  channelRequests: 256,
  channelRequestBytes: 2 * MIB,
  requestBytes: 64 * MIB,
  unreadBytes: 64 * MIB,
  leaseItems: 256,
  leaseBytes: 2 * MIB,
  idleMs: MINUTE,
  drainMs: MINUTE / 2,
  addressDeposits: 10_000,
  addressDepositsPerSecond: 500,
  addressPairs: 256,
  addressPairsPerSecond: 4,
  pairs: 1024,
  pairsPerSecond: 32,
  addressJoins: 20,
  addressJoinsPerSecond: 0.1,
  republishMs: DAY / 2,
}

/** A taken pair's id is remembered for as long as its signature could still be accepted. */
export const TAKEN_PAIR_MS = 62 * DAY

/** Time between two looks at what has expired. */
export const SWEEP_MS = 10 * MINUTE
