// A turn of the Diffie-Hellman ratchet (DHRatchetHE, Double Ratchet rev 4, §4.4) in two halves: what a
// new chain needs to be opened, and, once its first message has opened, a new chain of our own.

import type { RandomBytes } from './bytes.ts'
import type { ReceivingChain, SkipContext } from './chain.ts'
import { advanceChain, skipMessageKeys } from './chain.ts'
import { dh } from './crypto.ts'
import type { HeaderKeys, RatchetHeader } from './header.ts'
import { expandHeaderKey } from './header.ts'
import type { BodyKey } from './message-keys.ts'
import type { Ratchet, RetiredChain, TurnState } from './ratchet.ts'
import { generateRatchetKeyPair, kdfRootKey } from './ratchet.ts'
import type { Secret } from './secret.ts'
import type { SkippedKey } from './skipped-keys.ts'
import { skippedSecrets } from './skipped-keys.ts'

/** The receiving half of a turn; all its secrets are new and in `derived`. */
export interface Turn {
  readonly rootKey: Secret<'RootKey'>
  readonly nextReceivingKeys: HeaderKeys
  readonly chain: ReceivingChain
  readonly skipped: readonly SkippedKey[]
  readonly bodyKey: BodyKey
  readonly derived: readonly Secret[]
}

/** The first half of DHRatchetHE. Throws `CryptoError` for a ratchet key that is no good. */
export function beginTurn(state: TurnState, header: RatchetHeader, context: SkipContext): Turn {
  const { receiving, ratchetKeyPair } = state
  // state.RK, state.CKr, state.NHKr = KDF_RK_HE(state.RK, DH(state.DHRs, state.DHRr))
  const dhOutput = dh(ratchetKeyPair.privateKey, header.ratchetKey)
  const root = kdfRootKey(state.rootKey, dhOutput)
  const nextReceivingKeys = expandHeaderKey(root.nextHeaderKey)
  // SkipMessageKeysHE(state, header.pn)
  const rest = receiving && skipMessageKeys(receiving, header.previousChainLength, context)
  if (rest !== undefined && rest.chain.chainKey !== receiving?.chainKey) rest.chain.chainKey.wipe()
  // state.HKr = state.NHKr; state.Nr = 0; state.DHRr = header.dh
  const start: ReceivingChain = {
    ordinal: receiving === undefined ? 0 : receiving.ordinal + 1,
    chainKey: root.chainKey,
    headerKeys: state.nextReceivingKeys,
    theirRatchetKey: header.ratchetKey,
    previousChainLength: header.previousChainLength,
    nextToReceive: 0,
  }
  // SkipMessageKeysHE(state, header.n); state.CKr, mk = KDF_CK(state.CKr); state.Nr += 1
  const { chain, skipped: before, bodyKey } = advanceChain(start, header.number, context)
  root.chainKey.wipe()
  const skipped = [...(rest?.skipped ?? []), ...before]
  const { seal, tag } = nextReceivingKeys
  const derived = [root.rootKey, seal, tag, chain.chainKey, ...skippedSecrets(skipped)]
  return { rootKey: root.rootKey, nextReceivingKeys, chain, skipped, bodyKey, derived }
}

/** The sending half of DHRatchetHE, after authentication. */
export function endTurn(
  state: TurnState,
  turn: Turn,
  header: RatchetHeader,
  random: RandomBytes,
): Omit<Ratchet, 'retired' | 'skipped' | 'marks'> {
  // state.DHRs = GENERATE_DH()
  const ratchetKeyPair = generateRatchetKeyPair(random)
  // state.RK, state.CKs, state.NHKs = KDF_RK_HE(state.RK, DH(state.DHRs, state.DHRr))
  const root = kdfRootKey(turn.rootKey, dh(ratchetKeyPair.privateKey, header.ratchetKey))
  turn.rootKey.wipe()
  const { sending } = state
  return {
    rootKey: root.rootKey,
    ratchetKeyPair,
    theirRatchetKey: header.ratchetKey,
    // state.PN = state.Ns; state.Ns = 0; state.HKs = state.NHKs
    sending: {
      ordinal: sending === undefined ? 0 : sending.ordinal + 1,
      chainKey: root.chainKey,
      headerKeys: state.nextSendingKeys,
      nextToSend: 0,
      previousChainLength: sending?.nextToSend ?? 0,
    },
    nextSendingKeys: expandHeaderKey(root.nextHeaderKey),
    receiving: turn.chain,
    nextReceivingKeys: turn.nextReceivingKeys,
  }
}

/** The secrets of the old state that a turn leaves behind. */
export function turnSpends({
  rootKey,
  ratchetKeyPair,
  sending,
  receiving,
}: TurnState): readonly Secret[] {
  const spent: Secret[] = [rootKey, ratchetKeyPair.privateKey]
  if (sending !== undefined) {
    spent.push(sending.chainKey, sending.headerKeys.seal, sending.headerKeys.tag)
  }
  if (receiving !== undefined) spent.push(receiving.chainKey)
  return spent
}

/** What stays of a chain whose length is known. */
export function retire(chain: ReceivingChain, length: number): RetiredChain {
  return { kind: 'chain', chain: chain.ordinal, headerKeys: chain.headerKeys, length }
}
