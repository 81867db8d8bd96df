/** What a message that opened did to its receiver: a turn of the ratchet, skipped keys, a step of the epochs. */
import {
  dh,
  importSecret,
  kemDecapsulate,
  kemEncapsulate,
  x25519KeyPair,
} from '../../protocol/crypto.ts'
import type { Direction, Epoch } from '../../protocol/epoch.ts'
import {
  expandEpoch,
  kemCiphertextDigest,
  kemKeyDigest,
  nextEpochSecret,
} from '../../protocol/epoch.ts'
import { expandHeaderKey } from '../../protocol/header.ts'
import { decodeAnswer, decodeOffer } from '../../protocol/key-parts.ts'
import type { Item } from '../../protocol/padding.ts'
import { itemKinds } from '../../protocol/padding.ts'
import type { PostQuantum } from '../../protocol/post-quantum.ts'
import type { RootKey } from '../../protocol/ratchet.ts'
import { kdfRootKey } from '../../protocol/ratchet.ts'
import type { Secret } from '../../protocol/secret.ts'
import type { KeptRecord, Session } from '../../protocol/session.ts'
import { agree, epochFields, headerKeyFields, hex, hexes, there } from './values.ts'

/** Around a message that opened. None of the secrets of `before` is wiped yet. */
export interface Receiving {
  /** RK and DHs before. */
  readonly rootKey: RootKey
  readonly privateKey: Secret
  readonly before: PostQuantum
  /** The session before; none where this message began it. */
  readonly session: Session | undefined
  readonly next: Session
  readonly added: readonly KeptRecord[]
  /** The items of the message. */
  readonly parts: readonly Item[]
  readonly draws: readonly Uint8Array[]
}

/** Everything that the step made. */
export function receivedFields(receiving: Receiving) {
  return {
    ...(hasTurned(receiving) ? { turn: turnFields(receiving) } : {}),
    skipped: skippedFields(receiving.added),
    ...epochStep(receiving),
    receiveEpoch: receiving.next.postQuantum.epoch.number,
  }
}

function hasTurned({ session, next }: Receiving): boolean {
  return session?.ratchet.sending.ordinal !== next.ratchet.sending.ordinal
}

/** What was drawn: a ratchet key for a turn, `m` of an encapsulation for an answer. */
export function receivingDraws(receiving: Receiving) {
  const { draws } = receiving
  const all = hasTurned(receiving) ? draws : [undefined, ...draws]
  const [ratchetPrivate, kemRandomness] = all.map((draw) => draw && hex(draw))
  return {
    ...(ratchetPrivate === undefined ? {} : { ratchetPrivate }),
    ...(kemRandomness === undefined ? {} : { kemRandomness }),
  }
}

/** Both root steps of a turn. */
function turnFields({ rootKey, privateKey, next, draws }: Receiving) {
  const { ratchet } = next
  const received = rootStep(rootKey, dh(privateKey, there(ratchet.theirRatchetKey)))
  const ours = x25519KeyPair(importSecret('RatchetKey', there(draws[0]).slice()))
  const sent = rootStep(received.step.rootKey, dh(ours.privateKey, there(ratchet.theirRatchetKey)))
  agree('ratchet key', hex(ours.publicKey), ratchet.ratchetKeyPair.publicKey)
  agree('RK', sent.fields.RK, ratchet.rootKey)
  agree('CKs', sent.fields.CK, ratchet.sending.chainKey)
  agree('next HE', sent.fields.HE, ratchet.nextSendingKeys.seal)
  agree('next HE of theirs', received.fields.HE, ratchet.nextReceivingKeys.seal)
  return {
    theirRatchetKey: hex(ratchet.theirRatchetKey),
    receiving: received.fields,
    ratchetKey: hex(ours.publicKey),
    sending: sent.fields,
  }
}

/** KDF_RK, with the header keys that NHK becomes. */
function rootStep(rootKey: RootKey, output: Secret) {
  const DH = hex(output)
  const step = kdfRootKey(rootKey, output)
  const fields = { DH, ...hexes({ RK: step.rootKey, CK: step.chainKey, NHK: step.nextHeaderKey }) }
  return { step, fields: { ...fields, ...headerKeyFields(expandHeaderKey(step.nextHeaderKey)) } }
}

function skippedFields(added: readonly KeptRecord[]) {
  return added
    .filter((record) => record.kind === 'skipped')
    .map(({ chain, number, epoch, bodyKey, nextBodyKey }) => ({
      ...{ chain, N: number, epoch, BK: hex(bodyKey) },
      ...(nextBodyKey === undefined ? {} : { nextBK: hex(nextBodyKey) }),
    }))
}

/** The key agreement that an offer was answered in, or that an answer ended. */
function epochStep(receiving: Receiving) {
  const { next } = receiving
  const after = next.postQuantum
  if (after.phase !== 'answered' && after.phase !== 'switched') return {}
  const stepKey = stepKeyOf(receiving)
  if (stepKey === undefined) return {} // agreed on before
  const target = after.next.number
  const { keyDigest, ciphertext, SS } =
    after.phase === 'answered' ? answered(receiving, target) : taken(receiving)
  const ciphertextDigest = kemCiphertextDigest(target, ciphertext)
  const secret = nextEpochSecret(stepKey, {
    ...{ target, kemSecret: SS, keyDigest, ciphertextDigest, sessionId: next.id },
  })
  const sends: Direction = next.handshake.by === 'ours' ? 1 : 2
  const fields = {
    ...{ event: after.phase, target, ciphertext: hex(ciphertext) },
    ...hexes({ hk: keyDigest, hc: ciphertextDigest, SS, E: secret }),
    epoch: epochFields(expandEpoch(secret, target, sends), sends),
  }
  agree('epoch', fields.epoch.nxt, after.next.nextStepKey)
  return { agreement: fields }
}

/** nxt(e) of the epoch that the message was received in, while it is there. */
function stepKeyOf({ before, next }: Receiving): Epoch['nextStepKey'] | undefined {
  if (next.postQuantum.epoch.number > before.epoch.number) return before.next?.nextStepKey
  const isHeld = before.phase === 'idle' || before.phase === 'offering'
  return isHeld ? before.epoch.nextStepKey : undefined
}

/** At the side that answered: `m` of the encapsulation was drawn last. */
function answered({ parts, draws }: Receiving, target: number) {
  const { publicKey } = decodeOffer(partOf(parts, itemKinds.offer))
  const { ciphertext, secret: SS } = kemEncapsulate(publicKey, () => there(draws.at(-1)).slice())
  return { keyDigest: kemKeyDigest(target, publicKey), ciphertext, SS }
}

/** At the side that offered. */
function taken({ before, parts }: Receiving) {
  const { keyDigest, ciphertext } = decodeAnswer(partOf(parts, itemKinds.answer))
  if (before.phase !== 'offering') throw new Error('vectors: nothing was offered')
  return { keyDigest, ciphertext, SS: kemDecapsulate(before.seed, ciphertext) }
}

function partOf(parts: readonly Item[], kind: Item['kind']): Uint8Array {
  return there(parts.find((part) => part.kind === kind)).value
}
