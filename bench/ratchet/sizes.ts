/** What sotto's envelopes and sessions take, from the bytes that the library makes. */
import { readEnvelope } from '../../protocol/envelope.ts'
import { encodeBody } from '../../protocol/padding.ts'
import { encodeSession, encodeSkippedKey } from '../../protocol/session-codec.ts'
import type { Session } from '../../protocol/session.ts'

/** Of an AEAD. */
const TAG_BYTES = 16

/**
 * Length of an envelope without what padding put into its body: zeros, and the length that says where they begin. Undefined
 * where more than the content is in the body, such as a key of the post-quantum ratchet.
 */
export function unpaddedLength(envelope: Uint8Array, content: Uint8Array): number | undefined {
  const sealed = readEnvelope(envelope).body.length
  const padded = sealed - TAG_BYTES
  if (padded !== encodeBody(content, []).length) return undefined
  return envelope.length - (padded - content.length)
}

/** The session's own record: what is written with every message. */
export function storedBytes(session: Session): number {
  return encodeSession(session).length
}

/** The same with the records that stand beside it: keys of skipped messages, chains that were left, marks of what was opened. */
export function allStoredBytes(session: Session): number {
  const { retired, skipped, marks } = session.ratchet
  const beside = [...retired, ...skipped, ...marks.slice(0, -1)] // the newest marks are in the session's record
  return beside.reduce(
    (total, record) => total + encodeSkippedKey(record).length,
    storedBytes(session),
  )
}
