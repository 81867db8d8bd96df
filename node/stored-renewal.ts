// What is remembered of replacements of sessions and of unanswered handshakes, in the contact's record.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type {
  StoredRenewal,
  StoredRenewalSchema,
  StoredSeries,
  StoredSeriesSchema,
} from '../protocol/generated/store_pb.ts'
import type { RenewalReason } from './api.ts'
import { NO_RENEWAL, type Renewal } from './renewal.ts'
import type { Series } from './series.ts'
import { toInteger } from '../protocol/protobuf.ts'

const REASONS: readonly RenewalReason[] = [
  'no-session',
  'cannot-open',
  'diverged',
  'refused',
  'age',
  'stalled',
  'late',
  'unanswered',
  'lost',
  'gap',
  'too-far-ahead',
  'damaged',
  'restored',
  'recovery',
]

export function storedRenewal(renewal: Renewal): MessageInitShape<typeof StoredRenewalSchema> {
  const { wanted, made, begun, taken, lateSince } = renewal
  return {
    made: made.map(BigInt),
    begun: begun.map(BigInt),
    taken: taken.map(BigInt),
    lateSince: BigInt(lateSince),
    ...(wanted && { reason: REASONS.indexOf(wanted.reason) + 1, sessionId: wanted.sessionId }),
  }
}

export function readRenewal(stored: StoredRenewal | undefined): Renewal {
  if (stored === undefined) return NO_RENEWAL
  const reason = REASONS[stored.reason - 1]
  return {
    wanted: reason && { reason, sessionId: stored.sessionId },
    made: stored.made.map(toInteger),
    begun: stored.begun.map(toInteger),
    taken: stored.taken.map(toInteger),
    lateSince: toInteger(stored.lateSince),
  }
}

export function storedSeries(series: Series | undefined): {
  readonly series?: MessageInitShape<typeof StoredSeriesSchema>
} {
  if (series === undefined) return {}
  const { startedAt, lastAt, refused, useBy } = series
  return {
    series: {
      startedAt: BigInt(startedAt),
      lastAt: BigInt(lastAt),
      refused,
      useBy: BigInt(useBy),
    },
  }
}

export function readSeries(stored: StoredSeries | undefined): Series | undefined {
  if (stored === undefined) return undefined
  const { startedAt, lastAt, refused, useBy } = stored
  return {
    startedAt: toInteger(startedAt),
    lastAt: toInteger(lastAt),
    refused,
    useBy: toInteger(useBy),
  }
}
