// The symmetric half of the Double Ratchet: chains of message keys, and the keys of positions that
// were skipped.

import { kdfPair } from './crypto.ts'
import type { ReceivingEpoch } from './epoch.ts'
import type { HeaderKeys, RatchetPublicKey } from './header.ts'
import type { BodyKey, ChainMessageKey } from './message-keys.ts'
import { bodyKey } from './message-keys.ts'
import type { Secret } from './secret.ts'
import type { SkippedKey } from './skipped-keys.ts'

/** CK: 32 bytes. */
export type ChainKey = Secret<'ChainKey'>

/** CKs, HKs, Ns and PN. Chains are numbered from 0, for each direction on its own. */
export interface SendingChain {
  readonly ordinal: number
  readonly chainKey: ChainKey
  readonly headerKeys: HeaderKeys
  /** Ns: the number of the next message. */
  readonly nextToSend: number
  /** PN: how many messages the chain before had. */
  readonly previousChainLength: number
}

/** CKr, HKr, Nr, and what every header of this chain must repeat. */
export interface ReceivingChain {
  readonly ordinal: number
  readonly chainKey: ChainKey
  readonly headerKeys: HeaderKeys
  readonly theirRatchetKey: RatchetPublicKey
  readonly previousChainLength: number
  /** Nr: positions below are opened or skipped. */
  readonly nextToReceive: number
}

/** `Y = D(64, CK, "So1Chain", 1)`, `CK' = Y[0..32)`, `mk = Y[32..64)`. CK is left to the caller. */
export function kdfChainKey(chainKey: ChainKey): [ChainKey, ChainMessageKey] {
  return kdfPair(['ChainKey', 'ChainMessageKey'], chainKey, 'So1Chain', 1)
}

/** A receiving chain after its key moved; everything in it was made by the call. */
export interface Skipped {
  readonly chain: ReceivingChain
  readonly skipped: readonly SkippedKey[]
}

/** What the keys of passed positions depend on besides their chain. */
export interface SkipContext {
  /** The receive epoch: the earliest that a skipped position can be of. */
  readonly from: ReceivingEpoch
  /** The epoch of the message that passes them: the same one or the next, and the latest. */
  readonly to: ReceivingEpoch
  /** Unix ms: when the gap was seen. */
  readonly now: number
}

/**
 * SkipMessageKeys(until): keys for the positions from `nextToReceive` up to `until`. The caller has
 * bounded how many these are. The chain key that was passed in stays; keys between are wiped.
 */
export function skipMessageKeys(
  chain: ReceivingChain,
  until: number,
  { from, to, now }: SkipContext,
): Skipped {
  const skipped: SkippedKey[] = []
  let chainKey = chain.chainKey
  // while state.Nr < until:
  for (let number = chain.nextToReceive; number < until; number += 1) {
    // state.CKr, mk = KDF_CK(state.CKr)
    const [next, messageKey] = kdfChainKey(chainKey)
    if (chainKey !== chain.chainKey) chainKey.wipe()
    chainKey = next
    // state.MKSKIPPED[state.HKr, state.Nr] = mk
    skipped.push({
      kind: 'skipped',
      chain: chain.ordinal,
      number,
      epoch: from.number,
      bodyKey: bodyKey(messageKey, from, number),
      nextBodyKey: to.number === from.number ? undefined : bodyKey(messageKey, to, number),
      skippedAt: now,
    })
    messageKey.wipe()
  }
  return { chain: { ...chain, chainKey, nextToReceive: until }, skipped }
}

/** A chain that moved over one position, and that position's key. */
export interface Advanced extends Skipped {
  readonly bodyKey: BodyKey
}

/**
 * SkipMessageKeys(number), then one step of KDF_CK. Wipes what lies between, never the key that was
 * passed in.
 */
export function advanceChain(
  chain: ReceivingChain,
  number: number,
  context: SkipContext,
): Advanced {
  // SkipMessageKeys(state, header.n)
  const before =
    number === chain.nextToReceive ? undefined : skipMessageKeys(chain, number, context)
  const from = before?.chain.chainKey ?? chain.chainKey
  // state.CKr, mk = KDF_CK(state.CKr); state.Nr += 1
  const [chainKey, messageKey] = kdfChainKey(from)
  if (before !== undefined) from.wipe()
  const key = bodyKey(messageKey, context.to, number)
  messageKey.wipe()
  return {
    chain: { ...chain, chainKey, nextToReceive: number + 1 },
    skipped: before?.skipped ?? NONE,
    bodyKey: key,
  }
}

const NONE: readonly SkippedKey[] = []
