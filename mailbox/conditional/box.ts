// The entry of one member: counters, and what of all the other entries counts. It is the one place where anything happens: a blob
// that no box refers to is not there, whoever wrote it.

import { concat, fromHex, fromUtf8, toHex, u32, u64, u8, utf8 } from '../../protocol/bytes.ts'
import { DecodeError } from '../../protocol/errors.ts'
import { reader } from '../../protocol/reader.ts'
import { encodeFlow, flowFrom, NO_FLOW } from '../flow.ts'
import type { Reader } from '../../protocol/reader.ts'
import type { Flow } from '../flow.ts'
import type { DeliveryToken, MemberPolicy } from '../store.ts'

const VERSION = 1
const ID_BYTES = 16
const HASH_BYTES = 32
const SUSPENDED = 1
const OWN_QUOTA = 2
const JOINING = 4

/** An envelope that waits. */
export interface MailRef {
  readonly id: number
  readonly blob: string
  readonly depositId: string
  readonly bytes: number
  /** In time of the time base. */
  readonly takenAt: number
  /** Of the token it came with; 0 from a stranger. */
  readonly slot: number
}

export interface PairRef {
  readonly id: number
  readonly blob: string
  /** Unix ms, as signed. */
  readonly expiresAt: number
}

export interface Box {
  /** Of this membership. */
  readonly id: string
  /** Not a member: the roster has not counted it yet, or is counting it out. */
  readonly joining: boolean
  readonly policy: MemberPolicy
  readonly lastItem: number
  readonly flow: Flow
  /** Oldest first. */
  readonly mail: readonly MailRef[]
  /** Acknowledged deposits whose receipts are kept. */
  readonly remembered: number
  /** Oldest first. */
  readonly pairs: readonly PairRef[]
  readonly bundle: string | undefined
  readonly tokens: readonly DeliveryToken[]
  /** What the member has put there for itself. */
  readonly mark: Uint8Array | undefined
  /** Names of entries that nothing refers to any more, and that may still have to be deleted. */
  readonly garbage: readonly string[]
}

export function newBox(id: string): Box {
  const policy: MemberPolicy = { label: '', status: 'active', quota: undefined }
  const nothing = {
    mail: [],
    pairs: [],
    tokens: [],
    garbage: [],
    bundle: undefined,
    mark: undefined,
  }
  return { id, joining: true, policy, lastItem: 0, flow: NO_FLOW, remembered: 0, ...nothing }
}

export function bytesOf({ mail }: Pick<Box, 'mail'>): number {
  return mail.reduce((sum, { bytes }) => sum + bytes, 0)
}

/**
 * `u8 1 ‖ u8 flags ‖ id[16] ‖ u64 last item ‖ flow ‖ u32 remembered ‖ u64 quota bytes ‖ u32 quota messages`, then lists with
 * their `u32` counts: mail (`u64 id ‖ blob[16] ‖ deposit id[16] ‖ u32 bytes ‖ u64 taken at ‖ u32 slot`), pairs (`u32 id ‖ blob[16] ‖ u64 expires at`), bundles
 * (`blob[16]`, at most one), tokens (`u32 slot ‖ hash[32]`), marks (`u32 length ‖ mark`, at most one), garbage (`u32 length ‖ name`), and the label up to the end.
 */
export function encodeBox(box: Box): Uint8Array {
  const { status, quota, label } = box.policy
  const flags =
    (status === 'suspended' ? SUSPENDED : 0) |
    (quota === undefined ? 0 : OWN_QUOTA) |
    (box.joining ? JOINING : 0)
  return concat(
    u8(VERSION),
    u8(flags),
    fromHex(box.id),
    u64(box.lastItem),
    encodeFlow(box.flow),
    u32(box.remembered),
    u64(quota?.bytes ?? 0),
    u32(quota?.messages ?? 0),
    ...list(box.mail, (one) => [
      u64(one.id),
      fromHex(one.blob),
      fromHex(one.depositId),
      u32(one.bytes),
      u64(one.takenAt),
      u32(one.slot),
    ]),
    ...list(box.pairs, (one) => [u32(one.id), fromHex(one.blob), u64(one.expiresAt)]),
    ...list(box.bundle === undefined ? [] : [box.bundle], (blob) => [fromHex(blob)]),
    ...list(box.tokens, (one) => [u32(one.slot), one.hash]),
    ...list(box.mark === undefined ? [] : [box.mark], (mark) => [u32(mark.length), mark]),
    ...list(box.garbage, (name) => [u32(utf8(name).length), utf8(name)]),
    utf8(label),
  )
}

export function decodeBox(value: Uint8Array): Box {
  const from = reader(value)
  if (from.u8() !== VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
  const flags = from.u8()
  const id = hex(from)
  const lastItem = from.u64()
  const flow = flowFrom(from)
  const remembered = from.u32()
  const quota = { bytes: from.u64(), messages: from.u32() }
  const mail = all(from, () => {
    return {
      id: from.u64(),
      blob: hex(from),
      depositId: hex(from),
      bytes: from.u32(),
      takenAt: from.u64(),
      slot: from.u32(),
    }
  })
  const pairs = all(from, () => ({ id: from.u32(), blob: hex(from), expiresAt: from.u64() }))
  const [bundle] = all(from, () => hex(from))
  const tokens = all(from, () => ({ slot: from.u32(), hash: from.take(HASH_BYTES).slice() }))
  const [mark] = all(from, () => from.take(from.u32()).slice())
  const garbage = all(from, () => fromUtf8(from.take(from.u32())))
  const policy: MemberPolicy = {
    label: fromUtf8(from.rest()),
    status: (flags & SUSPENDED) === 0 ? 'active' : 'suspended',
    quota: (flags & OWN_QUOTA) === 0 ? undefined : quota,
  }
  const joining = (flags & JOINING) !== 0
  const rest = { mail, remembered, pairs, bundle, tokens, mark, garbage }
  return { id, joining, policy, lastItem, flow, ...rest }
}

function list<T>(values: readonly T[], encode: (value: T) => readonly Uint8Array[]): Uint8Array[] {
  return [u32(values.length), ...values.flatMap(encode)]
}

/** No more is made than there are bytes for. */
function all<T>(from: Reader, decode: () => T): readonly T[] {
  const values: T[] = []
  for (let left = from.u32(); left > 0; left--) values.push(decode())
  return values
}

function hex(from: Reader): string {
  return toHex(from.take(ID_BYTES))
}
