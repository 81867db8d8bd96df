// Receiving with the Double Ratchet with header encryption (Double Ratchet rev 4, §4.4). The chain
// of an envelope is found by its tag, never by trying keys; nothing is changed before the body has
// opened.

import type { RandomBytes } from './bytes.ts'
import type { ReceivingChain, SkipContext } from './chain.ts'
import { advanceChain } from './chain.ts'
import { aeadOpen } from './crypto.ts'
import type { EnvelopeParts } from './envelope.ts'
import type { ReceivingEpoch, ReceivingEpochs } from './epoch.ts'
import { SessionError } from './errors.ts'
import type { HeaderKeys, RatchetHeader } from './header.ts'
import { isTaggedBy, openHeader } from './header.ts'
import type { BodyKey } from './message-keys.ts'
import type { Body } from './padding.ts'
import { decodeBody } from './padding.ts'
import type { KeptRecord, KeptRecordId, ListInput } from './ratchet-records.ts'
import { recordOpened, removeSkipped } from './ratchet-records.ts'
import type { Ratchet, RetiredChain, TurnState } from './ratchet.ts'
import { beginTurn, endTurn, retire, turnSpends } from './ratchet-turn.ts'
import { MAX_NUMBER, isSameKey } from './ratchet.ts'
import type { Secret } from './secret.ts'
import { wipeAll } from './secret.ts'
import { findMark, isMarkOf } from './seen-marks.ts'
import type { Position } from './skipped-keys.ts'
import { findSkipped, skippedBodyKey, skippedSecrets, withoutSkipped } from './skipped-keys.ts'

/** Longest jump: positions passed in the ended chain and in the new one, together. */
export const MAX_JUMP = 4000

/** An envelope and what it is opened with beside the ratchet. */
export interface OpenContext {
  readonly envelope: EnvelopeParts
  /** What `headerKeysOf` found for this envelope in this state; looked for if absent. */
  readonly madeBy?: HeaderKeys | undefined
  /** AD: the handshake's transcript. */
  readonly associatedData: Uint8Array
  readonly epochs: ReceivingEpochs
  /** Unix ms: becomes the age of keys that are skipped. */
  readonly now: number
  /** For the new ratchet key of a turn; must be the platform's. */
  readonly random: RandomBytes
}

/** What opening did. The caller commits `next` and the records, then wipes `spent`. */
export interface RatchetOpened<State extends TurnState = Ratchet> {
  readonly next: State
  readonly body: Body
  readonly position: Position
  /** What the header says; above the receive epoch only where no message was opened or skipped. */
  readonly epoch: number
  readonly spent: readonly Secret[]
  /** Put these beside the session; an id is never in both lists. */
  readonly added: readonly KeptRecord[]
  readonly removed: readonly KeptRecordId[]
}

/** Which chain made an envelope. */
type Match =
  | { readonly kind: 'current'; readonly chain: ReceivingChain; readonly keys: HeaderKeys }
  | { readonly kind: 'next'; readonly keys: HeaderKeys }
  | { readonly kind: 'retired'; readonly chain: RetiredChain; readonly keys: HeaderKeys }

/** The header keys that made this envelope, if this state has them. Costs a keyed hash for each candidate. */
export function headerKeysOf(ratchet: TurnState, envelope: EnvelopeParts): HeaderKeys | undefined {
  return findChain(ratchet, (keys) => isTaggedBy(keys, envelope))?.keys
}

/**
 * RatchetDecryptHE. Throws `SessionError`: ERR_NO_SESSION (no tag matches: noise),
 * ERR_NOT_AUTHENTIC (the tag matched but header or body did not hold: a failed body),
 * ERR_TOO_FAR_AHEAD, ERR_DUPLICATE, ERR_DIVERGED (a used position with other bytes), ERR_LIMIT (a
 * position whose key is gone). `ratchet` is never written to; what the call derived is then wiped.
 */
export function ratchetDecrypt(ratchet: Ratchet, context: OpenContext): RatchetOpened {
  const madeBy = context.madeBy ?? headerKeysOf(ratchet, context.envelope)
  const match = findChain(ratchet, (keys) => keys === madeBy)
  if (match === undefined) throw new SessionError('ERR_NO_SESSION')
  const header = authenticated(() => openHeader(match.keys, context.envelope))
  if (header.number > MAX_NUMBER) throw new SessionError('ERR_NOT_AUTHENTIC')
  switch (match.kind) {
    case 'current':
      return openCurrent(ratchet, match.chain, header, context)
    case 'next':
      return openNext(ratchet, header, context)
    case 'retired':
      if (header.number >= match.chain.length) throw new SessionError('ERR_NOT_AUTHENTIC')
      return openPassed(ratchet, match.chain.chain, header, context)
  }
}

/**
 * RatchetDecryptHE at a responder that has opened nothing yet. `spent` then names the private
 * signed prekey too.
 */
export function ratchetDecryptFirst(start: TurnState, context: OpenContext): RatchetOpened {
  const keys = start.nextReceivingKeys
  if (!isTaggedBy(keys, context.envelope)) throw new SessionError('ERR_NOT_AUTHENTIC')
  const header = authenticated(() => openHeader(keys, context.envelope))
  if (header.number > MAX_NUMBER) throw new SessionError('ERR_NOT_AUTHENTIC')
  return openNext(start, header, context)
}

/**
 * Current chain, next chain, then older ones from the newest: the order in which envelopes come.
 */
function findChain(ratchet: TurnState, isMaker: (keys: HeaderKeys) => boolean): Match | undefined {
  const { receiving, nextReceivingKeys, retired } = ratchet
  if (receiving !== undefined && isMaker(receiving.headerKeys)) {
    return { kind: 'current', chain: receiving, keys: receiving.headerKeys }
  }
  if (isMaker(nextReceivingKeys)) return { kind: 'next', keys: nextReceivingKeys }
  const chain = retired.findLast(({ headerKeys }) => isMaker(headerKeys))
  return chain && { kind: 'retired', chain, keys: chain.headerKeys }
}

function openCurrent(
  ratchet: Ratchet,
  chain: ReceivingChain,
  header: RatchetHeader,
  context: OpenContext,
): RatchetOpened {
  // Every header of a chain repeats the ratchet key and PN of its first one.
  const isSame = isSameKey(header.ratchetKey, chain.theirRatchetKey)
  if (!isSame || header.previousChainLength !== chain.previousChainLength) {
    throw new SessionError('ERR_NOT_AUTHENTIC')
  }
  if (header.number < chain.nextToReceive) {
    return openPassed(ratchet, chain.ordinal, header, context)
  }
  const skip = skipContext(header, context)
  checkJump(header.number - chain.nextToReceive)
  // SkipMessageKeysHE(state, header.n); state.CKr, mk = KDF_CK(state.CKr); state.Nr += 1
  const step = advanceChain(chain, header.number, skip)
  const derived = [step.chain.chainKey, ...skippedSecrets(step.skipped)]
  const body = openFresh(step.bodyKey, context, derived)

  const change = recordOpened(ratchet, listInput(chain.ordinal, header, context, step.skipped))
  return {
    next: { ...ratchet, ...change.lists, receiving: step.chain },
    body,
    position: { chain: chain.ordinal, number: header.number },
    epoch: header.epoch,
    spent: [chain.chainKey, ...change.spent],
    added: change.added,
    removed: change.removed,
  }
}

/**
 * DHRatchetHE and the first message of the chain it begins. The second half waits until the body
 * has opened.
 */
function openNext(state: TurnState, header: RatchetHeader, context: OpenContext): RatchetOpened {
  const { receiving } = state
  const passed = receiving?.nextToReceive ?? 0
  if (isSameKey(header.ratchetKey, state.theirRatchetKey) || header.previousChainLength < passed) {
    throw new SessionError('ERR_NOT_AUTHENTIC')
  }
  const skip = skipContext(header, context)
  const unopened = receiving === undefined ? 0 : header.previousChainLength - passed
  checkJump(unopened + header.number)

  const turn = authenticated(() => beginTurn(state, header, skip))
  const body = openFresh(turn.bodyKey, context, turn.derived)

  const { chain } = turn
  const change = recordOpened(state, {
    ...listInput(chain.ordinal, header, context, turn.skipped),
    retired: receiving && retire(receiving, header.previousChainLength),
  })
  return {
    next: { ...endTurn(state, turn, header, context.random), ...change.lists },
    body,
    position: { chain: chain.ordinal, number: header.number },
    epoch: header.epoch,
    spent: [...turnSpends(state), ...change.spent],
    added: change.added,
    removed: change.removed,
  }
}

/** TrySkippedMessageKeysHE, for a position that the chain has passed. */
function openPassed(
  ratchet: Ratchet,
  chain: number,
  header: RatchetHeader,
  context: OpenContext,
): RatchetOpened {
  const position = { chain, number: header.number }
  const key = findSkipped(ratchet.skipped, position)
  if (key === undefined) throw new SessionError(usedPosition(ratchet, position, context.envelope))
  const bodyKey = skippedBodyKey(key, header.epoch)
  if (bodyKey === undefined) throw new SessionError('ERR_NOT_AUTHENTIC')
  const body = authenticated(() => openBody(bodyKey, context))

  const marked = recordOpened(ratchet, listInput(chain, header, context, []))
  // del state.MKSKIPPED[hk, n]
  const kept = withoutSkipped(ratchet.skipped, key)
  const change = removeSkipped(marked.lists, kept, [key])
  const isDropped = change.removed.some((gone) => gone.kind === 'chain' && gone.chain === chain)
  return {
    next: { ...ratchet, ...change.lists },
    body,
    position,
    epoch: header.epoch,
    spent: change.spent,
    // A chain that is dropped with its last key takes its marks along.
    added: isDropped ? [] : marked.added,
    removed: [...marked.removed, ...change.removed],
  }
}

function usedPosition(
  ratchet: Ratchet,
  position: Position,
  { digest }: EnvelopeParts,
): 'ERR_DUPLICATE' | 'ERR_DIVERGED' | 'ERR_LIMIT' {
  const mark = findMark(ratchet.marks, position)
  // Neither key nor mark: skipped and evicted, or opened longer ago than marks are kept. Not to be
  // called delivered.
  if (mark === undefined) return 'ERR_LIMIT'
  return isMarkOf(mark, digest) ? 'ERR_DUPLICATE' : 'ERR_DIVERGED'
}

/** A header ahead of all others is of the receive epoch, or of the next one if its key is held. */
function skipContext({ epoch }: RatchetHeader, { epochs, now }: OpenContext): SkipContext {
  const from = epochs.epoch
  const to: ReceivingEpoch | undefined = epoch === from.number ? from : epochs.next
  if (to?.number !== epoch) throw new SessionError('ERR_NOT_AUTHENTIC')
  return { from, to, now }
}

function checkJump(length: number): void {
  if (length > MAX_JUMP) throw new SessionError('ERR_TOO_FAR_AHEAD')
}

function listInput(
  chain: number,
  header: RatchetHeader,
  { envelope }: OpenContext,
  skipped: ListInput['skipped'],
): ListInput {
  const opened = { chain, number: header.number }
  return { opened, digest: envelope.digest, skipped, retired: undefined }
}

/** DECRYPT(mk, ciphertext, CONCAT(AD, enc_header)), and the padding off. */
function openBody(key: BodyKey, { envelope, associatedData }: OpenContext): Body {
  const { prefix, salt, sealedHeader, body } = envelope
  return decodeBody(aeadOpen(key, salt, [associatedData, prefix, salt, sealedHeader], body))
}

/**
 * Opens with a key of this call, which dies; if it fails, so does everything else that was derived.
 */
function openFresh(key: BodyKey, context: OpenContext, derived: readonly Secret[]): Body {
  try {
    return openBody(key, context)
  } catch (cause) {
    wipeAll(derived)
    throw new SessionError('ERR_NOT_AUTHENTIC', { cause })
  } finally {
    key.wipe()
  }
}

function authenticated<T>(open: () => T): T {
  try {
    return open()
  } catch (cause) {
    throw new SessionError('ERR_NOT_AUTHENTIC', { cause })
  }
}
