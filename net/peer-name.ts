/** The text form of a libp2p PeerId, and its account key. Needs no libp2p, so that the core runs without it. */
import { fromString } from 'uint8arrays/from-string'
import { toString } from 'uint8arrays/to-string'
import { accountKey } from '../protocol/account.ts'
import { DecodeError } from '../protocol/errors.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { PeerName } from './ports.ts'

/**
 * What stands before the 32 key bytes (libp2p peer-ids specification, "Keys" and "Peer Ids"): identity multihash of 36
 * bytes; protobuf field 1 (key type) = 1 (Ed25519); field 2 (data), 32 bytes.
 */
const PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)

const KEY_BYTES = 32

/** Base58 of 38 bytes has at most 52 characters; no more is decoded. */
const MAX_NAME_LENGTH = 52

/** The PeerId of an account, as libp2p prints it (`12D3Koo…`). Public, but it names a person: keep it out of logs. */
export function peerName(account: AccountKey): PeerName {
  const bytes = new Uint8Array(PREFIX.length + KEY_BYTES)
  bytes.set(PREFIX)
  bytes.set(account, PREFIX.length)
  return toString(bytes, 'base58btc') as PeerName
}

/**
 * The account key inside a PeerId's text. Throws `DecodeError` when it is not the one base58 form of an Ed25519 PeerId,
 * and `CryptoError` when the point is not canonical or of small or mixed order.
 */
export function accountOf(name: string): AccountKey {
  return accountKey(keyBytes(name))
}

function keyBytes(name: string): Uint8Array {
  if (name.length > MAX_NAME_LENGTH) throw new DecodeError('ERR_TOO_LARGE')
  const bytes = decode(name)
  if (bytes.length !== PREFIX.length + KEY_BYTES || PREFIX.some((byte, at) => bytes[at] !== byte)) {
    throw new DecodeError('ERR_MALFORMED')
  }
  return bytes.slice(PREFIX.length)
}

function decode(name: string): Uint8Array {
  try {
    return fromString(name, 'base58btc')
  } catch (cause) {
    throw new DecodeError('ERR_MALFORMED', { cause })
  }
}
