// Names of a mailbox's records. Owners are numbers here, so that a look at the database shows no account.

import { toHex } from '../protocol/bytes.ts'

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
  joinHash: 'mailbox/join',
  joinSecret: 'mailbox/join-secret',
  time: 'mailbox/time',
  members: 'mailbox/member/',
  member: (member: number) => `mailbox/member/${short(member)}`,
  bundles: 'mailbox/bundle/',
  bundle: (member: number) => `mailbox/bundle/${short(member)}`,
  items: (member: number) => `mailbox/item/${short(member)}/`,
  item: (member: number, id: number) => `mailbox/item/${short(member)}/${wide(id)}`,
  /** Under which promise a deposit was taken. */
  receipt: (member: number, depositId: Uint8Array) =>
    `mailbox/receipt/${short(member)}/${toHex(depositId)}`,
  pairs: (member: number) => `mailbox/pair/${short(member)}/`,
  pair: (member: number, place: number) => `mailbox/pair/${short(member)}/${wide(place)}`,
  /** The id of a one-time pair that was given away. */
  taken: (member: number, pairId: number) => `mailbox/taken/${short(member)}/${short(pairId)}`,
  expiries: 'mailbox/expiry/',
  mailExpiry: (at: number, member: number, item: number) => expiry(at, member, 'mail', item),
  pairExpiry: (at: number, member: number, place: number) => expiry(at, member, 'pair', place),
  takenExpiry: (at: number, member: number, pairId: number) => expiry(at, member, 'taken', pairId),
} as const

/** When an expiry record falls due. */
export function expiresAt(key: string): number {
  return Number.parseInt(
    key.slice(keys.expiries.length, key.indexOf('/', keys.expiries.length)),
    16,
  )
}

/** The number at the end of a record's name. */
export function lastNumber(key: string): number {
  return Number.parseInt(key.slice(key.lastIndexOf('/') + 1), 16)
}
