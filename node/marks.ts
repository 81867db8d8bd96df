// How far the store is, kept by our own mailboxes (docs/durability.md): sealed, so that a mailbox can neither read nor make one. It can
// keep an old one, and then it says nothing.
//
//   mark   salt[16] ‖ SEAL(G(32, data key, "mark"), salt, account ‖ mailbox, u64 number ‖ hash[16])        56 bytes

import type { AccountKey } from '../protocol/account.ts'
import { concat, u64, type RandomBytes } from '../protocol/bytes.ts'
import { aeadOpen, aeadSeal } from '../protocol/crypto.ts'
import { CryptoError, DecodeError } from '../protocol/errors.ts'
import { reader } from '../protocol/reader.ts'
import type { Secret } from '../protocol/secret.ts'
import { COMMIT_HASH_BYTES, type CommitMark } from '../net/commit-chain.ts'

export const MARK_BYTES = 56

const SALT_BYTES = 16

/** For whom a mark is sealed. */
export interface MarkPlace {
  readonly key: Secret<'MarkKey'>
  readonly account: AccountKey
  readonly mailbox: AccountKey
}

/** 56 bytes. */
export function sealMark(
  { key, account, mailbox }: MarkPlace,
  { number, hash }: CommitMark,
  random: RandomBytes,
): Uint8Array {
  const salt = random(SALT_BYTES)
  const text = concat(u64(number), hash)
  return concat(salt, aeadSeal(key, salt, concat(account, mailbox), text))
}

/** Undefined for anything that we have not sealed for this mailbox. */
export function openMark(
  { key, account, mailbox }: MarkPlace,
  sealed: Uint8Array,
): CommitMark | undefined {
  if (sealed.length !== MARK_BYTES) return undefined
  try {
    const salt = sealed.subarray(0, SALT_BYTES)
    const ad = concat(account, mailbox)
    const from = reader(aeadOpen(key, salt, ad, sealed.subarray(SALT_BYTES)))
    const mark = { number: from.u64(), hash: from.take(COMMIT_HASH_BYTES).slice() }
    from.end()
    return mark
  } catch (cause) {
    if (cause instanceof CryptoError || cause instanceof DecodeError) return undefined
    throw cause
  }
}
