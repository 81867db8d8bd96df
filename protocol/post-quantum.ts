// The post-quantum ratchet (docs/protocol.md, "Post-quantum ratchet"): fresh secrets from ML-KEM-768,
// now and then, beside the Double Ratchet. One side offers a key, the other answers with a
// ciphertext, both ride in messages; what they agree on begins the next epoch.
//
//                         our turn, and it is time
//            idle(e) ────────────────────────────────> offering(e)
//              │  ^                                        │
//   their offer│  │ a message of e + 1 opens               │ their answer
//              v  │                                        v
//        answered(e) ──────────> idle(e + 1) <───────── switched(e)
//                  a message of e + 1 opens, at either side
//
// All but switched(e) send in epoch e; all receive in e, and answered(e) and switched(e) in e + 1 too.

import type { RandomBytes } from './bytes.ts'
import { equalBytes } from './bytes.ts'
import {
  KEM_SEED_BYTES,
  generateSecret,
  kemDecapsulate,
  kemEncapsulate,
  kemKeyPair,
} from './crypto.ts'
import type {
  ContinuityKey,
  Direction,
  Epoch,
  EpochSecret,
  EpochStep,
  SendingEpoch,
} from './epoch.ts'
import { expandEpoch, kemCiphertextDigest, kemKeyDigest, nextEpochSecret } from './epoch.ts'
import { CryptoError, DecodeError } from './errors.ts'
import { decodeAnswer, decodeOffer, encodeAnswer, encodeOffer, isKeyPart } from './key-parts.ts'
import type { Item } from './padding.ts'
import { itemKinds } from './padding.ts'
import type { Departure, Riding } from './riding.ts'
import { NEVER_RODE, hasPassed, heard, isRideDue, isStalled, passedBy, rode } from './riding.ts'
import type { Secret } from './secret.ts'

/** After so many messages of an epoch, sent and opened, the side whose turn it is offers a key. */
export const MESSAGES_PER_EPOCH = 50
/** After so much time it does so with its next message. */
export const EPOCH_TIME = 24 * 60 * 60 * 1000
/** Epochs are u32. */
export const MAX_EPOCH = 0xffff_ffff

/** No key agreement is under way. */
export interface IdleState {
  readonly phase: 'idle'
  readonly epoch: Epoch
  readonly next: undefined
  /** cont(e - 1); none in epoch 0. */
  readonly earlier: ContinuityKey | undefined
  /** Unix ms when this side entered the epoch. */
  readonly enteredAt: number
  /** Sent and opened since then; counted at the side whose turn it is, up to where it counts. */
  readonly messages: number
}

/** We offer a key until an answer to it opens. */
export interface OfferingState {
  readonly phase: 'offering'
  readonly epoch: Epoch
  readonly next: undefined
  readonly earlier: ContinuityKey | undefined
  /** 64 bytes: what the key was made from, and what decapsulates. */
  readonly seed: Secret<'KemSeed'>
  /** Value of the offer, 1188 bytes; repeated as it is. */
  readonly part: Uint8Array
  readonly riding: Riding
}

/** We have answered, and repeat it until a message of the next epoch opens. */
export interface AnsweredState {
  readonly phase: 'answered'
  /** nxt(e) is erased: E_(e+1) exists. */
  readonly epoch: Omit<Epoch, 'nextStepKey'>
  readonly next: Epoch
  /** Value of the answer, 1188 bytes; repeated as it is. */
  readonly part: Uint8Array
  readonly riding: Riding
}

/** We have taken their answer and send in the next epoch; they may not have noticed. */
export interface SwitchedState {
  readonly phase: 'switched'
  readonly epoch: Omit<Epoch, 'nextStepKey' | 'sendingKey'>
  readonly next: Epoch
  /** hk and hc of the agreement, to tell a repeated answer from another one. */
  readonly keyDigest: Uint8Array
  readonly ciphertextDigest: Uint8Array
}

/** One side of the post-quantum ratchet. `epoch` is the one it receives in. */
export type PostQuantum = IdleState | OfferingState | AnsweredState | SwitchedState

/** What does not change while a session lasts. */
export interface Side {
  readonly sessionId: Uint8Array
  /** The direction in which this side sends. */
  readonly sends: Direction
}

/** Epoch 0, as the handshake left it. Wipes E_0. */
export function startPostQuantum(secret: EpochSecret, sends: Direction, now: number): IdleState {
  return idle(expandEpoch(secret, 0, sends), undefined, now)
}

/** The epoch of what we send. Never goes back. */
export function sendingEpoch(state: PostQuantum): SendingEpoch {
  return state.phase === 'switched' ? state.next : state.epoch
}

/** Who offers the key for an epoch: odd ones the responder of the handshake, even ones the initiator. */
export function offererOf(target: number): Direction {
  return target % 2 === 1 ? 2 : 1
}

/** A message that is about to be sealed. */
export interface SendContext extends Departure {
  /** Whether the body has room for a part. */
  readonly hasRoom: boolean
  /** For the seed of an offer; must be the platform's. */
  readonly random: RandomBytes
}

/** What rides in a message. The state is committed before the message leaves; nothing is spent. */
export interface Sent {
  readonly next: PostQuantum
  readonly item: Item | undefined
}

/** Chooses what rides in a message, and begins an agreement when it is our turn and time. */
export function sendKeyPart(state: PostQuantum, { sends }: Side, context: SendContext): Sent {
  switch (state.phase) {
    case 'idle':
      if (context.hasRoom && isOfferDue(state, sends, context.now)) {
        return ride(makeOffer(state, context.random), itemKinds.offer, context)
      }
      return { next: counted(state, sends), item: undefined }
    case 'offering':
      return rideOrPass(state, itemKinds.offer, context)
    case 'answered':
      return rideOrPass(state, itemKinds.answer, context)
    case 'switched':
      return { next: state, item: undefined }
  }
}

/** A message that has opened. */
export interface ReceiveContext {
  /** What its header says: below `state.epoch.number`, equal to it, or that of `state.next`. */
  readonly epoch: number
  /** Parts are found among them. */
  readonly items: readonly Item[]
  /** Ordinal of our sending chain, if this message ended it. */
  readonly answeredChain: number | undefined
  /** Whether this side still sends: else it does not answer. */
  readonly answers: boolean
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
  let next = moved?.next ?? noticed(state, side, context)
  const spent = [...(moved?.spent ?? [])]
  const verdicts: Verdict[] = []
  // An agreement is of no use to a side that does not send any more.
  const parts = context.answers ? context.items.filter(isKeyPart) : []
  // Offers before answers, as their kinds are numbered.
  for (const { kind, value } of parts.toSorted((a, b) => a.kind - b.kind)) {
    const take = kind === itemKinds.offer ? takeOffer : takeAnswer
    const taken = attempt(() => take(next, side, value, context))
    if (taken.verdict === 'taken') {
      next = taken.next
      spent.push(...taken.spent)
    }
    verdicts.push(taken.verdict)
  }
  return {
    next,
    spent,
    malformed: verdicts.includes('malformed'),
    diverged: verdicts.includes('diverged'),
  }
}

/** Whether the other side answers us but never shows that it has our part: healing is stalled. */
export function isPartStalled(state: PostQuantum, now: number): boolean {
  return 'riding' in state && isStalled(state.riding, now)
}

/** The secrets a state holds, each once. */
export function postQuantumSecrets(state: PostQuantum): readonly Secret[] {
  const { epoch, next } = state
  const keys = [...epochSecrets(epoch), ...(next === undefined ? [] : epochSecrets(next))]
  if ('earlier' in state && state.earlier !== undefined) keys.push(state.earlier)
  if ('seed' in state) keys.push(state.seed)
  return keys
}

function epochSecrets(epoch: Partial<Epoch>): Secret[] {
  const { sendingKey, receivingKey, nextStepKey, continuityKey } = epoch
  const keys = [sendingKey, receivingKey, nextStepKey, continuityKey]
  return keys.filter((key) => key !== undefined)
}

function idle(epoch: Epoch, earlier: ContinuityKey | undefined, now: number): IdleState {
  return { phase: 'idle', epoch, next: undefined, earlier, enteredAt: now, messages: 0 }
}

/** Epoch 1 is offered at once: it is the first with a secret that no stored prekey can open. */
function isOfferDue({ epoch, enteredAt, messages }: IdleState, sends: Direction, now: number) {
  const target = epoch.number + 1
  if (offererOf(target) !== sends || target > MAX_EPOCH) return false
  return target === 1 || messages >= MESSAGES_PER_EPOCH || hasPassed(EPOCH_TIME, enteredAt, now)
}

/** One message more. Counted only where it decides something. */
function counted(state: IdleState, sends: Direction): IdleState {
  const isOurTurn = offererOf(state.epoch.number + 1) === sends
  if (!isOurTurn || state.messages >= MESSAGES_PER_EPOCH) return state
  return { ...state, messages: state.messages + 1 }
}

function makeOffer({ epoch, earlier }: IdleState, random: RandomBytes): OfferingState {
  const seed = generateSecret('KemSeed', KEM_SEED_BYTES, random)
  const part = offerOf(seed, epoch.number + 1)
  return { phase: 'offering', epoch, next: undefined, earlier, seed, part, riding: NEVER_RODE }
}

/** Value of the offer that a seed makes: always the same. */
export function offerOf(seed: Secret<'KemSeed'>, target: number): Uint8Array {
  return encodeOffer({ target, publicKey: kemKeyPair(seed).publicKey })
}

type Pending = OfferingState | AnsweredState
type PartKind = typeof itemKinds.offer | typeof itemKinds.answer

function rideOrPass(state: Pending, kind: PartKind, context: SendContext): Sent {
  if (context.hasRoom && isRideDue(state.riding, context)) return ride(state, kind, context)
  return { next: { ...state, riding: passedBy(state.riding) }, item: undefined }
}

function ride(state: Pending, kind: PartKind, departure: Departure): Sent {
  const next = { ...state, riding: rode(state.riding, departure) }
  return { next, item: { kind, value: state.part } }
}

/** The state in the epoch of a message that has opened, if that is a new one. */
function moveTo(epoch: number, state: PostQuantum, now: number): Step | undefined {
  if (state.next === undefined || epoch <= state.epoch.number) return undefined
  const spent: Secret[] = [state.epoch.receivingKey]
  if (state.phase === 'answered') spent.push(state.epoch.sendingKey)
  return { next: idle(state.next, state.epoch.continuityKey, now), spent }
}

function noticed(state: PostQuantum, { sends }: Side, context: ReceiveContext): PostQuantum {
  switch (state.phase) {
    case 'idle':
      return counted(state, sends)
    case 'offering':
    case 'answered':
      return { ...state, riding: heard(state.riding, context.answeredChain) }
    case 'switched':
      return state
  }
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
