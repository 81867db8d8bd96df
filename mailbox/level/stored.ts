// Layouts of a mailbox's records. Each begins with its version; what does not parse to its last byte throws `DecodeError`.

import { concat, fromUtf8, putU32, putU64, u32, u64, u8, utf8 } from '../../protocol/bytes.ts'
import { DecodeError } from '../../protocol/errors.ts'
import { reader } from '../../protocol/reader.ts'
import { encodeFlow, flowFrom } from '../flow.ts'
import type { Reader } from '../../protocol/reader.ts'
import type { Flow } from '../flow.ts'
import type { DeliveryToken, MemberPolicy, Promised } from '../store.ts'

const VERSION = 1
const KEY_BYTES = 32
const DEPOSIT_ID_BYTES = 16

/** An owner's account and counters: written in the commit of whatever they count. */
export interface StoredMember {
  readonly account: Uint8Array
  readonly bytes: number
  readonly messages: number
  /** Those of them that strangers left. */
  readonly strangerBytes: number
  readonly strangerMessages: number
  /** Deposit ids that are remembered. */
  readonly receipts: number
  /** Highest id given to an envelope. Never falls, so that an old acknowledgement cannot hit new mail. */
  readonly lastItem: number
  readonly pairs: number
  readonly lastPair: number
  readonly flow: Flow
}

/**
 * `u8 1 ‖ account[32] ‖ u64 bytes ‖ u32 messages ‖ u64 stranger bytes ‖ u32 stranger messages ‖ u32 receipts ‖ u64 last item ‖ u32 pairs ‖
 * u64 last pair ‖ flow`, flow being `u64 accepted ‖ u64 acknowledged ‖ u64 expired ‖ u64 removed`
 */
export function encodeMember(member: StoredMember): Uint8Array {
  const { account, bytes, messages, strangerBytes, strangerMessages } = member
  const { receipts, lastItem, pairs, lastPair } = member
  return concat(
    u8(VERSION),
    account,
    u64(bytes),
    u32(messages),
    u64(strangerBytes),
    u32(strangerMessages),
    u32(receipts),
    u64(lastItem),
    u32(pairs),
    u64(lastPair),
    encodeFlow(member.flow),
  )
}

export function decodeMember(value: Uint8Array): StoredMember {
  return decode(value, (from) => ({
    account: from.take(KEY_BYTES).slice(),
    bytes: from.u64(),
    messages: from.u32(),
    strangerBytes: from.u64(),
    strangerMessages: from.u32(),
    receipts: from.u32(),
    lastItem: from.u64(),
    pairs: from.u32(),
    lastPair: from.u64(),
    flow: flowFrom(from),
  }))
}

/** An envelope that waits. */
export interface StoredItem {
  readonly depositId: Uint8Array
  /** In time of the time base. */
  readonly takenAt: number
  /** The same: names its expiry record. */
  readonly expiresAt: number
  /** Of the token it came with; 0 from a stranger. */
  readonly slot: number
  readonly envelope: Uint8Array
}

/** Before the envelope. */
export const ITEM_HEADER_BYTES = 1 + DEPOSIT_ID_BYTES + 8 + 8 + 4

/** `u8 1 ‖ deposit id[16] ‖ u64 taken at ‖ u64 expires at ‖ u32 slot ‖ envelope` */
export function encodeItem(item: StoredItem): Uint8Array {
  const { depositId, takenAt, expiresAt, slot, envelope } = item
  // One array and not seven: this is done for each envelope that comes.
  const value = new Uint8Array(ITEM_HEADER_BYTES + envelope.length)
  value[0] = VERSION
  value.set(depositId, 1)
  putU64(value, 17, takenAt)
  putU64(value, 25, expiresAt)
  putU32(value, 33, slot)
  value.set(envelope, ITEM_HEADER_BYTES)
  return value
}

/** The fields are views of `value`. */
export function decodeItem(value: Uint8Array): StoredItem {
  return decode(value, (from) => ({
    depositId: from.take(DEPOSIT_ID_BYTES),
    takenAt: from.u64(),
    expiresAt: from.u64(),
    slot: from.u32(),
    envelope: from.rest(),
  }))
}

/** `u8 1 ‖ digest[32] ‖ u64 kept until` */
export function encodeReceipt(receipt: Promised): Uint8Array {
  const value = new Uint8Array(1 + KEY_BYTES + 8)
  value[0] = VERSION
  value.set(receipt.envelopeDigest, 1)
  putU64(value, 1 + KEY_BYTES, receipt.keptUntil)
  return value
}

export function decodeReceipt(value: Uint8Array): Promised {
  return decode(value, (from) => ({ envelopeDigest: from.take(KEY_BYTES), keptUntil: from.u64() }))
}

/** A one-time pair on the shelf. */
export interface StoredPair {
  readonly id: number
  /** Unix ms, as signed. */
  readonly expiresAt: number
  /** When it leaves the shelf, in time of the time base: names its expiry record. */
  readonly shelfUntil: number
  readonly signed: Uint8Array
}

/** `u8 1 ‖ u32 id ‖ u64 expires at ‖ u64 shelf until ‖ signed pair` */
export function encodePair(pair: StoredPair): Uint8Array {
  return concat(u8(VERSION), u32(pair.id), u64(pair.expiresAt), u64(pair.shelfUntil), pair.signed)
}

export function decodePair(value: Uint8Array): StoredPair {
  return decode(value, (from) => ({
    id: from.u32(),
    expiresAt: from.u64(),
    shelfUntil: from.u64(),
    signed: from.rest(),
  }))
}

/** What has to go at a moment of the time base. */
export type StoredExpiry =
  | {
      readonly kind: 'mail'
      readonly member: number
      readonly item: number
      readonly depositId: Uint8Array
    }
  | { readonly kind: 'pair'; readonly member: number; readonly place: number }
  | { readonly kind: 'taken'; readonly member: number; readonly pairId: number }

const EXPIRY_KINDS = { mail: 1, pair: 2, taken: 3 } as const

/** `u8 1 ‖ u8 kind ‖ u32 member ‖` then: 1 = `u64 item ‖ deposit id[16]`, 2 = `u64 place`, 3 = `u32 pair id` */
export function encodeExpiry(expiry: StoredExpiry): Uint8Array {
  const head = Uint8Array.of(VERSION, EXPIRY_KINDS[expiry.kind], 0, 0, 0, 0)
  putU32(head, 2, expiry.member)
  switch (expiry.kind) {
    case 'mail':
      return concat(head, u64(expiry.item), expiry.depositId)
    case 'pair':
      return concat(head, u64(expiry.place))
    case 'taken':
      return concat(head, u32(expiry.pairId))
  }
}

export function decodeExpiry(value: Uint8Array): StoredExpiry {
  return decode(value, (from) => {
    const kind = from.u8()
    const member = from.u32()
    if (kind === 1) {
      return { kind: 'mail', member, item: from.u64(), depositId: from.take(DEPOSIT_ID_BYTES) }
    }
    if (kind === 2) return { kind: 'pair', member, place: from.u64() }
    if (kind === 3) return { kind: 'taken', member, pairId: from.u32() }
    throw new DecodeError('ERR_MALFORMED')
  })
}

const SUSPENDED = 1
const OWN_QUOTA = 2

/** `u8 1 ‖ u8 flags ‖ u64 bytes ‖ u32 messages ‖ label`; flags: 1 suspended, 2 with a quota of its own */
export function encodePolicy({ label, status, quota }: MemberPolicy): Uint8Array {
  const flags = (status === 'suspended' ? SUSPENDED : 0) | (quota === undefined ? 0 : OWN_QUOTA)
  const { bytes, messages } = quota ?? { bytes: 0, messages: 0 }
  return concat(u8(VERSION), u8(flags), u64(bytes), u32(messages), utf8(label))
}

export function decodePolicy(value: Uint8Array): MemberPolicy {
  return decode(value, (from) => {
    const flags = from.u8()
    if (flags > (SUSPENDED | OWN_QUOTA)) throw new DecodeError('ERR_MALFORMED')
    const quota = { bytes: from.u64(), messages: from.u32() }
    const isOwn = (flags & OWN_QUOTA) !== 0
    if (!isOwn && (quota.bytes !== 0 || quota.messages !== 0))
      throw new DecodeError('ERR_MALFORMED')
    return {
      label: fromUtf8(from.rest()),
      status: (flags & SUSPENDED) === 0 ? 'active' : 'suspended',
      quota: isOwn ? quota : undefined,
    }
  })
}

/** `u8 1 ‖ u32 count ‖` of each `u32 slot ‖ hash[32]` */
export function encodeTokens(tokens: readonly DeliveryToken[]): Uint8Array {
  const each = tokens.flatMap(({ slot, hash }) => [u32(slot), hash])
  return concat(u8(VERSION), u32(tokens.length), ...each)
}

export function decodeTokens(value: Uint8Array): readonly DeliveryToken[] {
  return decode(value, (from) => {
    const tokens: DeliveryToken[] = []
    for (let left = from.u32(); left > 0; left--) {
      tokens.push({ slot: from.u32(), hash: from.take(KEY_BYTES).slice() })
    }
    return tokens
  })
}

/** What is left of members who have left. */
export interface StoredFormer {
  /** The highest number that any member ever had. */
  readonly last: number
  /** Of all who have left, together. */
  readonly flow: Flow
}

/** `u8 1 ‖ u32 last ‖ flow` */
export function encodeFormer({ last, flow }: StoredFormer): Uint8Array {
  return concat(u8(VERSION), u32(last), encodeFlow(flow))
}

export function decodeFormer(value: Uint8Array): StoredFormer {
  return decode(value, (from) => ({ last: from.u32(), flow: flowFrom(from) }))
}

/** `u8 1 ‖ u64 ms` */
export function encodeTime(time: number): Uint8Array {
  return concat(u8(VERSION), u64(time))
}

export function decodeTime(value: Uint8Array): number {
  return decode(value, (from) => from.u64())
}

function decode<T>(value: Uint8Array, read: (from: Reader) => T): T {
  const from = reader(value)
  if (from.u8() !== VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
  const decoded = read(from)
  from.end()
  return decoded
}
