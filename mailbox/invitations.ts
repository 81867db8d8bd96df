// Who may come in by which join secret, as a value: stores keep it whole, and write it in one step with whoever comes in.

import { concat, fromUtf8, u32, u64, u8, utf8 } from '../protocol/bytes.ts'
import { equalBytes } from '../protocol/crypto.ts'
import { DecodeError } from '../protocol/errors.ts'
import { Refusal } from './refusal.ts'
import type { Reader } from '../protocol/reader.ts'
import type { Admission, Invitation, NewInvitation } from './store.ts'

/** All invitations of a mailbox, in the order in which they were made. */
export interface InvitationList {
  /** The highest id that was ever given. */
  readonly last: number
  readonly invitations: readonly Invitation[]
}

export const NO_INVITATIONS: InvitationList = { last: 0, invitations: [] }

/** As many are kept; each join compares with all of them. */
export const MAX_INVITATIONS = 256

const VERSION = 1
const HASH_BYTES = 32

/** Whether nobody can come in by it any more. */
export function isSpent({ uses, used, expiresAt }: Invitation, now: number): boolean {
  return (uses !== undefined && used >= uses) || (expiresAt !== undefined && expiresAt <= now)
}

/** When there is no room, those that are spent go first. Throws `Refusal` quota when there is none then either. */
export function withInvitation(
  list: InvitationList,
  fresh: NewInvitation,
  now: number,
): { readonly list: InvitationList; readonly made: Invitation } {
  const full = list.invitations.length >= MAX_INVITATIONS
  const kept = full ? list.invitations.filter((one) => !isSpent(one, now)) : list.invitations
  if (kept.length >= MAX_INVITATIONS) throw new Refusal('quota')
  const made: Invitation = { ...fresh, hash: fresh.hash.slice(), id: list.last + 1, used: 0 }
  return { list: { last: made.id, invitations: [...kept, made] }, made }
}

/** Undefined when there is none with this id. */
export function withoutInvitation(list: InvitationList, id: number): InvitationList | undefined {
  const invitations = list.invitations.filter((one) => one.id !== id)
  return invitations.length === list.invitations.length ? undefined : { ...list, invitations }
}

/**
 * The invitation of this secret, unless it is spent. All are compared, each in constant time: how long it takes does not tell how
 * near one came.
 */
export function admitting(
  invitations: readonly Invitation[],
  { hash, now }: Admission,
): Invitation | undefined {
  let found: Invitation | undefined
  for (const one of invitations) {
    const open = !isSpent(one, now)
    if (equalBytes(one.hash, hash) && open) found = one
  }
  return found
}

/** Throws `Refusal` joinRefused when there is none: never made, revoked and spent are the same. */
export function mustAdmit({ invitations }: InvitationList, by: Admission): Invitation {
  const found = admitting(invitations, by)
  if (found === undefined) throw new Refusal('joinRefused')
  return found
}

/** One more has come in by it. */
export function withUse(list: InvitationList, id: number): InvitationList {
  const invitations = list.invitations.map((one) =>
    one.id === id ? { ...one, used: one.used + 1 } : one,
  )
  return { ...list, invitations }
}

/**
 * `u8 1 ‖ u32 last id ‖ u32 count ‖` of each `u32 id ‖ hash[32] ‖ u32 uses ‖ u32 used ‖ u64 expires at ‖ u64 bytes ‖ u32 messages ‖
 * u8 length ‖ label`; 0 uses: any number; 0 expires at: never; 0 messages: no quota of its own
 */
export function encodeInvitations({ last, invitations }: InvitationList): Uint8Array {
  return concat(
    u8(VERSION),
    u32(last),
    u32(invitations.length),
    ...invitations.flatMap(({ id, hash, uses, used, expiresAt, quota, label }) => [
      ...[u32(id), hash, u32(uses ?? 0), u32(used), u64(expiresAt ?? 0)],
      ...[u64(quota?.bytes ?? 0), u32(quota?.messages ?? 0), u8(utf8(label).length), utf8(label)],
    ]),
  )
}

/** Leaves what follows unread. Throws `DecodeError`. */
export function readInvitations(from: Reader): InvitationList {
  if (from.u8() !== VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
  const last = from.u32()
  const invitations: Invitation[] = []
  for (let left = from.u32(); left > 0; left--) invitations.push(readOne(from))
  return { last, invitations }
}

function readOne(from: Reader): Invitation {
  const id = from.u32()
  const hash = from.take(HASH_BYTES).slice()
  const [uses, used, expiresAt] = [from.u32(), from.u32(), from.u64()]
  const quota = { bytes: from.u64(), messages: from.u32() }
  const label = fromUtf8(from.take(from.u8()))
  return {
    ...{ id, hash, used, label },
    uses: uses === 0 ? undefined : uses,
    expiresAt: expiresAt === 0 ? undefined : expiresAt,
    quota: quota.messages === 0 ? undefined : quota,
  }
}
