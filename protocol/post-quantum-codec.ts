// The post-quantum ratchet in a stored session (`session-codec.ts`). The bytes contain its secrets.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { ContinuityKey, Epoch } from './epoch.ts'
import type {
  StoredEpoch,
  StoredEpochSchema,
  StoredPostQuantum,
  StoredPostQuantumSchema,
  StoredRiding,
  StoredRidingSchema,
} from './generated/session_pb.ts'
import { KEY_PART_BYTES } from './key-parts.ts'
import { KEM_SEED_BYTES } from './primitives.ts'
import type { PostQuantum } from './post-quantum.ts'
import { MAX_EPOCH, offerOf } from './post-quantum.ts'
import { DecodeError } from './errors.ts'
import { toInteger } from './protobuf.ts'
import type { Riding } from './riding.ts'
import { Secret } from './secret.ts'
import { demand, present, secret, sized } from './stored-fields.ts'

/** The fields of a state. */
export function storedPostQuantum(
  state: PostQuantum,
): MessageInitShape<typeof StoredPostQuantumSchema> {
  return { epoch: storedEpoch(state.epoch), phase: storedPhase(state) }
}

/** The state of fields; throws `DecodeError` for anything that `storedPostQuantum` does not write. */
export function readPostQuantum(stored: StoredPostQuantum | undefined): PostQuantum {
  const { epoch, phase } = present(stored)
  const current = present(epoch)
  switch (phase.case) {
    case 'idle': {
      const { earlierContinuityKey, enteredAt, messages } = phase.value
      const earlier = readEarlier(current.number, earlierContinuityKey)
      const entered = { enteredAt: toInteger(enteredAt), messages }
      return { phase: 'idle', epoch: readEpoch(current), next: undefined, earlier, ...entered }
    }
    case 'offering': {
      const { number } = current
      demand(number < MAX_EPOCH)
      const earlier = readEarlier(number, phase.value.earlierContinuityKey)
      const seed = secret('KemSeed', phase.value.seed, KEM_SEED_BYTES)
      const offer = { seed, part: offerOf(seed, number + 1) }
      const riding = readRiding(phase.value.riding)
      return {
        phase: 'offering',
        epoch: readEpoch(current),
        next: undefined,
        earlier,
        ...offer,
        riding,
      }
    }
    case 'answered': {
      const { part, riding } = phase.value
      const next = readNext(current, phase.value.next)
      demand(current.nextStepKey.length === 0)
      const answer = { part: sized(part, KEY_PART_BYTES), riding: readRiding(riding) }
      return { phase: 'answered', epoch: readSending(current), next, ...answer }
    }
    case 'switched': {
      const { keyDigest, ciphertextDigest } = phase.value
      const next = readNext(current, phase.value.next)
      demand(current.nextStepKey.length === 0 && current.sendingKey.length === 0)
      const digests = {
        keyDigest: sized(keyDigest, 32),
        ciphertextDigest: sized(ciphertextDigest, 32),
      }
      return { phase: 'switched', epoch: readReceiving(current), next, ...digests }
    }
    case undefined:
      throw new DecodeError('ERR_MALFORMED')
  }
}

type PhaseFields = NonNullable<MessageInitShape<typeof StoredPostQuantumSchema>['phase']>

const NOTHING = new Uint8Array(0)

function storedPhase(state: PostQuantum): PhaseFields {
  switch (state.phase) {
    case 'idle': {
      const { enteredAt, messages } = state
      const earlierContinuityKey = revealed(state.earlier)
      const value = { earlierContinuityKey, enteredAt: BigInt(enteredAt), messages }
      return { case: 'idle', value }
    }
    case 'offering': {
      const earlierContinuityKey = revealed(state.earlier)
      const seed = Secret.reveal(state.seed)
      const riding = storedRiding(state.riding)
      return { case: 'offering', value: { earlierContinuityKey, seed, riding } }
    }
    case 'answered': {
      const { part } = state
      const riding = storedRiding(state.riding)
      return { case: 'answered', value: { next: storedEpoch(state.next), part, riding } }
    }
    case 'switched': {
      const { keyDigest, ciphertextDigest } = state
      const next = storedEpoch(state.next)
      return { case: 'switched', value: { next, keyDigest, ciphertextDigest } }
    }
  }
}

type EpochKeys = Pick<Epoch, 'number' | 'receivingKey' | 'continuityKey'> & Partial<Epoch>

function storedEpoch(epoch: EpochKeys): MessageInitShape<typeof StoredEpochSchema> {
  return {
    number: epoch.number,
    sendingKey: revealed(epoch.sendingKey),
    receivingKey: Secret.reveal(epoch.receivingKey),
    nextStepKey: revealed(epoch.nextStepKey),
    continuityKey: Secret.reveal(epoch.continuityKey),
  }
}

function revealed(key: Secret | undefined): Uint8Array {
  return key === undefined ? NOTHING : Secret.reveal(key)
}

function readEpoch(stored: StoredEpoch): Epoch {
  return { ...readSending(stored), nextStepKey: secret('EpochStepKey', stored.nextStepKey) }
}

function readSending(stored: StoredEpoch): Omit<Epoch, 'nextStepKey'> {
  return { ...readReceiving(stored), sendingKey: secret('EpochKey', stored.sendingKey) }
}

function readReceiving(stored: StoredEpoch): Omit<Epoch, 'nextStepKey' | 'sendingKey'> {
  return {
    number: stored.number,
    receivingKey: secret('EpochKey', stored.receivingKey),
    continuityKey: secret('ContinuityKey', stored.continuityKey),
  }
}

function readNext(current: StoredEpoch, next: StoredEpoch | undefined): Epoch {
  const epoch = present(next)
  demand(epoch.number === current.number + 1)
  return readEpoch(epoch)
}

/** There is one in every epoch but the first. */
function readEarlier(epoch: number, bytes: Uint8Array): ContinuityKey | undefined {
  demand((epoch === 0) === (bytes.length === 0))
  return epoch === 0 ? undefined : secret('ContinuityKey', bytes)
}

function storedRiding(riding: Riding): MessageInitShape<typeof StoredRidingSchema> {
  const { firstAt, lastAt, ...counts } = riding
  return { ...counts, firstAt: BigInt(firstAt), lastAt: BigInt(lastAt) }
}

function readRiding(stored: StoredRiding | undefined): Riding {
  const { rides, passed, firstAt, lastAt, chain, answeredChains, messages } = present(stored)
  const times = { firstAt: toInteger(firstAt), lastAt: toInteger(lastAt) }
  return { rides, passed, ...times, chain, answeredChains, messages }
}
