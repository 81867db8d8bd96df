// Epochs of the post-quantum ratchet: one key per direction and epoch, mixed into every message
// key. Sessions are in epoch 0, whose secret comes out of the handshake; `nextEpochSecret` is the
// step to a later one.

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

/** What one side keeps of an epoch. */
export interface Epoch {
  readonly number: number
  /** epk(e, our direction): mixed into the keys of what we send. */
  readonly sendingKey: Secret<'EpochKey'>
  /** epk(e, their direction). */
  readonly receivingKey: Secret<'EpochKey'>
  /** nxt(e): what E_(e+1) is made from. */
  readonly nextStepKey: Secret<'EpochStepKey'>
  /** cont(e): proves in a later handshake that it comes from the same device. */
  readonly continuityKey: Secret<'ContinuityKey'>
}

/**
 * `expand(E_e)` of docs/protocol.md, "Epochs", seen from the side that sends in `sends`; wipes E_e.
 */
export function expandEpoch(secret: EpochSecret, number: number, sends: Direction): Epoch {
  const receives: Direction = sends === 1 ? 2 : 1
  const epoch: Epoch = {
    number,
    sendingKey: kdf('EpochKey', 32, secret, 'So1Epoch', sends),
    receivingKey: kdf('EpochKey', 32, secret, 'So1Epoch', receives),
    nextStepKey: kdf('EpochStepKey', 32, secret, 'So1Epoch', 3),
    continuityKey: kdf('ContinuityKey', 32, secret, 'So1Epoch', 4),
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
  readonly kemPublicKey: Uint8Array
  readonly kemCiphertext: Uint8Array
}

/** `E_(e+1) = G(32, nxt(e) | SS, "epoch"; u32 (e+1) | SID | hk | hc)`. Wipes nothing. */
export function nextEpochSecret(nextStepKey: Secret<'EpochStepKey'>, step: EpochStep): EpochSecret {
  const target = u32(step.target)
  const keyDigest = hash(32, 'kem key', target, step.kemPublicKey)
  const ciphertextDigest = hash(32, 'kem text', target, step.kemCiphertext)
  const message = concat(target, step.sessionId, keyDigest, ciphertextDigest)
  return deriveSecret('EpochSecret', 32, [nextStepKey, step.kemSecret], 'epoch', message)
}

/** The secrets of an epoch, for wiping and for tests. */
export function epochSecrets(epoch: Epoch): readonly Secret[] {
  return [epoch.sendingKey, epoch.receivingKey, epoch.nextStepKey, epoch.continuityKey]
}
