// What is remembered of replacements of sessions, in the contact's record.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { StoredRenewal, StoredRenewalSchema } from '../protocol/generated/store_pb.ts'
import type { RenewalReason } from './api.ts'
import { NO_RENEWAL, type Renewal } from './renewal.ts'

const REASONS: readonly RenewalReason[] = [
  'no-session',
  'cannot-open',
  'diverged',
  'refused',
  'age',
  'stalled',
  'late',
]

export function storedRenewal({
  wanted,
  made,
  lateSince,
}: Renewal): MessageInitShape<typeof StoredRenewalSchema> {
  return {
    made: made.map(BigInt),
    lateSince: BigInt(lateSince),
    ...(wanted && { reason: REASONS.indexOf(wanted.reason) + 1, sessionId: wanted.sessionId }),
  }
}

export function readRenewal(stored: StoredRenewal | undefined): Renewal {
  if (stored === undefined) return NO_RENEWAL
  const reason = REASONS[stored.reason - 1]
  return {
    wanted: reason && { reason, sessionId: stored.sessionId },
    made: stored.made.map(Number),
    lateSince: Number(stored.lateSince),
  }
}
