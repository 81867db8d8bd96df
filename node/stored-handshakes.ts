// What is remembered of handshakes with a contact, in the contact's record.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type {
  ContactRecord,
  ContactRecordSchema,
  StoredHandshake,
} from '../protocol/generated/store_pb.ts'
import type { SessionId } from '../protocol/session.ts'
import type { Handshakes } from '../protocol/sessions.ts'
import type { KnownHandshake } from '../protocol/statement.ts'
import { toInteger } from '../protocol/protobuf.ts'

type Fields = Pick<
  Exclude<MessageInitShape<typeof ContactRecordSchema>, ContactRecord>,
  'theirOrdinal' | 'namedForUs' | 'ourHandshake' | 'theirHandshake' | 'stating'
>

export function storedHandshakes({ ours, theirs, ...known }: Handshakes): Fields {
  const { seen, seenByThem, stating } = known
  return {
    theirOrdinal: BigInt(seen),
    namedForUs: BigInt(seenByThem),
    ...(ours && { ourHandshake: stored(ours) }),
    ...(theirs && { theirHandshake: stored(theirs) }),
    ...(stating && { stating: { ...stating, ordinal: BigInt(stating.ordinal) } }),
  }
}

export function readHandshakes(record: ContactRecord): Handshakes {
  const { stating } = record
  return {
    ours: read(record.ourHandshake),
    theirs: read(record.theirHandshake),
    seen: toInteger(record.theirOrdinal),
    seenByThem: toInteger(record.namedForUs),
    stating: stating && {
      sessionId: stating.sessionId as SessionId,
      ordinal: toInteger(stating.ordinal),
      fromChain: stating.fromChain,
      known: stating.known,
    },
  }
}

function stored({ ordinal, seen, mark }: KnownHandshake) {
  return { ordinal: BigInt(ordinal), seen: BigInt(seen), mark }
}

function read(handshake: StoredHandshake | undefined): KnownHandshake | undefined {
  if (handshake === undefined) return undefined
  const { ordinal, seen, mark } = handshake
  return { ordinal: toInteger(ordinal), seen: toInteger(seen), mark }
}
