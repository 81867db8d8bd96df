// What an opened message means for the post-quantum ratchet: the move to its epoch, and the parts of
// a key agreement that it carried. The states are in `post-quantum.ts`.

import type { RandomBytes } from './bytes.ts'
import { equalBytes } from './bytes.ts'
import { kemDecapsulate, kemEncapsulate } from './crypto.ts'
import type { Direction, Epoch, EpochStep } from './epoch.ts'
import { expandEpoch, kemCiphertextDigest, kemKeyDigest, nextEpochSecret } from './epoch.ts'
import { CryptoError, DecodeError } from './errors.ts'
import { decodeAnswer, decodeOffer, encodeAnswer, isKeyPart } from './key-parts.ts'
import type { Item } from './padding.ts'
import { itemKinds } from './padding.ts'
import type { AnsweredState, IdleState, PostQuantum, Side } from './post-quantum.ts'
import { countMessage, idleState, offererOf } from './post-quantum.ts'
import { NEVER_RODE, heard } from './riding.ts'
import type { Secret } from './secret.ts'

/** A message that has opened. */
export interface ReceiveContext {
  /** What its header says: below `state.epoch.number`, equal to it, or that of `state.next`. */
  readonly epoch: number
  /** Parts are found among them. */
  readonly items: readonly Item[]
  /** Ordinal of our sending chain, if this message ended it. */
  readonly answeredChain: number | undefined
  /** Whether this side still sends: a key agreement is of no use to one that does not. */
  readonly takesParts: boolean
  /** Unix ms. */
  readonly now: number
  /** For an encapsulation; must be the platform's. */
  readonly random: RandomBytes
}

/** What an opened message did. The caller commits `next`, then wipes `spent`. */
export interface Received {
  readonly next: PostQuantum
  readonly spent: readonly Secret[]
  /** A part broke a rule and was ignored. */
  readonly malformed: boolean
  /**
   * A part contradicts what is known: another key or ciphertext for the same epoch, or one that is
   * not theirs to send. It was ignored; one of the two sides runs twice or was rolled back.
   */
  readonly diverged: boolean
}

/**
 * Takes what a message means for the epochs, after its body has opened: first the move to its epoch,
 * then its parts. Throws nothing for what the other side sent.
 */
export function receiveKeyParts(state: PostQuantum, side: Side, context: ReceiveContext): Received {
  const moved = moveTo(context.epoch, state, context.now)
  const next = moved?.next ?? noticed(state, side, context)
  const before = { next, spent: moved?.spent ?? NONE, malformed: false, diverged: false }
  if (context.items.length === 0 || !context.takesParts) return before
  return takeParts(before, side, context)
}

/** The state in the epoch of a message that has opened, if that is a new one. */
function moveTo(epoch: number, state: PostQuantum, now: number): Step | undefined {
  if (state.next === undefined || epoch <= state.epoch.number) return undefined
  const spent: Secret[] = [state.epoch.receivingKey]
  if (state.phase === 'answered') spent.push(state.epoch.sendingKey)
  return { next: idleState(state.next, state.epoch.continuityKey, now), spent }
}

function noticed(state: PostQuantum, { sends }: Side, context: ReceiveContext): PostQuantum {
  switch (state.phase) {
    case 'idle':
      return countMessage(state, sends)
    case 'offering':
    case 'answered':
      return { ...state, riding: heard(state.riding, context.answeredChain) }
    case 'switched':
      return state
  }
}

const NONE: readonly Secret[] = []

/** In the order of the body: one side sends offers for an epoch, the other answers, so none changes what another means. */
function takeParts(before: Received, side: Side, context: ReceiveContext): Received {
  let received = before
  for (const { kind, value } of context.items.filter(isKeyPart)) {
    const { next, spent, malformed, diverged } = received
    const take = kind === itemKinds.offer ? takeOffer : takeAnswer
    const taken = attempt(() => take(next, side, value, context))
    received =
      taken.verdict === 'taken'
        ? { next: taken.next, spent: [...spent, ...taken.spent], malformed, diverged }
        : {
            next,
            spent,
            malformed: malformed || taken.verdict === 'malformed',
            diverged: diverged || taken.verdict === 'diverged',
          }
  }
  return received
}

interface Step {
  readonly next: PostQuantum
  readonly spent: readonly Secret[]
}

/** What became of a part; a late one was ignored without being looked at. */
type Verdict = 'taken' | 'repeated' | 'late' | 'malformed' | 'diverged'
type Taken =
  (Step & { readonly verdict: 'taken' }) | { readonly verdict: Exclude<Verdict, 'taken'> }

/** A part that cannot be used costs nothing but itself: the content beside it counts. */
function attempt(take: () => Taken): Taken {
  try {
    return take()
  } catch (error) {
    if (error instanceof CryptoError || error instanceof DecodeError)
      return { verdict: 'malformed' }
    throw error
  }
}

function takeOffer(
  state: PostQuantum,
  side: Side,
  value: Uint8Array,
  context: ReceiveContext,
): Taken {
  const { target, publicKey } = decodeOffer(value)
  const problem = misplaced(target, state, context)
  if (problem !== undefined) return problem
  const keyDigest = kemKeyDigest(target, publicKey)
  // That we are the one who offers here is the same contradiction as another key.
  if (offererOf(target) === side.sends) return { verdict: 'diverged' }
  if (state.phase === 'idle') return answer(state, side, { target, publicKey, keyDigest }, context)
  const isSame = state.phase === 'answered' && equalBytes(answeredKey(state), keyDigest)
  return { verdict: isSame ? 'repeated' : 'diverged' }
}

/** hk of the key that we answered. */
function answeredKey(state: AnsweredState): Uint8Array {
  return decodeAnswer(state.part).keyDigest
}

interface Offered {
  readonly target: number
  readonly publicKey: Uint8Array
  readonly keyDigest: Uint8Array
}

function answer(
  { epoch: { nextStepKey, ...epoch }, earlier }: IdleState,
  side: Side,
  { target, publicKey, keyDigest }: Offered,
  { random }: ReceiveContext,
): Taken {
  const { ciphertext, secret: kemSecret } = kemEncapsulate(publicKey, random)
  const ciphertextDigest = kemCiphertextDigest(target, ciphertext)
  const part = encodeAnswer({ target, keyDigest, ciphertext })
  const agreed = { target, kemSecret, keyDigest, ciphertextDigest, sessionId: side.sessionId }
  const next = stepTo(nextStepKey, agreed, side.sends)
  return {
    verdict: 'taken',
    next: { phase: 'answered', epoch, next, part, riding: NEVER_RODE },
    spent: [nextStepKey, ...listOf(earlier)],
  }
}

function takeAnswer(
  state: PostQuantum,
  side: Side,
  value: Uint8Array,
  context: ReceiveContext,
): Taken {
  const { target, keyDigest, ciphertext } = decodeAnswer(value)
  const problem = misplaced(target, state, context)
  if (problem !== undefined) return problem
  const ciphertextDigest = kemCiphertextDigest(target, ciphertext)
  if (state.phase === 'switched') {
    const isSame =
      equalBytes(state.keyDigest, keyDigest) && equalBytes(state.ciphertextDigest, ciphertextDigest)
    return { verdict: isSame ? 'repeated' : 'diverged' }
  }
  // We offered nothing, or something else.
  if (state.phase !== 'offering') return { verdict: 'diverged' }
  const { publicKey } = decodeOffer(state.part)
  if (!equalBytes(kemKeyDigest(target, publicKey), keyDigest)) return { verdict: 'diverged' }

  const { nextStepKey, sendingKey, ...epoch } = state.epoch
  const kemSecret = kemDecapsulate(state.seed, ciphertext)
  const digests = { keyDigest: keyDigest.slice(), ciphertextDigest }
  const agreed = { target, kemSecret, ...digests, sessionId: side.sessionId }
  const next = stepTo(nextStepKey, agreed, side.sends)
  return {
    verdict: 'taken',
    next: { phase: 'switched', epoch, next, ...digests },
    spent: [nextStepKey, sendingKey, state.seed, ...listOf(state.earlier)],
  }
}

/** A part names the epoch after that of its message, and counts while we receive in that one. */
function misplaced(
  target: number,
  state: PostQuantum,
  { epoch }: ReceiveContext,
): { readonly verdict: 'malformed' | 'late' } | undefined {
  if (target !== epoch + 1) return { verdict: 'malformed' }
  return epoch === state.epoch.number ? undefined : { verdict: 'late' }
}

/** The next epoch, expanded. Wipes SS and E_(e+1); nxt(e) is left to the caller. */
function stepTo(nextStepKey: Secret<'EpochStepKey'>, step: EpochStep, sends: Direction): Epoch {
  const secret = nextEpochSecret(nextStepKey, step)
  step.kemSecret.wipe()
  return expandEpoch(secret, step.target, sends)
}

function listOf<T>(value: T | undefined): readonly T[] {
  return value === undefined ? [] : [value]
}
