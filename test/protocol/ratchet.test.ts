import { beforeAll, describe, expect, test } from 'vitest'
import { importSecret, ready } from '../../protocol/crypto.ts'
import { expandEpoch } from '../../protocol/epoch.ts'
import type { Epoch } from '../../protocol/epoch.ts'
import { envelopeBodyDigest, readEnvelope, SESSION_PREFIX } from '../../protocol/envelope.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import { CryptoError } from '../../protocol/errors.ts'
import type { HeaderKeys, RatchetHeader } from '../../protocol/header.ts'
import { encodeHeader, envelopeTag, openHeader, sealHeader } from '../../protocol/header.ts'
import { encodeBody } from '../../protocol/padding.ts'
import { handshakeSecrets } from '../../protocol/pqxdh.ts'
import type { HandshakeSecrets } from '../../protocol/pqxdh.ts'
import { createSignedPrekey } from '../../protocol/prekeys.ts'
import { ratchetDecrypt, ratchetDecryptFirst } from '../../protocol/ratchet-decrypt.ts'
import type { OpenContext } from '../../protocol/ratchet-decrypt.ts'
import { MAX_RETIRED_CHAINS } from '../../protocol/ratchet-records.ts'
import type { Ratchet } from '../../protocol/ratchet.ts'
import {
  MAX_NUMBER,
  ratchetEncrypt,
  ratchetInitiate,
  ratchetRespond,
} from '../../protocol/ratchet.ts'
import { seededRandom } from '../support/random.ts'
import { outcome, refusal } from '../support/refusals.ts'
import { expectNothingLeft, wipedBy } from '../support/secrets.ts'
import { there } from '../support/talkers.ts'

// The ratchet alone, with states that no honest peer has: what a holder of the keys could send.

beforeAll(() => ready)

const TRANSCRIPT = new Uint8Array(64).fill(1)
const random = seededRandom('ratchet')

describe('a header is refused', () => {
  test('that names another epoch', () => {
    const { ours, theirs, context } = started()
    const later = { ...context.ours, number: 1 }
    const envelope = sealed(ours, later)
    expect(open(theirs, envelope, context.theirs)).toBe('SessionError ERR_NOT_AUTHENTIC')
    // And at a skipped position another one than it was skipped in.
    const skipping = advanced(ours, 1)
    const opened = ratchetDecrypt(theirs, contextOf(sealed(skipping, context.ours), context.theirs))
    expect(open(opened.next, envelope, context.theirs)).toBe('SessionError ERR_NOT_AUTHENTIC')
    expect(open(opened.next, sealed(ours, context.ours), context.theirs)).toBe('opened')
  })

  test('that names an epoch after the next one, or the next one before its key is held', () => {
    const { ours, theirs, context } = started()
    const [one, two] = [1, 2].map((number) => ({ ...context.ours, number }))
    const both = { epoch: context.theirs, next: { ...context.theirs, number: 1 } }
    const openWith = (envelope: Envelope): string =>
      refused(() =>
        ratchetDecrypt(theirs, { ...contextOf(envelope, context.theirs), epochs: both }),
      )
    expect(openWith(sealed(ours, there(two)))).toBe('SessionError ERR_NOT_AUTHENTIC')
    expect(openWith(sealed(ours, there(one)))).toBe('opened')
    expect(open(theirs, sealed(ours, there(one)), context.theirs)).toBe(
      'SessionError ERR_NOT_AUTHENTIC',
    )
  })

  test('at a skipped position, unless it names one of the two epochs that this can be of', () => {
    const { ours, theirs, context } = started()
    const [one, two] = [1, 2].map((number) => ({ ...context.ours, number }))
    const epochs = { epoch: context.theirs, next: { ...context.theirs, number: 1 } }
    const later = sealed(advanced(ours, 1), there(one))
    const { next } = ratchetDecrypt(theirs, { ...contextOf(later, context.theirs), epochs })
    expect(next.skipped).toMatchObject([{ epoch: 0, number: 0 }])
    expect(open(next, sealed(ours, there(two)), context.theirs)).toBe(
      'SessionError ERR_NOT_AUTHENTIC',
    )
    // Whatever is received in by now: their keys were made when they were skipped.
    for (const epoch of [context.ours, there(one)]) {
      expect(open(next, sealed(ours, epoch), there(two))).toBe('opened')
    }
  })

  test('whose chain changes its ratchet key or its PN', () => {
    const { ours, theirs, context } = started()
    const { next } = ratchetDecrypt(theirs, contextOf(sealed(ours, context.ours), context.theirs))
    const second = advanced(ours, 1)
    const otherKey = { ...second, ratchetKeyPair: next.ratchetKeyPair }
    const otherLength = { ...second, sending: { ...second.sending, previousChainLength: 7 } }
    for (const wrong of [otherKey, otherLength]) {
      const envelope = sealed(wrong, context.ours)
      expect(open(next, envelope, context.theirs)).toBe('SessionError ERR_NOT_AUTHENTIC')
    }
    expect(open(next, sealed(second, context.ours), context.theirs)).toBe('opened')
  })

  test('that begins a chain with the key of the one before, or with a PN below what was opened', () => {
    const { ours, theirs, context } = started()
    const heard = ratchetDecrypt(theirs, contextOf(sealed(ours, context.ours), context.theirs)).next
    const answered = ratchetDecrypt(
      ours,
      contextOf(sealed(heard, context.theirs), context.ours),
    ).next
    expect(answered.sending.previousChainLength).toBe(0)
    // `ours` was advanced by nobody here: its chain counts 0 sent, where one was opened.
    expect(open(heard, sealed(answered, context.ours), context.theirs)).toBe(
      'SessionError ERR_NOT_AUTHENTIC',
    )
    const counted = { ...answered, sending: { ...answered.sending, previousChainLength: 1 } }
    const repeated = { ...counted, ratchetKeyPair: ours.ratchetKeyPair }
    expect(open(heard, sealed(repeated, context.ours), context.theirs)).toBe(
      'SessionError ERR_NOT_AUTHENTIC',
    )
    expect(open(heard, sealed(counted, context.ours), context.theirs)).toBe('opened')
  })

  test('with a ratchet key of low order', () => {
    const { ours, theirs, context } = started()
    const publicKey = new Uint8Array(32) as Ratchet['ratchetKeyPair']['publicKey']
    const zero = { ...ours, ratchetKeyPair: { ...ours.ratchetKeyPair, publicKey } }
    expect(open(theirs, sealed(zero, context.ours), context.theirs)).toBe(
      'SessionError ERR_NOT_AUTHENTIC',
    )
  })

  test('with a position that a retired chain never had', () => {
    const { ours, theirs, context } = started()
    const heard = ratchetDecrypt(theirs, contextOf(sealed(ours, context.ours), context.theirs)).next
    const answer = sealed(heard, context.theirs)
    const answered = ratchetDecrypt(advanced(ours, 1), contextOf(answer, context.ours)).next
    const turned = ratchetDecrypt(heard, contextOf(sealed(answered, context.ours), context.theirs))
    const beyond = sealed(advanced(ours, 1), context.ours)
    expect(open(turned.next, beyond, context.theirs)).toBe('SessionError ERR_NOT_AUTHENTIC')
  })

  test('with the last number of all, which is nobody’s', () => {
    const { ours, theirs, context } = started()
    const last = { ...ours, sending: { ...ours.sending, nextToSend: MAX_NUMBER } }
    expect(open(theirs, sealed(last, context.ours), context.theirs)).toBe(
      'SessionError ERR_TOO_FAR_AHEAD',
    )
    const full = { ...ours, sending: { ...ours.sending, nextToSend: MAX_NUMBER + 1 } }
    expect(refusal(() => sealed(full, context.ours))).toBe('SessionError ERR_LIMIT')
  })
})

describe('a header that names a number above the last one is refused as a forgery', () => {
  const FORGED = 'SessionError ERR_NOT_AUTHENTIC'
  const FAR = 'SessionError ERR_TOO_FAR_AHEAD'

  test('in a session', () => {
    const { ours, theirs, context } = started()
    const envelope = sealed(ours, context.ours)
    const openAt = (number: number): string =>
      open(theirs, reheaded(theirs.nextReceivingKeys, envelope, { number }), context.theirs)
    expect([MAX_NUMBER, MAX_NUMBER + 1].map(openAt)).toEqual([FAR, FORGED])
  })

  test('in a first message', () => {
    const prekey = createSignedPrekey(random).keyPair
    const [here, there] = [agreed(), agreed()]
    const epochs = [here, there].map((one, i) => expandEpoch(one.epochSecret, 0, i === 0 ? 1 : 2))
    const [ours, theirs] = epochs as [Epoch, Epoch]
    const envelope = sealed(ratchetInitiate(here, prekey.publicKey, random), ours)
    const responder = ratchetRespond(there, prekey)
    const openAt = (number: number): string => {
      const changed = reheaded(responder.nextReceivingKeys, envelope, { number })
      return refused(() => ratchetDecryptFirst(responder, contextOf(changed, theirs)))
    }
    expect([MAX_NUMBER, MAX_NUMBER + 1].map(openAt)).toEqual([FAR, FORGED])
    const foreign = { ...envelope, tag: envelope.tag.map((byte) => byte ^ 1) }
    expect(refused(() => ratchetDecryptFirst(responder, contextOf(foreign, theirs)))).toBe(FORGED)
    expect(openAt(0)).toBe('opened') // the same header again
  })
})

test('without an old chain PN skips nothing, whatever it says', () => {
  const prekey = createSignedPrekey(random).keyPair
  const [here, there] = [agreed(), agreed()]
  const start = ratchetInitiate(here, prekey.publicKey, random)
  const boasting = { ...start, sending: { ...start.sending, previousChainLength: MAX_NUMBER } }
  const envelope = sealed(boasting, expandEpoch(here.epochSecret, 0, 1))
  const responder = ratchetRespond(there, prekey)
  const context = contextOf(envelope, expandEpoch(there.epochSecret, 0, 2))
  expect(ratchetDecryptFirst(responder, context).next.skipped).toEqual([])
})

test('an envelope that no chain made is noise', () => {
  const { ours, theirs, context } = started()
  const envelope = sealed(ours, context.ours)
  const foreign = { ...envelope, tag: envelope.tag.map((byte) => byte ^ 1) }
  expect(open(theirs, foreign, context.theirs)).toBe('SessionError ERR_NO_SESSION')
})

test('a body whose padding holds no content is refused, though it is authentic', () => {
  const { ours, theirs, context } = started()
  const paddedBody = new Uint8Array(256).fill(0xff)
  const envelope = sealed(ours, context.ours, paddedBody)
  expect(open(theirs, envelope, context.theirs)).toBe('SessionError ERR_NOT_AUTHENTIC')
})

describe('a body that does not hold under a header that does', () => {
  /** Names of what is wiped when such an envelope comes, where the next epoch may have begun. */
  function wipedFor(from: Ratchet, to: Ratchet, epoch: Epoch, receiving: Epoch): readonly string[] {
    const another = new Uint8Array(64).fill(2)
    const next = { ...epoch, number: 1 }
    const envelope = sealed(from, next, undefined, another)
    const epochs = { epoch: receiving, next: { ...receiving, number: 1 } }
    const context = { ...contextOf(envelope, receiving), epochs }
    const { result, names } = wipedBy(() => refused(() => ratchetDecrypt(to, context)))
    expect(result).toBe('SessionError ERR_NOT_AUTHENTIC')
    return names
  }
  const count = (names: readonly string[], name: string): number =>
    names.filter((one) => one === name).length

  test('costs the keys of the positions it passed, in both epochs, and the chain’s own', () => {
    const { ours, theirs, context } = started()
    const { next } = ratchetDecrypt(theirs, contextOf(sealed(ours, context.ours), context.theirs))
    const names = wipedFor(advanced(ours, 4), next, context.ours, context.theirs)
    for (const name of ['BodyKey', 'SaltKey']) expect(count(names, name)).toBe(2 * 3 + 1)
    expect(count(names, 'ChainKey')).toBe(4)
    expect(open(next, sealed(advanced(ours, 4), context.ours), context.theirs)).toBe('opened')
  })

  test('costs a whole turn: root, header keys, chain, and what was missing of the one before', () => {
    const { ours, theirs, context } = started()
    const heard = ratchetDecrypt(theirs, contextOf(sealed(ours, context.ours), context.theirs)).next
    const answer = sealed(heard, context.theirs)
    // Of five in the chain before, one was opened; two of the new one are passed.
    const turned = ratchetDecrypt(advanced(ours, 5), contextOf(answer, context.ours)).next
    const names = wipedFor(advanced(turned, 2), heard, context.ours, context.theirs)
    expect(count(names, 'BodyKey')).toBe(2 * (4 + 2) + 1)
    for (const name of ['RootKey', 'HeaderKey', 'TagKey']) expect(count(names, name)).toBe(1)
    expect(count(names, 'ChainKey')).toBe(4 + 2 + 2) // one for each step, and the one that the root gave
    expect(open(heard, sealed(advanced(turned, 2), context.ours), context.theirs)).toBe('opened')
  })
})

test('what is refused names its cause', () => {
  const { ours, theirs, context } = started()
  const envelope = sealed(ours, context.ours, undefined, new Uint8Array(64).fill(2))
  expect(() => ratchetDecrypt(theirs, contextOf(envelope, context.theirs))).toThrow(
    expect.objectContaining({ code: 'ERR_NOT_AUTHENTIC', cause: expect.any(CryptoError) }),
  )
  const header = envelope.sealedHeader.with(0, (envelope.sealedHeader[0] ?? 0) ^ 1)
  const digest = envelopeBodyDigest(envelope.prefix, header, envelope.body)
  const forged = { ...envelope, sealedHeader: header, digest }
  const tagged = { ...forged, tag: envelopeTag(theirs.nextReceivingKeys, envelope.salt, digest) }
  expect(() => ratchetDecrypt(theirs, contextOf(tagged, context.theirs))).toThrow(
    expect.objectContaining({ code: 'ERR_NOT_AUTHENTIC', cause: expect.any(CryptoError) }),
  )
})

test('chains that wait for messages are at most 400: the oldest goes with its keys', () => {
  const start = started()
  const { context } = start
  let { ours, theirs } = start
  for (let turn = 0; turn < MAX_RETIRED_CHAINS + 5; turn += 1) {
    // One message of each chain is lost.
    ours = advanced(ours, 1)
    const there = ratchetDecrypt(theirs, contextOf(sealed(ours, context.ours), context.theirs))
    const back = sealed(there.next, context.theirs)
    ours = ratchetDecrypt(advanced(ours, 1), contextOf(back, context.ours)).next
    theirs = advanced(there.next, 1)
  }
  expect(theirs.retired).toHaveLength(MAX_RETIRED_CHAINS)
  expect(theirs.skipped[0]?.chain).toBe(theirs.retired[0]?.chain)
  expect(theirs.skipped).toHaveLength(MAX_RETIRED_CHAINS + 1)
})

/** Two states that have agreed, the second after its first message. */
function started(): {
  readonly ours: Ratchet
  readonly theirs: Ratchet
  readonly context: { readonly ours: Epoch; readonly theirs: Epoch }
} {
  const prekey = createSignedPrekey(random).keyPair
  const here = agreed()
  const ours = ratchetInitiate(here, prekey.publicKey, random)
  const there = agreed()
  const context = {
    ours: expandEpoch(here.epochSecret, 0, 1),
    theirs: expandEpoch(there.epochSecret, 0, 2),
  }
  const envelope = sealed(ours, context.ours)
  const responder = ratchetRespond(there, prekey)
  const { next } = ratchetDecryptFirst(responder, contextOf(envelope, context.theirs))
  const answer = sealed(next, context.theirs)
  // From here on the initiator is in a chain of which nothing was opened.
  const answered = ratchetDecrypt(advanced(ours, 1), contextOf(answer, context.ours)).next
  return { ours: answered, theirs: advanced(next, 1), context }
}

function agreed(): HandshakeSecrets {
  const shared = [2, 3, 4, 5].map((byte) => importSecret('x', new Uint8Array(32).fill(byte)))
  return handshakeSecrets(TRANSCRIPT, shared)
}

function sealed(
  ratchet: Ratchet,
  epoch: Epoch,
  paddedBody = encodeBody(new Uint8Array(3), []),
  associatedData = TRANSCRIPT,
): Envelope {
  const input = { paddedBody, prefix: SESSION_PREFIX, associatedData, epoch }
  const owners = [ratchet, epoch]
  const sealed = expectNothingLeft(() => ratchetEncrypt(ratchet, input, random), owners)
  return readEnvelope(sealed.envelope)
}

/** The envelope with another header, as a holder of the header keys could make it. */
function reheaded(keys: HeaderKeys, envelope: Envelope, change: Partial<RatchetHeader>): Envelope {
  const { prefix, salt, body } = envelope
  const header = encodeHeader({ ...openHeader(keys, envelope), ...change })
  const sealedHeader = sealHeader(keys, salt, prefix, header)
  const digest = envelopeBodyDigest(prefix, sealedHeader, body)
  return { ...envelope, sealedHeader, digest, tag: envelopeTag(keys, salt, digest) }
}

/** The state after `count` messages were sealed and lost. */
function advanced(ratchet: Ratchet, count: number): Ratchet {
  const epoch = expandEpoch(importSecret('EpochSecret', new Uint8Array(32)), 0, 1)
  const paddedBody = encodeBody(new Uint8Array(0), [])
  const input = { paddedBody, prefix: SESSION_PREFIX, associatedData: TRANSCRIPT, epoch }
  let next = ratchet
  for (let i = 0; i < count; i += 1) next = ratchetEncrypt(next, input, random).next
  return next
}

function contextOf(envelope: Envelope, epoch: Epoch): OpenContext {
  const epochs = { epoch, next: undefined }
  return { envelope, associatedData: TRANSCRIPT, epochs, now: 0, random }
}

function open(ratchet: Ratchet, envelope: Envelope, epoch: Epoch): string {
  const context = contextOf(envelope, epoch)
  return refused(() => expectNothingLeft(() => ratchetDecrypt(ratchet, context), [ratchet, epoch]))
}

function refused(run: () => unknown): string {
  const result = outcome(run)
  return typeof result === 'string' ? result : 'opened'
}
