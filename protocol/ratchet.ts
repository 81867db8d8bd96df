// The Double Ratchet with header encryption (Double Ratchet rev 4, §4): state, start and sending.
// Receiving is in `ratchet-decrypt.ts`.

import { equalBytes } from './bytes.ts'
import type { BytesOrParts, KeyPair } from './crypto.ts'
import { aeadSeal, deriveSecret, dh, generateSecret, kdf, x25519KeyPair } from './crypto.ts'
import type { RandomBytes } from './bytes.ts'
import type { ReceivingChain, SendingChain } from './chain.ts'
import { kdfChainKey } from './chain.ts'
import type { SendingEpoch } from './epoch.ts'
import { SALT_BYTES, SEALED_HEADER_BYTES, TAG_BYTES, envelopeBodyDigest } from './envelope.ts'
import { SessionError } from './errors.ts'
import type { HeaderKeys, RatchetPublicKey } from './header.ts'
import { encodeHeader, envelopeTag, expandHeaderKey, sealHeader } from './header.ts'
import { messageKeys, messageSalt } from './message-keys.ts'
import type { Secret } from './secret.ts'
import type { MarkBlock } from './seen-marks.ts'
import type { SkippedKey } from './skipped-keys.ts'
import { skippedSecrets } from './skipped-keys.ts'

/** RK: 32 bytes. */
export type RootKey = Secret<'RootKey'>

/**
 * Counters are unsigned 32 bit; the last value is never a position, so that a chain's length fits
 * too.
 */
export const MAX_NUMBER = 0xffff_fffe

/**
 * A receiving chain that the other side has left. It opens what was skipped in it and recognises
 * clones.
 */
export interface RetiredChain {
  readonly kind: 'chain'
  readonly chain: number
  readonly headerKeys: HeaderKeys
  /** How many positions it had. */
  readonly length: number
}

/** What a turn of the Diffie-Hellman ratchet starts from. */
export interface TurnState {
  readonly rootKey: RootKey
  /** DHs. */
  readonly ratchetKeyPair: KeyPair<'RatchetKey' | 'SignedPrekey'>
  /** DHr; at the initiator, before the first answer, the signed prekey it used. */
  readonly theirRatchetKey: Uint8Array | undefined
  readonly sending: SendingChain | undefined
  /** NHKs. */
  readonly nextSendingKeys: HeaderKeys
  readonly receiving: ReceivingChain | undefined
  /** NHKr. */
  readonly nextReceivingKeys: HeaderKeys
  /** Rising by ordinal. */
  readonly retired: readonly RetiredChain[]
  readonly skipped: readonly SkippedKey[]
  readonly marks: readonly MarkBlock[]
}

/**
 * One side's state once it can send. Never written to: each step makes a new one that shares what
 * did not change.
 */
export interface Ratchet extends TurnState {
  readonly ratchetKeyPair: KeyPair<'RatchetKey'>
  readonly theirRatchetKey: Uint8Array
  readonly sending: SendingChain
}

/**
 * The responder before its first message: in memory only, for it holds the private signed prekey.
 */
export interface ResponderStart extends TurnState {
  readonly ratchetKeyPair: KeyPair<'SignedPrekey'>
  readonly theirRatchetKey: undefined
  readonly sending: undefined
  readonly receiving: undefined
}

/** What the handshake gives to both sides. */
export interface RatchetSecrets {
  /** SK. */
  readonly sessionSecret: RootKey
  /** HKA. */
  readonly headerKeyA: Secret<'NextHeaderKey'>
  /** NHKB. */
  readonly headerKeyB: Secret<'NextHeaderKey'>
}

/** What KDF_RK_HE gives: RK', CK and NHK. */
export interface RootStep {
  readonly rootKey: RootKey
  readonly chainKey: Secret<'ChainKey'>
  readonly nextHeaderKey: Secret<'NextHeaderKey'>
}

/**
 * KDF_RK_HE: `X = G(32, RK | dh, "ratchet")`, `RK' = D(32, X, "So1Root_", 1)`, `CK = ... 2`, `NHK =
 * ... 3`. Wipes the Diffie-Hellman output; RK is left to the caller.
 */
export function kdfRootKey(rootKey: RootKey, dhOutput: Secret): RootStep {
  const step = deriveSecret('RootStep', 32, [rootKey, dhOutput], 'ratchet')
  dhOutput.wipe()
  const result: RootStep = {
    rootKey: kdf('RootKey', step, 'So1Root_', 1),
    chainKey: kdf('ChainKey', step, 'So1Root_', 2),
    nextHeaderKey: kdf('NextHeaderKey', step, 'So1Root_', 3),
  }
  step.wipe()
  return result
}

/** GENERATE_DH(). Draws 32 bytes; they must come from the platform. */
export function generateRatchetKeyPair(random: RandomBytes): KeyPair<'RatchetKey'> {
  return x25519KeyPair(generateSecret('RatchetKey', 32, random))
}

/** RatchetInitAliceHE. Takes over the secrets: what the state does not keep is wiped. */
export function ratchetInitiate(
  secrets: RatchetSecrets,
  signedPrekey: Uint8Array,
  random: RandomBytes,
): Ratchet {
  // state.DHRs = GENERATE_DH(); state.DHRr = bob_dh_public_key
  const ratchetKeyPair = generateRatchetKeyPair(random)
  // state.RK, state.CKs, state.NHKs = KDF_RK_HE(SK, DH(state.DHRs, state.DHRr))
  const step = kdfRootKey(secrets.sessionSecret, dh(ratchetKeyPair.privateKey, signedPrekey))
  secrets.sessionSecret.wipe()
  return {
    rootKey: step.rootKey,
    ratchetKeyPair,
    theirRatchetKey: signedPrekey,
    // state.HKs = shared_hka; state.Ns = 0; state.PN = 0
    sending: {
      ordinal: 0,
      chainKey: step.chainKey,
      headerKeys: expandHeaderKey(secrets.headerKeyA),
      nextToSend: 0,
      previousChainLength: 0,
    },
    nextSendingKeys: expandHeaderKey(step.nextHeaderKey),
    // state.CKr = None; state.HKr = None; state.NHKr = shared_nhkb
    receiving: undefined,
    nextReceivingKeys: expandHeaderKey(secrets.headerKeyB),
    retired: [],
    skipped: [],
    marks: [],
  }
}

/** RatchetInitBobHE. Takes over the secrets; the signed prekey stays its owner's. */
export function ratchetRespond(
  secrets: RatchetSecrets,
  signedPrekeyPair: KeyPair<'SignedPrekey'>,
): ResponderStart {
  return {
    // state.DHRs = bob_dh_key_pair; state.DHRr = None; state.RK = SK
    rootKey: secrets.sessionSecret,
    ratchetKeyPair: signedPrekeyPair,
    theirRatchetKey: undefined,
    // state.CKs = None; state.HKs = None; state.NHKs = shared_nhkb
    sending: undefined,
    nextSendingKeys: expandHeaderKey(secrets.headerKeyB),
    // state.CKr = None; state.HKr = None; state.NHKr = shared_hka
    receiving: undefined,
    nextReceivingKeys: expandHeaderKey(secrets.headerKeyA),
    retired: [],
    skipped: [],
    marks: [],
  }
}

/** What is sealed, and with what beside the ratchet. */
export interface RatchetPlaintext {
  readonly paddedBody: BytesOrParts
  /** PRE. */
  readonly prefix: Uint8Array
  /** AD: the handshake's transcript. */
  readonly associatedData: Uint8Array
  readonly epoch: SendingEpoch
}

/** What sending did. The caller commits `next`, then wipes `spent`. */
export interface RatchetSealed {
  readonly next: Ratchet
  readonly envelope: Uint8Array
  readonly spent: readonly Secret[]
}

/** RatchetEncryptHE. Throws `SessionError` ERR_LIMIT when the chain's counter is used up. */
export function ratchetEncrypt(
  ratchet: Ratchet,
  { paddedBody, prefix, associatedData, epoch }: RatchetPlaintext,
  random: RandomBytes,
): RatchetSealed {
  const { sending } = ratchet
  const number = sending.nextToSend
  if (number > MAX_NUMBER) throw new SessionError('ERR_LIMIT')
  // state.CKs, mk = KDF_CK(state.CKs)
  const [chainKey, messageKey] = kdfChainKey(sending.chainKey)
  const position = { epoch: epoch.number, number }
  const [bodyKey, saltKey] = messageKeys(messageKey, epoch.sendingKey, position)
  // header = HEADER(state.DHRs, state.PN, state.Ns)
  const header = encodeHeader({
    ratchetKey: ratchet.ratchetKeyPair.publicKey,
    previousChainLength: sending.previousChainLength,
    number,
    epoch: epoch.number,
  })
  const salt = messageSalt(saltKey, { random: random(SALT_BYTES), header, paddedBody })
  // enc_header = HENCRYPT(state.HKs, header)
  const sealedHeader = sealHeader(sending.headerKeys, salt, prefix, header)
  // ENCRYPT(mk, plaintext, CONCAT(AD, enc_header))
  const ad = [associatedData, prefix, salt, sealedHeader]
  const bodyAt = prefix.length + SALT_BYTES + TAG_BYTES + SEALED_HEADER_BYTES
  const envelope = aeadSeal(bodyKey, salt, ad, paddedBody, bodyAt)
  bodyKey.wipe()
  const digest = envelopeBodyDigest(prefix, sealedHeader, envelope.subarray(bodyAt))
  const tag = envelopeTag(sending.headerKeys, salt, digest)
  envelope.set(prefix)
  envelope.set(salt, prefix.length)
  envelope.set(tag, prefix.length + SALT_BYTES)
  envelope.set(sealedHeader, bodyAt - SEALED_HEADER_BYTES)
  return {
    // state.Ns += 1
    next: { ...ratchet, sending: { ...sending, chainKey, nextToSend: number + 1 } },
    envelope,
    spent: [sending.chainKey],
  }
}

/** The secrets a state holds, each once: what is wiped when a session is dropped. */
export function ratchetSecrets(ratchet: TurnState): readonly Secret[] {
  const keys = [ratchet.nextSendingKeys, ratchet.nextReceivingKeys]
  const secrets: Secret[] = [ratchet.rootKey, ratchet.ratchetKeyPair.privateKey]
  for (const chain of [ratchet.sending, ratchet.receiving]) {
    if (chain === undefined) continue
    secrets.push(chain.chainKey)
    keys.push(chain.headerKeys)
  }
  for (const chain of ratchet.retired) keys.push(chain.headerKeys)
  for (const { seal, tag } of keys) secrets.push(seal, tag)
  secrets.push(...skippedSecrets(ratchet.skipped))
  return secrets
}

/** Whether two ratchet keys are the same. */
export function isSameKey(a: RatchetPublicKey, b: Uint8Array | undefined): boolean {
  return b !== undefined && equalBytes(a, b)
}
