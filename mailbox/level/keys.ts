// Names of a mailbox's records. Owners are numbers here, so that a look at the database shows no account.

import { toHex } from '../../protocol/bytes.ts'

/** 14 hex digits hold 2^53 - 1, and the order of the names is the order of the numbers. */
function wide(number: number): string {
  return number.toString(16).padStart(14, '0')
}

/** Number of a member within this mailbox: 8 hex digits. */
function short(number: number): string {
  return number.toString(16).padStart(8, '0')
}

function expiry(at: number, member: number, kind: string, entry: number): string {
  return `mailbox/expiry/${wide(at)}/${short(member)}/${kind}/${wide(entry)}`
}

export const keys = {
  invitations: 'mailbox/invitations',
  firstInvitation: 'mailbox/first-invitation',
  joinSecret: 'mailbox/join-secret',
  address: 'mailbox/address',
  retirement: 'mailbox/retirement',
  time: 'mailbox/time',
  /** Batches that were written: net/commit-chain.ts. */
  commits: 'mailbox/commit/',
  members: 'mailbox/member/',
  member: (member: number) => `mailbox/member/${short(member)}`,
  former: 'mailbox/former',
  restored: 'mailbox/restored',
  policies: 'mailbox/policy/',
  policy: (member: number) => `mailbox/policy/${short(member)}`,
  /** What the member has put there for itself. */
  mark: (member: number) => `mailbox/mark/${short(member)}`,
  tokens: (member: number) => `mailbox/tokens/${short(member)}`,
  bundles: 'mailbox/bundle/',
  bundle: (member: number) => `mailbox/bundle/${short(member)}`,
  allItems: 'mailbox/item/',
  items: (member: number) => `mailbox/item/${short(member)}/`,
  item: (member: number, id: number) => `mailbox/item/${short(member)}/${wide(id)}`,
  /** Under which promise a deposit was taken. */
  receipt: (member: number, depositId: Uint8Array) =>
    `mailbox/receipt/${short(member)}/${toHex(depositId)}`,
  allReceipts: 'mailbox/receipt/',
  /** The deposit id in such a name: 32 hex digits. */
  receiptId: (key: string) => key.slice(key.lastIndexOf('/') + 1),
  receipts: (member: number) => `mailbox/receipt/${short(member)}/`,
  pairs: (member: number) => `mailbox/pair/${short(member)}/`,
  pair: (member: number, place: number) => `mailbox/pair/${short(member)}/${wide(place)}`,
  allTaken: (member: number) => `mailbox/taken/${short(member)}/`,
  /** The id of a one-time pair that was given away. */
  taken: (member: number, pairId: number) => `mailbox/taken/${short(member)}/${short(pairId)}`,
  expiries: 'mailbox/expiry/',
  mailExpiry: (at: number, member: number, item: number) => expiry(at, member, 'mail', item),
  pairExpiry: (at: number, member: number, place: number) => expiry(at, member, 'pair', place),
  takenExpiry: (at: number, member: number, pairId: number) => expiry(at, member, 'taken', pairId),
} as const

/** What the name of an expiry record says: enough to act on, should its value be damaged. */
export interface ExpiryName {
  /** When it falls due, in time of the time base. */
  readonly at: number
  readonly member: number
  readonly kind: 'mail' | 'pair' | 'taken' | undefined
  /** An item, the place of a pair, or the id of a pair. */
  readonly entry: number
}

export function readExpiryName(key: string): ExpiryName {
  const [at = '', member = '', kind, entry = ''] = key.slice(keys.expiries.length).split('/')
  const known = kind === 'mail' || kind === 'pair' || kind === 'taken' ? kind : undefined
  return { at: hex(at), member: hex(member), kind: known, entry: hex(entry) }
}

function hex(digits: string): number {
  return Number.parseInt(digits, 16)
}

/** The number at the end of a record's name. */
export function lastNumber(key: string): number {
  return hex(key.slice(key.lastIndexOf('/') + 1))
}
