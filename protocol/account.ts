// The account: one Ed25519 key. It only signs; what it signs is in `signed-envelope.ts`.

import type { Brand } from './bytes.ts'
import { checkAccountPoint, ed25519KeyPair } from './crypto.ts'
import type { Secret } from './secret.ts'

/** 32 bytes: canonical, on the curve, in the prime-order subgroup. Safe to log. */
export type AccountKey = Brand<Uint8Array, 'AccountKey'>

export const ACCOUNT_KEY_BYTES = 32

/** An account that we hold: it can sign. */
export interface Account {
  readonly key: AccountKey
  /** 32 bytes. */
  readonly seed: Secret<'AccountSeed'>
}

/** The account of a 32-byte seed. Throws `CryptoError` ERR_LENGTH. */
export function accountFromSeed(seed: Secret<'AccountSeed'>): Account {
  return { key: ed25519KeyPair(seed).publicKey as AccountKey, seed }
}

/**
 * Checks bytes from outside (docs/protocol.md, "Account key") and copies them. Throws `CryptoError`: ERR_LENGTH,
 * ERR_NOT_CANONICAL, or ERR_LOW_ORDER for points of small or mixed order and what is no point at all.
 */
export function accountKey(bytes: Uint8Array): AccountKey {
  checkAccountPoint(bytes)
  return bytes.slice() as AccountKey
}
