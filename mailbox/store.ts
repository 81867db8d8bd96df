// What a mailbox keeps, behind one interface: who is a member, the mail that waits, bundles, one-time pairs, and when each of them
// goes. Here is no signature, no clock and no stream: those who call have verified what they bring, and say what time it is.
//
// Nothing in it assumes that this process is the only one. Each method is one step that happens wholly or not at all, also beside
// the same method in another process, and whoever was answered finds it after any crash. `sotto/mailbox/store-contract` tests that.

import type { AccountKey } from '../protocol/account.ts'
import type { Custody } from '../protocol/receipt.ts'

/** What an operator has decided about one member. */
export interface MemberPolicy {
  /** For the operator's eyes, at most 64 bytes of UTF-8. */
  readonly label: string
  /** A suspended member gets no new mail, keeps what there is, and can fetch it. */
  readonly status: 'active' | 'suspended'
  /** Undefined: as the mailbox gives everybody. */
  readonly quota: Quota | undefined
}

/** What lets people in who are not members yet: whoever knows its secret joins by it. */
export interface NewInvitation {
  /** Of those who join by it. */
  readonly label: string
  /** 32 bytes: `tokenHash` of the join secret. */
  readonly hash: Uint8Array
  /** How many may join by it, above 0; undefined: as many as there is room for. */
  readonly uses: number | undefined
  /** In time of the time base. Undefined: it does not end by itself. */
  readonly expiresAt: number | undefined
  /** Of those who join by it, with messages above 0. */
  readonly quota: Quota | undefined
}

export interface Invitation extends NewInvitation {
  /** By which the operator names it. */
  readonly id: number
  /** How many have joined by it. */
  readonly used: number
}

/** What somebody who wants to join has shown. */
export interface Admission {
  /** 32 bytes: `tokenHash` of the join secret. */
  readonly hash: Uint8Array
  /** Time base. */
  readonly now: number
}

/** What may wait in one box. */
export interface Quota {
  readonly bytes: number
  readonly messages: number
}

/** The most that a store takes, unless the policy of a member says otherwise. */
export interface StoreLimits {
  readonly members: number
  /** Waiting envelopes of all owners together: nothing new is taken when it would fill more than 90 % of this. */
  readonly budgetBytes: number
  /** Waiting envelopes of one owner, together. */
  readonly ownerBytes: number
  readonly ownerMessages: number
  /** Those of them that strangers may leave, once the owner has tokens; never more than half of the owner's quota. */
  readonly strangerBytes: number
  readonly strangerMessages: number
  /** Delivery tokens of one owner. */
  readonly ownerTokens: number
  /** Deposit ids of one owner that are remembered; beyond, an id is forgotten with its envelope. */
  readonly ownerReceipts: number
  /** One-time pairs on the shelf of one owner. */
  readonly ownerPairs: number
  /** The last of them, which strangers do not get once the owner has tokens. */
  readonly reservedPairs: number
}

/** A member as of the moment of the question. */
export interface Member extends MemberPolicy {
  readonly account: AccountKey
  /** Of this membership, by which the operator names it: letters and digits that say nothing of the account, never given twice. */
  readonly id: string
  /** Waiting envelopes. */
  readonly messages: number
  readonly bytes: number
  /** One-time pairs on the shelf. */
  readonly pairs: number
}

/** What a custody receipt says but for its owner. */
export interface Promised {
  /** 32 bytes. */
  readonly envelopeDigest: Uint8Array
  /** Unix ms. */
  readonly keptUntil: number
}

/** What an owner has given to a contact, as far as a mailbox knows. */
export interface DeliveryToken {
  /** Above 0. */
  readonly slot: number
  /** 32 bytes: `tokenHash`. */
  readonly hash: Uint8Array
}

export interface NewMail extends Promised {
  readonly owner: Uint8Array
  /** 16 bytes. */
  readonly depositId: Uint8Array
  readonly envelope: Uint8Array
  /** Of the token that it came with, known here or not. */
  readonly tokenHash: Uint8Array | undefined
  /** Both in time of the time base. */
  readonly takenAt: number
  readonly expiresAt: number
}

/** An envelope under the number by which its owner acknowledges it. */
export interface QueuedItem {
  readonly id: number
  readonly envelope: Uint8Array
  /** Of the token that it came with; 0 from a stranger. */
  readonly slot: number
}

export interface QueuedRun {
  readonly items: readonly QueuedItem[]
  /** More waits behind. */
  readonly more: boolean
}

/** How much to read at once. */
export interface Room {
  readonly items: number
  readonly bytes: number
}

export interface HeldBundle {
  readonly owner: AccountKey
  readonly bytes: Uint8Array
}

/** A verified one-time pair. */
export interface NewPair {
  readonly id: number
  /** Unix ms, as signed. */
  readonly expiresAt: number
  readonly signed: Uint8Array
}

export interface Statistics {
  readonly members: number
  /** Those of them who are suspended. */
  readonly suspended: number
  /** Boxes in which mail waits. */
  readonly boxes: number
  /** Envelopes that wait, as they are found and not as they were counted, and their bytes. */
  readonly waiting: number
  readonly waitingBytes: number
  readonly oneTimePairs: number
  /**
   * Envelopes since the mailbox began, over all front ends and crashes: accepted = acknowledged + expired + removed + waiting, or
   * something is wrong with the store.
   */
  readonly accepted: number
  readonly acknowledged: number
  /** Never fetched until their promise ended. */
  readonly expired: number
  /** Gone with their owner's membership, or lost by damage. */
  readonly removed: number
  /** Records that this front end found damaged and left out: mail, pairs or members that are lost. */
  readonly damaged: number
}

/** Small values of the mailbox itself. */
export type SettingName = 'join-secret' | 'first-invitation' | 'address' | 'restored' | 'retirement'

/** Told of the promise that a deposit will be, while it is written: nobody else may be told of it before that is done. */
export type Writing = (custody: Custody) => void

/**
 * All methods throw `StoreError` when the store fails: then nothing is promised. Who is no member is answered with `Refusal`
 * unavailable, at the cost of the same reads as one who is.
 */
export interface MailboxStore {
  /** Reads what has to be in memory. To be called once, before anything else. */
  start(): Promise<void>
  /** Makes everything durable. Nothing is called after it. */
  stop(): Promise<void>
  /** Told when a write failed: whoever was not answered cannot know what became of the question. */
  onFailure(listener: () => void): void
  /** Told after mail was stored by this front end, and by others as far as the store can tell. */
  onMail(listener: (owner: AccountKey) => void): void

  /**
   * The account is a member when it resolves; again is the same. With an admission, who is no member joins by the invitation with that
   * hash, which is used once more in the same step; throws `Refusal` joinRefused when there is none, it was revoked, has been used as often
   * as it may be, or has expired. Throws `Refusal` quota when there is no room for another.
   */
  join(account: AccountKey, by?: Admission): Promise<void>
  /** `now` (time base) tells which others are spent, when their room is needed. Throws `Refusal` quota when there are too many. */
  invite(invitation: NewInvitation, now: number): Promise<Invitation>
  /** All that were neither revoked nor had to make room, oldest first. */
  invitations(): Promise<readonly Invitation[]>
  /** False if there is none with this id. Who has joined by it stays. */
  revoke(id: number): Promise<boolean>
  /** Undefined for who is none. */
  member(account: Uint8Array): Promise<Member | undefined>
  /** Members behind one of them, or from the first, in an order that does not change; at most `limit`. */
  members(limit: number, after?: AccountKey): Promise<readonly Member[]>
  setPolicy(account: AccountKey, policy: MemberPolicy): Promise<void>
  /** Deletes all mail that waits at one moment, unread: it counts as removed. Who is no member has none. */
  empty(account: AccountKey): Promise<void>
  /** Ends a membership with all that was kept for it. False if there was none. Who joins again begins with nothing. */
  remove(account: AccountKey): Promise<boolean>

  /**
   * Takes mail into custody. The same owner and deposit id get the same promise, and nothing is stored again, until the promise
   * ends. Throws `Refusal` quota when the box, or the strangers' part of it, is full, unavailable for a suspended member. A token
   * that is not known is none. A store may tell `writing` what it will return.
   */
  deposit(mail: NewMail, writing?: Writing): Promise<Custody>
  /** Makes these the tokens of a member, and no others. Throws `Refusal` quota when they are too many. */
  setTokens(account: AccountKey, tokens: readonly DeliveryToken[]): Promise<void>
  /**
   * What waits behind an id, oldest first: at most `items`, and `bytes` unless the first is larger. Ids are given in the order in
   * which mail becomes visible, and never again. What is damaged is left out and counted.
   */
  read(owner: AccountKey, after: number, room: Room): Promise<QueuedRun>
  /**
   * Deletes exactly the mail with these ids; those that name nothing are passed over. Returns of each that it deleted when it was
   * taken, in time of the time base, as far as it is sound.
   */
  acknowledge(owner: AccountKey, ids: readonly number[]): Promise<readonly number[]>
  /** When the oldest mail of all that waits was taken. It looks into every box: not for every day's question. */
  oldest(): Promise<number | undefined>

  /** Keeps a few bytes of a member's own, at most 64, in the place of those before. */
  setMark(account: AccountKey, mark: Uint8Array): Promise<void>
  /** Undefined when there is none, or it is damaged. */
  mark(account: AccountKey): Promise<Uint8Array | undefined>

  /** Undefined for who is no member, has none, or has a damaged one. */
  bundle(account: Uint8Array): Promise<HeldBundle | undefined>
  /** Keeps a bundle if the one that is there is still `instead`. False: another is there. */
  replaceBundle(account: AccountKey, bundle: Uint8Array, instead?: Uint8Array): Promise<boolean>

  /**
   * Puts pairs on the shelf until `shelfUntil` (time base): all, or none. Those that are there already, or were taken, are passed
   * over. What is there and expires at `voidUntil` (Unix ms) or before goes in the same write. Throws `Refusal` quota.
   */
  putPairs(
    owner: AccountKey,
    pairs: readonly NewPair[],
    shelfUntil: number,
    voidUntil?: number,
  ): Promise<void>
  /**
   * Takes the oldest pair whose expiry is after `now` (Unix ms) off the shelf for good: nobody else gets it. That it was taken is
   * remembered until `knownUntil` (time base). Undefined when there is none, or none for a stranger: who shows no token that is known
   * leaves the reserve, as far as those who ask at the same moment see it.
   */
  takePair(
    owner: AccountKey,
    now: number,
    knownUntil: number,
    tokenHash?: Uint8Array,
  ): Promise<NewPair | undefined>

  /** Lets go of some of what is due at `now` (time base). True when there may be more. */
  expire(now: number): Promise<boolean>
  /** The time base that was stored last. Undefined at the first start, or when it is damaged. */
  time(): Promise<number | undefined>
  /** Stores it, unless a later one is stored. */
  setTime(time: number): Promise<void>

  setting(name: SettingName): Promise<Uint8Array | undefined>
  /** Like `replaceBundle`. */
  replaceSetting(name: SettingName, value: Uint8Array, instead?: Uint8Array): Promise<boolean>

  statistics(): Promise<Statistics>
}
