/** Keys of chains, epochs and messages: docs/protocol.md, "Double Ratchet", "Epochs", "Message keys". */
import { join, u32 } from './bytes.ts'
import { D, G } from './primitives.ts'

export interface HeaderKeys {
  /** HE */
  readonly seal: Uint8Array
  /** HT */
  readonly tag: Uint8Array
}

export interface EpochKeys {
  /** `epk(e, 1)` and `epk(e, 2)`. */
  readonly direction: Readonly<Record<1 | 2, Uint8Array>>
  /** `nxt(e)` */
  readonly next: Uint8Array
  /** `cont(e)` */
  readonly continuity: Uint8Array
}

export function kdfRoot(root: Uint8Array, dh: Uint8Array) {
  const x = G(32, join(root, dh), 'ratchet')
  const [nextRoot, chain, header] = [1, 2, 3].map((i) => D(32, x, 'So1Root_', i))
  if (nextRoot === undefined || chain === undefined || header === undefined) throw new Error()
  return { root: nextRoot, chain, header }
}

export function kdfChain(chain: Uint8Array) {
  const y = D(64, chain, 'So1Chain', 1)
  return { chain: y.slice(0, 32), message: y.slice(32) }
}

export function headerKeys(key: Uint8Array): HeaderKeys {
  return { seal: D(32, key, 'So1Head_', 1), tag: D(32, key, 'So1Head_', 2) }
}

/** `expand(E_e)` */
export function expandEpoch(secret: Uint8Array): EpochKeys {
  const key = (i: number): Uint8Array => D(32, secret, 'So1Epoch', i)
  return { direction: { 1: key(1), 2: key(2) }, next: key(3), continuity: key(4) }
}

/** hk of the key that is offered for epoch `e`. */
export function kemKeyHash(e: number, key: Uint8Array): Uint8Array {
  return G(32, undefined, 'kem key', u32(e), key)
}

/** `E_(e+1)`, `to` being e + 1. */
export function stepEpoch(
  from: EpochKeys,
  to: number,
  agreed: {
    readonly secret: Uint8Array
    readonly sessionId: Uint8Array
    readonly keyHash: Uint8Array
    readonly ciphertext: Uint8Array
  },
): Uint8Array {
  const { secret, sessionId, keyHash, ciphertext } = agreed
  const hc = G(32, undefined, 'kem text', u32(to), ciphertext)
  return G(32, join(from.next, secret), 'epoch', u32(to), sessionId, keyHash, hc)
}

export interface MessageKeys {
  /** BK */
  readonly body: Uint8Array
  /** SALTK */
  readonly salt: Uint8Array
}

export function messageKeys(
  message: Uint8Array,
  epochKey: Uint8Array,
  e: number,
  n: number,
): MessageKeys {
  const m = G(64, join(message, epochKey), 'message', u32(e), u32(n))
  return { body: m.slice(0, 32), salt: m.slice(32) }
}

export function makeSalt(
  key: Uint8Array,
  random: Uint8Array,
  header: Uint8Array,
  padded: Uint8Array,
): Uint8Array {
  return G(16, key, 'salt', random, header, padded)
}
