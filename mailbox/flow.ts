// What has become of envelopes. It is counted in the write that does it, so that it is as exact as the mail itself.

import { concat, u64 } from '../protocol/bytes.ts'
import type { Reader } from '../protocol/reader.ts'

/** accepted = acknowledged + expired + removed + what waits, after any crash. */
export interface Flow {
  readonly accepted: number
  readonly acknowledged: number
  /** Never fetched until their promise ended. */
  readonly expired: number
  /** Gone with their owner's membership, or lost by damage. */
  readonly removed: number
}

export const NO_FLOW: Flow = { accepted: 0, acknowledged: 0, expired: 0, removed: 0 }

export function addFlow(one: Flow, other: Partial<Flow>): Flow {
  return {
    accepted: one.accepted + (other.accepted ?? 0),
    acknowledged: one.acknowledged + (other.acknowledged ?? 0),
    expired: one.expired + (other.expired ?? 0),
    removed: one.removed + (other.removed ?? 0),
  }
}

/** `u64 accepted ‖ u64 acknowledged ‖ u64 expired ‖ u64 removed` */
export function encodeFlow({ accepted, acknowledged, expired, removed }: Flow): Uint8Array {
  return concat(u64(accepted), u64(acknowledged), u64(expired), u64(removed))
}

/** A part of a larger record. Throws `DecodeError`. */
export function flowFrom(from: Reader): Flow {
  return {
    accepted: from.u64(),
    acknowledged: from.u64(),
    expired: from.u64(),
    removed: from.u64(),
  }
}
