/** What a contact can do who has all keys of a session and means harm, and what must hold then. */
import { expect } from 'vitest'
import type { RandomBytes } from '../../protocol/bytes.ts'
import { concat, toHex } from '../../protocol/bytes.ts'
import { envelopeBodyDigest, SESSION_PREFIX } from '../../protocol/envelope.ts'
import type { RatchetHeader, RatchetPublicKey } from '../../protocol/header.ts'
import { encodeHeader, envelopeTag, sealHeader } from '../../protocol/header.ts'
import { MAX_RETIRED_CHAINS } from '../../protocol/ratchet-records.ts'
import { MAX_MARK_BLOCKS } from '../../protocol/seen-marks.ts'
import type { Session } from '../../protocol/session.ts'
import { MAX_STORED_SESSION_BYTES, encodeSession } from '../../protocol/session-codec.ts'
import { MAX_SKIPPED_KEYS } from '../../protocol/skipped-keys.ts'
import type { Talker } from './talkers.ts'

/** An envelope of the hostile side's chain with a header of its choice, before a body that nothing opens. */
export function forged(
  { ratchet, postQuantum }: Session,
  header: Partial<RatchetHeader>,
  random: RandomBytes,
): Uint8Array {
  const { headerKeys, nextToSend, previousChainLength } = ratchet.sending
  const salt = random(16)
  const honest: RatchetHeader = {
    ratchetKey: ratchet.ratchetKeyPair.publicKey as Uint8Array as RatchetPublicKey,
    ...{ previousChainLength, number: nextToSend, epoch: postQuantum.epoch.number },
  }
  const bytes = encodeHeader({ ...honest, ...header })
  const sealedHeader = sealHeader(headerKeys, salt, SESSION_PREFIX, bytes)
  const body = random(272)
  const digest = envelopeBodyDigest(SESSION_PREFIX, sealedHeader, body)
  const tag = envelopeTag(headerKeys, salt, digest)
  return concat(SESSION_PREFIX, salt, tag, sealedHeader, body)
}

/** What a side has of its session, to see that it stays. */
export function imageOf(talker: Talker): readonly string[] {
  return [
    ...talker.sessions.map((session) => toHex(encodeSession(session))),
    ...talker.recordNames(),
  ]
}

/** The limits of docs/protocol.md, "Limits of a session", in memory and in the store. */
export function expectBounded(talker: Talker): void {
  const { skipped, retired, marks } = talker.session.ratchet
  expect(skipped.length).toBeLessThanOrEqual(MAX_SKIPPED_KEYS)
  expect(retired.length).toBeLessThanOrEqual(MAX_RETIRED_CHAINS)
  expect(marks.length).toBeLessThanOrEqual(MAX_MARK_BLOCKS)
  const records = skipped.length + retired.length + Math.max(0, marks.length - 1)
  expect(talker.recordNames()).toHaveLength(records)
  expect(encodeSession(talker.session).length).toBeLessThan(MAX_STORED_SESSION_BYTES)
}
