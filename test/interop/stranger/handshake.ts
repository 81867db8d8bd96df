/** PQXDH with a hidden initiator: docs/protocol.md, "First message". */
import {
  Layout,
  ascii,
  demand,
  join,
  lengthPrefixed,
  repeated,
  same,
  u16,
  u32,
  u64,
  u8,
} from './bytes.ts'
import { G, seal, unseal } from './primitives.ts'
import { SUITE, readCertificate } from './records.ts'

const F = repeated(0xff, 32)

/** What is known before the sender is; the arguments of T0. */
export interface Opening {
  readonly account: Uint8Array
  readonly device: number
  readonly identityKey: Uint8Array
  readonly certificate: Uint8Array
  readonly spkId: number
  readonly signedPrekey: Uint8Array
  readonly kemId: number
  readonly kemPrekey: Uint8Array
  /** With a pair only; its id is `kemId`. */
  readonly oneTimePrekey: Uint8Array | undefined
  readonly ephemeralKey: Uint8Array
  readonly kemCiphertext: Uint8Array
}

/** What IDP says of the initiator. */
export interface Claims {
  readonly account: Uint8Array
  readonly device: number
  readonly identityKey: Uint8Array
  readonly ordinal: number
  readonly seen: number
  readonly bundleSequence: number
  readonly bundleDigest: Uint8Array
  readonly certificate: Uint8Array
}

/** The results of the handshake: SK, HKA, NHKB, E_0, SID and T, which is AD. */
export interface HandshakeKeys {
  readonly root: Uint8Array
  readonly headerA: Uint8Array
  readonly headerB: Uint8Array
  readonly epoch: Uint8Array
  readonly sessionId: Uint8Array
  readonly transcript: Uint8Array
}

export function transcriptBefore(opening: Opening): Uint8Array {
  const { account, device, identityKey, certificate, oneTimePrekey } = opening
  const kind = u8(oneTimePrekey === undefined ? 0 : 1)
  const list = lengthPrefixed(
    ...[ascii(SUITE), account, u32(device), identityKey, certificate],
    ...[u32(opening.spkId), opening.signedPrekey, kind, u32(opening.kemId), opening.kemPrekey],
    ...[kind, oneTimePrekey && u32(opening.kemId), oneTimePrekey],
    ...[opening.ephemeralKey, opening.kemCiphertext],
  )
  return G(64, undefined, 'pqxdh pre', list)
}

/** P0 from `DH3 ‖ [DH4] ‖ SS`. */
export function identitySecret(t0: Uint8Array, secrets: readonly Uint8Array[]): Uint8Array {
  return G(64, t0, 'pqxdh identity', F, ...secrets)
}

/** IDC. */
export function hideIdentity(
  t0: Uint8Array,
  p0: Uint8Array,
  claims: Claims,
  random: Uint8Array,
): Uint8Array {
  const plain = join(
    ...[claims.account, u32(claims.device), claims.identityKey, u64(claims.ordinal)],
    ...[u64(claims.seen), u64(claims.bundleSequence), claims.bundleDigest],
    ...[u16(claims.certificate.length), claims.certificate],
  )
  const salt = G(16, p0, 'identity salt', random, plain)
  return join(salt, seal(G(32, p0, 'identity key'), salt, t0, plain))
}

/** Opens IDC and holds its claims against the certificate in it. */
export function showIdentity(
  t0: Uint8Array,
  p0: Uint8Array,
  hidden: Uint8Array,
  now: number,
): Claims {
  const salt = hidden.slice(0, 16)
  const layout = new Layout(unseal(G(32, p0, 'identity key'), salt, t0, hidden.slice(16)))
  const claims: Claims = {
    account: layout.take(32),
    device: layout.int(4),
    identityKey: layout.take(32),
    ordinal: layout.int(8),
    seen: layout.int(8),
    bundleSequence: layout.int(8),
    bundleDigest: layout.take(32),
    certificate: layout.take(layout.int(2)),
  }
  layout.end()
  const certificate = readCertificate(claims.certificate, now)
  const certified =
    same(certificate.account, claims.account) &&
    certificate.device === claims.device &&
    same(certificate.identityKey, claims.identityKey)
  demand(certified && claims.ordinal !== 0, 'ERR_NOT_AUTHENTIC')
  return claims
}

export function transcriptFull(t0: Uint8Array, claims: Claims, hidden: Uint8Array): Uint8Array {
  const list = lengthPrefixed(
    ...[t0, claims.account, u32(claims.device), claims.identityKey, claims.certificate],
    ...[u64(claims.ordinal), u64(claims.seen), u64(claims.bundleSequence)],
    ...[claims.bundleDigest, hidden],
  )
  return G(64, undefined, 'pqxdh full', list)
}

/** From T and `DH1 ‖ DH2 ‖ DH3 ‖ [DH4] ‖ SS`. */
export function handshakeKeys(
  transcript: Uint8Array,
  secrets: readonly Uint8Array[],
): HandshakeKeys {
  const p = G(64, transcript, 'pqxdh', F, ...secrets)
  return {
    root: G(32, p, 'root'),
    headerA: G(32, p, 'header a'),
    headerB: G(32, p, 'header b'),
    epoch: G(32, p, 'epoch 0'),
    sessionId: G(32, p, 'session id'),
    transcript,
  }
}
