// What is stored of one of our own mailboxes, and what of it can be shown.

import { create, toBinary } from '@bufbuild/protobuf'
import { accountKey, type AccountKey } from '../protocol/account.ts'
import { verifyRetirement } from '../protocol/custody.ts'
import { OwnMailboxSchema } from '../protocol/generated/own_pb.ts'
import { encodeMailboxLink } from '../protocol/link.ts'
import { toInteger } from '../protocol/protobuf.ts'
import type { Operation } from '../net/records.ts'
import type { RetiringMailbox } from './api.ts'
import { keys } from './keys.ts'
import { decodeRecord, RECORD_VERSION } from './stored-record.ts'

export interface Enrolment {
  readonly account: AccountKey
  /** Binary multiaddrs. */
  readonly addresses: readonly Uint8Array[]
  readonly joinedAt: number
  readonly refilledAt: number
  /** It has handed out a pair twice. */
  readonly broken: boolean
  /** Unix ms from which on it is left once it is empty; 0: it is used. */
  readonly leaveAt: number
  /** Its signed notice that it will end; empty: it has given none. */
  readonly retirement: Uint8Array
  /** Hours in a row in which others could be reached and it could not. */
  readonly missedHours: number
}

/** So many missed hours, and it is shown as lost. */
export const LOST_AFTER_HOURS = 24

/** One that was just joined, or whose record is lost. */
export function newEnrolment(
  { account, addresses }: Pick<Enrolment, 'account' | 'addresses'>,
  { joinedAt, refilledAt }: Pick<Enrolment, 'joinedAt' | 'refilledAt'>,
): Enrolment {
  const sound = { broken: false, leaveAt: 0, retirement: new Uint8Array(0), missedHours: 0 }
  return { account, addresses, joinedAt, refilledAt, ...sound }
}

export function isLost({ missedHours }: Enrolment): boolean {
  return missedHours >= LOST_AFTER_HOURS
}

/** What its notice says; null where there is none. The notice was verified when it came, and is again. */
export function retiringOf({ account, retirement }: Enrolment): RetiringMailbox | null {
  if (retirement.length === 0) return null
  const { successor, addresses, at } = verifyRetirement(retirement, account)
  if (successor === undefined) return { since: at, successor: null }
  return { since: at, successor: encodeMailboxLink({ account: successor, addresses }) }
}

export function putEnrolment(enrolment: Enrolment): Operation {
  const { account, joinedAt, refilledAt, leaveAt, addresses, ...rest } = enrolment
  const value = toBinary(
    OwnMailboxSchema,
    create(OwnMailboxSchema, {
      version: RECORD_VERSION,
      account,
      addresses: [...addresses],
      joinedAt: BigInt(joinedAt),
      refilledAt: BigInt(refilledAt),
      leaveAt: BigInt(leaveAt),
      ...rest,
    }),
  )
  return { type: 'put', key: keys.mailbox(account), value }
}

/** Throws `DecodeError`. */
export function decodeEnrolment(bytes: Uint8Array): Enrolment {
  const stored = decodeRecord(OwnMailboxSchema, bytes)
  const { addresses, broken, retirement, missedHours } = stored
  return {
    account: accountKey(stored.account),
    ...{ addresses, broken, retirement, missedHours },
    joinedAt: toInteger(stored.joinedAt),
    refilledAt: toInteger(stored.refilledAt),
    leaveAt: toInteger(stored.leaveAt),
  }
}
