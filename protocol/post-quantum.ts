// The post-quantum ratchet (docs/protocol.md, "Post-quantum ratchet"): fresh secrets from ML-KEM-768,
// now and then, beside the Double Ratchet. One side offers a key, the other answers with a
// ciphertext, both ride in messages; what they agree on begins the next epoch.
//
//   idle(e) ── our turn and time ──> offering(e) ── their answer ──> switched(e) ──┐
//      │                                                                           │ a message of
//      └─────── their offer ───────> answered(e) ──────────────────────────────────┤ e + 1 opens
//                                                                                  v
//                                                                             idle(e + 1)
//
// All but switched(e) send in epoch e; all receive in e, and answered(e) and switched(e) in e + 1 too.
// What receiving does is in `post-quantum-receive.ts`.

import type { RandomBytes } from './bytes.ts'
import { KEM_SEED_BYTES, generateSecret, kemKeyPair } from './crypto.ts'
import type { ContinuityKey, Direction, Epoch, EpochSecret, SendingEpoch } from './epoch.ts'
import { expandEpoch } from './epoch.ts'
import type { KeyPartKind } from './key-parts.ts'
import { encodeOffer } from './key-parts.ts'
import type { Item } from './padding.ts'
import { itemKinds } from './padding.ts'
import type { Departure, Riding } from './riding.ts'
import { NEVER_RODE, hasPassed, isRideDue, isStalled, passedBy, rode } from './riding.ts'
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
  return idleState(expandEpoch(secret, 0, sends), undefined, now)
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
      return { next: countMessage(state, sends), item: undefined }
    case 'offering':
      return rideOrPass(state, itemKinds.offer, context)
    case 'answered':
      return rideOrPass(state, itemKinds.answer, context)
    case 'switched':
      return { next: state, item: undefined }
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

/** The state at the start of an epoch. */
export function idleState(
  epoch: Epoch,
  earlier: ContinuityKey | undefined,
  now: number,
): IdleState {
  return { phase: 'idle', epoch, next: undefined, earlier, enteredAt: now, messages: 0 }
}

/** Epoch 1 is offered at once: it is the first with a secret that no stored prekey can open. */
function isOfferDue(
  { epoch, enteredAt, messages }: IdleState,
  sends: Direction,
  now: number,
): boolean {
  const target = epoch.number + 1
  if (offererOf(target) !== sends || target > MAX_EPOCH) return false
  return target === 1 || messages >= MESSAGES_PER_EPOCH || hasPassed(EPOCH_TIME, enteredAt, now)
}

/** One message more, sent or opened. Counted only where it decides something. */
export function countMessage(state: IdleState, sends: Direction): IdleState {
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

function rideOrPass(state: Pending, kind: KeyPartKind, context: SendContext): Sent {
  if (context.hasRoom && isRideDue(state.riding, context)) return ride(state, kind, context)
  return { next: { ...state, riding: passedBy(state.riding) }, item: undefined }
}

function ride(state: Pending, kind: KeyPartKind, departure: Departure): Sent {
  const next = { ...state, riding: rode(state.riding, departure) }
  return { next, item: { kind, value: state.part } }
}
