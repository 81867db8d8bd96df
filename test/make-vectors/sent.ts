/** Every key of a message that was sent, made again from the chain and the epoch of its sender. */
import { kdfChainKey } from '../../protocol/chain.ts'
import { aeadOpen } from '../../protocol/crypto.ts'
import { readEnvelope } from '../../protocol/envelope.ts'
import { envelopeTag, encodeHeader, openHeader } from '../../protocol/header.ts'
import { messageKeys, messageSalt } from '../../protocol/message-keys.ts'
import type { Body } from '../../protocol/padding.ts'
import { decodeBody } from '../../protocol/padding.ts'
import { sendingEpoch } from '../../protocol/post-quantum.ts'
import type { Encrypted, Session } from '../../protocol/session.ts'
import { agree, headerKeyFields, hex, hexes, there } from './values.ts'

/** What was sent, and what the session was before. None of its secrets is wiped yet. */
export interface Sending {
  readonly before: Session
  readonly sent: Encrypted
  readonly draws: readonly Uint8Array[]
}

/** Header, keys and parts of an envelope. */
export function sentFields(sending: Sending) {
  const { before, sent, draws } = sending
  const chain = there(before.ratchet.sending)
  const { salt, tag, sealedHeader, body, digest } = readEnvelope(sent.envelope)
  const { header, paddedBody, mk, epk, M, saltKey } = opened(sending)
  const headerBytes = encodeHeader(header)
  const random = there(draws.at(-1))
  agree('salt', hex(salt), messageSalt(saltKey, { random, header: headerBytes, paddedBody }))
  agree('tag', hex(tag), envelopeTag(chain.headerKeys, salt, digest))
  const { ratchetKey, previousChainLength: PN, number: N, epoch } = header
  return {
    header: { ratchetKey: hex(ratchetKey), PN, N, epoch, bytes: hex(headerBytes) },
    ...{ CK: hex(chain.chainKey), mk, epk, M, ...headerKeyFields(chain.headerKeys) },
    ...hexes({ paddedBody, salt, EH: sealedHeader, body, digest, tag }),
  }
}

/** The padded body of what was sent. */
export function sentBody(sending: Sending): Body {
  return decodeBody(opened(sending).paddedBody)
}

/** Opens the envelope with the sender's own keys, made again. */
function opened({ before, sent }: Sending) {
  const { chainKey, headerKeys, nextToSend } = before.ratchet.sending
  const envelope = readEnvelope(sent.envelope)
  const [, messageKey] = kdfChainKey(chainKey)
  const mk = hex(messageKey)
  const { number: epoch, sendingKey } = sendingEpoch(sent.next.postQuantum)
  const [bodyKey, saltKey] = messageKeys(messageKey, sendingKey, { epoch, number: nextToSend })
  const { prefix, salt, sealedHeader, body } = envelope
  const ad = [before.associatedData, prefix, salt, sealedHeader]
  return {
    header: openHeader(headerKeys, envelope),
    paddedBody: aeadOpen(bodyKey, salt, ad, body),
    ...{ mk, epk: hex(sendingKey), M: hex(bodyKey) + hex(saltKey), saltKey },
  }
}

/** What was drawn for a message: the seed of an offer that begins, and the random bytes of its salt. */
export function sendingDraws(draws: readonly Uint8Array[]) {
  const [first, second] = draws.map(hex)
  return draws.length === 1 ? { salt: first } : { offerSeed: first, salt: second }
}

/** Which part of the post-quantum ratchet rides in a message. */
export function ridingIn({ before, sent }: Sending): 'offer' | 'answer' | undefined {
  const { postQuantum } = sent.next
  if (!('riding' in postQuantum) || postQuantum.riding.passed !== 0) return undefined
  const rode = 'riding' in before.postQuantum ? before.postQuantum.riding.rides : 0
  if (postQuantum.riding.rides === rode) return undefined
  return postQuantum.phase === 'offering' ? 'offer' : 'answer'
}
