// Why and when all sessions were left, as it is kept.

import { concat, u64, u8 } from '../protocol/bytes.ts'
import { DecodeError } from '../protocol/errors.ts'
import { reader } from '../protocol/reader.ts'
import type { RecoveryReason } from './api.ts'

/** The last time that all sessions were left. */
export interface LastRecovery {
  readonly reason: RecoveryReason
  /** Unix ms. */
  readonly at: number
}

const VERSION = 1

/** Stored by their place: more of them come at the end. */
const REASONS: readonly RecoveryReason[] = ['hole', 'older', 'other', 'elsewhere', 'unreadable']

/** 0 for none. */
export function storedReason(reason: RecoveryReason | undefined): number {
  return reason === undefined ? 0 : REASONS.indexOf(reason) + 1
}

/** Undefined for none, and for one of a later version. */
export function reasonOf(stored: number): RecoveryReason | undefined {
  return REASONS[stored - 1]
}

/** `u8 1 ‖ u8 reason ‖ u64 Unix ms` */
export function encodeRecovery({ reason, at }: LastRecovery): Uint8Array {
  return concat(u8(VERSION), u8(storedReason(reason)), u64(at))
}

/** Undefined for what cannot be read: nothing but a notice hangs on it. */
export function decodeRecovery(value: Uint8Array): LastRecovery | undefined {
  try {
    const from = reader(value)
    const version = from.u8()
    const reason = reasonOf(from.u8())
    const at = from.u64()
    from.end()
    return version === VERSION && reason !== undefined ? { reason, at } : undefined
  } catch (cause) {
    if (cause instanceof DecodeError) return undefined
    throw cause
  }
}
