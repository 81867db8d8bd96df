// The keys of an epoch of the post-quantum ratchet: one per direction, mixed into every message key.
// The secret of epoch 0 comes out of the handshake, `nextEpochSecret` is the step to a later one. When
// a session takes this step is in `post-quantum.ts`.

import { concat, u32 } from './bytes.ts'
import { deriveSecret, hash, kdf } from './crypto.ts'
import type { Secret } from './secret.ts'

/**
 * 1: from the initiator of the session's handshake to its responder; 2: the other way. In every
 * epoch.
 */
export type Direction = 1 | 2

/** E_e: 32 bytes; lives only until it is expanded. */
export type EpochSecret = Secret<'EpochSecret'>

/** The epoch that messages are sealed in. */
export interface SendingEpoch {
  readonly number: number
  /** epk(e, our direction): mixed into the keys of what we send. */
  readonly sendingKey: Secret<'EpochKey'>
}

/** An epoch in which messages are opened. */
export interface ReceivingEpoch {
  readonly number: number
  /** epk(e, their direction). */
  readonly receivingKey: Secret<'EpochKey'>
}

/** The epochs that the header of a message may name. */
export interface ReceivingEpochs {
  readonly epoch: ReceivingEpoch
  /** The one after it, if its key is held. */
  readonly next: ReceivingEpoch | undefined
}

/** cont(e): proves in a later handshake that it comes from the same device. */
export type ContinuityKey = Secret<'ContinuityKey'>

/** All that comes out of E_e, as one side has it. */
export interface Epoch extends SendingEpoch, ReceivingEpoch {
  /** nxt(e): what E_(e+1) is made from. */
  readonly nextStepKey: Secret<'EpochStepKey'>
  readonly continuityKey: ContinuityKey
}

/**
 * `expand(E_e)` of docs/protocol.md, "Epochs", seen from the side that sends in `sends`; wipes E_e.
 */
export function expandEpoch(secret: EpochSecret, number: number, sends: Direction): Epoch {
  const receives: Direction = sends === 1 ? 2 : 1
  const epoch: Epoch = {
    number,
    sendingKey: kdf('EpochKey', secret, 'So1Epoch', sends),
    receivingKey: kdf('EpochKey', secret, 'So1Epoch', receives),
    nextStepKey: kdf('EpochStepKey', secret, 'So1Epoch', 3),
    continuityKey: kdf('ContinuityKey', secret, 'So1Epoch', 4),
  }
  secret.wipe()
  return epoch
}

/** The key agreement that leads to an epoch. */
export interface EpochStep {
  /** e + 1: the epoch that is entered. */
  readonly target: number
  readonly sessionId: Uint8Array
  readonly kemSecret: Secret
  /** hk. */
  readonly keyDigest: Uint8Array
  /** hc. */
  readonly ciphertextDigest: Uint8Array
}

/** `hk = G(32, none, "kem key"; u32 (e+1) | public key)`. */
export function kemKeyDigest(target: number, publicKey: Uint8Array): Uint8Array {
  return hash(32, 'kem key', u32(target), publicKey)
}

/** `hc = G(32, none, "kem text"; u32 (e+1) | ciphertext)`. */
export function kemCiphertextDigest(target: number, ciphertext: Uint8Array): Uint8Array {
  return hash(32, 'kem text', u32(target), ciphertext)
}

/** `E_(e+1) = G(32, nxt(e) | SS, "epoch"; u32 (e+1) | SID | hk | hc)`. Wipes nothing. */
export function nextEpochSecret(nextStepKey: Secret<'EpochStepKey'>, step: EpochStep): EpochSecret {
  const { target, sessionId, kemSecret, keyDigest, ciphertextDigest } = step
  const message = concat(u32(target), sessionId, keyDigest, ciphertextDigest)
  return deriveSecret('EpochSecret', 32, [nextStepKey, kemSecret], 'epoch', message)
}
