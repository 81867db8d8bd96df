// The libp2p signed envelope (libp2p specifications, RFC 0002): everything an account or a mailbox signs.
//
//   signature = Ed25519(varint |domain| ‖ domain ‖ varint |type| ‖ type ‖ varint |payload| ‖ payload)
//
// One domain and one payload type for each use, so that no signature counts for another.

import type { Account, AccountKey } from './account.ts'
import { ACCOUNT_KEY_BYTES, accountKey } from './account.ts'
import { concat, equalBytes, utf8 } from './bytes.ts'
import { sign, verify } from './crypto.ts'
import { CryptoError, DecodeError, RecordError } from './errors.ts'
import { SignedEnvelopeSchema } from './generated/envelope_pb.ts'
import type { Domain } from './labels.ts'
import { decodeExact, encodeMessage } from './protobuf.ts'

/** What `openEnvelope` demands. */
export interface EnvelopeExpectation {
  readonly domain: Domain
  /** Limit of the whole envelope. */
  readonly maxBytes: number
  /** When it is known who must have signed; a checked key, so its point is not checked again. */
  readonly account?: AccountKey | undefined
}

/** An envelope whose signature holds. */
export interface OpenedEnvelope {
  readonly account: AccountKey
  readonly payload: Uint8Array
}

/** The type in the envelope: a path made of the domain. */
export function payloadType(domain: Domain): Uint8Array {
  return constantsOf(domain).type
}

/** Signs a payload. The bytes are deterministic. */
export function sealEnvelope(input: {
  readonly account: Account
  readonly domain: Domain
  readonly payload: Uint8Array
}): Uint8Array {
  const { account, domain, payload } = input
  return encodeMessage(SignedEnvelopeSchema, {
    publicKey: { type: KEY_TYPE_ED25519, data: account.key },
    payloadType: payloadType(domain),
    payload,
    signature: sign(account.seed, signedBytes(domain, payload)),
  })
}

/**
 * Opens what `sealEnvelope` made, byte for byte. Throws `DecodeError` for bytes that do not parse or re-encode,
 * `RecordError` ERR_WRONG_ACCOUNT, ERR_BAD_KEY or ERR_BAD_SIGNATURE.
 */
export function openEnvelope(bytes: Uint8Array, expected: EnvelopeExpectation): OpenedEnvelope {
  const envelope = decodeExact(SignedEnvelopeSchema, bytes, expected.maxBytes)
  const { payload, publicKey, signature } = envelope
  if (publicKey?.type !== KEY_TYPE_ED25519) throw new DecodeError('ERR_MALFORMED')
  if (publicKey.data.length !== ACCOUNT_KEY_BYTES) throw new DecodeError('ERR_MALFORMED')
  if (signature.length !== SIGNATURE_BYTES) throw new DecodeError('ERR_MALFORMED')
  if (!equalBytes(envelope.payloadType, payloadType(expected.domain))) {
    throw new DecodeError('ERR_MALFORMED')
  }
  const { account } = expected
  if (account !== undefined && !equalBytes(account, publicKey.data)) {
    throw new RecordError('ERR_WRONG_ACCOUNT')
  }
  if (!verify(publicKey.data, signedBytes(expected.domain, payload), signature)) {
    throw new RecordError('ERR_BAD_SIGNATURE')
  }
  return { account: account ?? checkedKey(publicKey.data), payload }
}

/** A checked account key of a record's payload. Throws `RecordError` ERR_BAD_KEY. */
export function checkedKey(bytes: Uint8Array): AccountKey {
  try {
    return accountKey(bytes)
  } catch (cause) {
    if (cause instanceof CryptoError) throw new RecordError('ERR_BAD_KEY', { cause })
    throw cause
  }
}

const KEY_TYPE_ED25519 = 1
const SIGNATURE_BYTES = 64

function signedBytes(domain: Domain, payload: Uint8Array): Uint8Array {
  return concat(constantsOf(domain).start, varint(payload.length), payload)
}

interface DomainConstants {
  readonly type: Uint8Array
  /** What every signature of the domain begins with. */
  readonly start: Uint8Array
}

const known = new Map<Domain, DomainConstants>()

function constantsOf(domain: Domain): DomainConstants {
  let constants = known.get(domain)
  if (constants === undefined) {
    const name = utf8(domain)
    const type = utf8(`/${domain.replaceAll(' ', '/')}`)
    const start = concat(...[varint(name.length), name], ...[varint(type.length), type])
    constants = { type, start }
    known.set(domain, constants)
  }
  return constants
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80)
    rest >>>= 7
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}
