// From a chain's message key and the epoch's key to the key of one body and the salt of one
// envelope.

import { putU32 } from './bytes.ts'
import type { BytesOrParts } from './crypto.ts'
import { derivePair, keyedHash } from './crypto.ts'
import type { ReceivingEpoch } from './epoch.ts'
import type { Secret } from './secret.ts'

/** mk of KDF_CK: 32 bytes, dies in the call that made it. */
export type ChainMessageKey = Secret<'ChainMessageKey'>
/** BK: 32 bytes, seals one body. */
export type BodyKey = Secret<'BodyKey'>
/** SALTK: 32 bytes, hedges one salt; only the sender has a use for it. */
export type SaltKey = Secret<'SaltKey'>

/** Which message of which epoch. */
export interface MessagePosition {
  readonly epoch: number
  readonly number: number
}

/**
 * `M = G(64, mk | epk(e, dir), "message"; u32 e | u32 N)`, `BK = M[0..32)`, `SALTK = M[32..64)`;
 * wipes mk.
 */
export function messageKeys(
  messageKey: ChainMessageKey,
  epochKey: Secret<'EpochKey'>,
  at: MessagePosition,
): [BodyKey, SaltKey] {
  const keys = bothKeys(messageKey, epochKey, at)
  messageKey.wipe()
  return keys
}

/**
 * The receiver's half of `messageKeys`: BK alone, it takes the salt from the wire. Leaves mk to the
 * caller, who may need the key of the same position in the epoch after.
 */
export function bodyKey(
  messageKey: ChainMessageKey,
  { number: epoch, receivingKey }: ReceivingEpoch,
  number: number,
): BodyKey {
  const [body, salt] = bothKeys(messageKey, receivingKey, { epoch, number })
  salt.wipe()
  return body
}

/** What a salt depends on besides its key. */
export interface SaltInput {
  /** 16 fresh random bytes; a pool may give them. */
  readonly random: Uint8Array
  readonly header: Uint8Array
  readonly paddedBody: BytesOrParts
}

/**
 * `salt = G(16, SALTK, "salt"; rnd | HDR | padded body)`: repeated state *and* repeated random
 * bytes still give another salt for another text, so a restored snapshot never makes a two-time
 * pad. Wipes SALTK.
 */
export function messageSalt(saltKey: SaltKey, input: SaltInput): Uint8Array {
  const { random, header, paddedBody } = input
  const body = paddedBody instanceof Uint8Array ? [paddedBody] : paddedBody
  const salt = keyedHash(16, saltKey, 'salt', random, header, ...body)
  saltKey.wipe()
  return salt
}

/** M. */
function bothKeys(
  messageKey: ChainMessageKey,
  epochKey: Secret<'EpochKey'>,
  at: MessagePosition,
): [BodyKey, SaltKey] {
  const position = new Uint8Array(8)
  putU32(position, 0, at.epoch)
  putU32(position, 4, at.number)
  return derivePair(['BodyKey', 'SaltKey'], [messageKey, epochKey], 'message', position)
}
