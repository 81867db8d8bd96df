// Names of entries. What belongs to one membership stands under its random id, so that whoever still works on an ended one cannot
// touch the next. Names of blobs are random: none is used twice, and a late deletion hits nothing else.

import { toHex } from '../../protocol/bytes.ts'
import type { SettingName } from '../store.ts'

/** 14 hex digits hold 2^53 - 1, and the order of the names is the order of the numbers. */
function wide(number: number): string {
  return number.toString(16).padStart(14, '0')
}

export const names = {
  roster: 'roster',
  /** How much is in each box. */
  usage: 'usage',
  time: 'time',
  setting: (name: SettingName) => `setting/${name}`,
  boxes: 'box/',
  box: (account: Uint8Array) => `box/${toHex(account)}`,
  /** An envelope, a pair or a bundle. */
  blob: (box: string, blob: string) => `blob/${box}/${blob}`,
  /** Under which promise a deposit was taken that has been acknowledged. */
  receipt: (box: string, depositId: string) => `receipt/${box}/${depositId}`,
  /** Whoever makes it has taken the pair. */
  taken: (box: string, pairId: number) => `taken/${box}/${wide(pairId)}`,
  /** All that stands under the id of a membership. */
  ofBox: (box: string) => [`blob/${box}/`, `receipt/${box}/`, `taken/${box}/`],
  expiries: 'expiry/',
  expiry: (at: number, due: DueName) =>
    `expiry/${wide(at)}/${due.kind}/${due.account}/${due.box}/${due.entry}/${due.depositId ?? ''}`,
} as const

/** What falls due. */
export interface DueName {
  readonly kind: 'mail' | 'pair' | 'taken' | 'bundle'
  /** In hexadecimal digits, like all that follow. */
  readonly account: string
  readonly box: string
  /** A blob, or the id of a pair. */
  readonly entry: string
  /** Of mail. */
  readonly depositId?: string
}

export interface Due extends DueName {
  readonly name: string
  /** In time of the time base. */
  readonly at: number
}

/** Undefined when it is no name of ours. */
export function readDue(name: string): Due | undefined {
  const parts = name.slice(names.expiries.length).split('/')
  const [at = '', kind, account = '', box = '', entry = '', depositId = ''] = parts
  if (kind !== 'mail' && kind !== 'pair' && kind !== 'taken' && kind !== 'bundle') return undefined
  return { name, at: Number.parseInt(at, 16), kind, account, box, entry, depositId }
}
