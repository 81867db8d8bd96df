// What is remembered of missing messages: in the contact's record, and in the event log.

import type { MessageInitShape } from '@bufbuild/protobuf'
import { DecodeError } from '../protocol/errors.ts'
import type {
  StoredGap,
  StoredGapSchema,
  StoredGapState,
  StoredGapStateSchema,
} from '../protocol/generated/store_pb.ts'
import type { CounterRange } from '../protocol/content.ts'
import type { GapState } from './api.ts'
import type { Gap } from './gaps.ts'
import { toInteger } from '../protocol/protobuf.ts'

export function storedGap(gap: Gap): MessageInitShape<typeof StoredGapSchema> {
  const { sessionId, asks, chain, replaced } = gap
  return {
    ...{ sessionId, asks, chain, replaced },
    first: BigInt(gap.first),
    last: BigInt(gap.last),
    since: BigInt(gap.since),
    askedAt: BigInt(gap.askedAt),
    heardAt: BigInt(gap.heardAt),
  }
}

export function readGap(stored: StoredGap): Gap {
  const { sessionId, asks, chain, replaced } = stored
  return {
    ...{ sessionId, asks, chain, replaced },
    first: toInteger(stored.first),
    last: toInteger(stored.last),
    since: toInteger(stored.since),
    askedAt: toInteger(stored.askedAt),
    heardAt: toInteger(stored.heardAt),
  }
}

const STATES: readonly GapState[] = ['open', 'filled', 'lost']

export function storedGapState({
  first,
  last,
  state,
}: CounterRange & { readonly state: GapState }): MessageInitShape<typeof StoredGapStateSchema> {
  return { first: BigInt(first), last: BigInt(last), state: STATES.indexOf(state) + 1 }
}

/** What an event tells. Throws `DecodeError` for a state that there is not. */
export function readGapState({ first, last, state: number }: StoredGapState): {
  readonly from: number
  readonly to: number
  readonly state: GapState
} {
  const state = STATES[number - 1]
  if (state === undefined) throw new DecodeError('ERR_MALFORMED')
  return { from: toInteger(first), to: toInteger(last), state }
}
