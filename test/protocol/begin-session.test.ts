import { beforeAll, describe, expect, test } from 'vitest'
import { utf8 } from '../../protocol/bytes.ts'
import { acceptSession, initiateSession } from '../../protocol/begin-session.ts'
import type { AcceptSessionInput } from '../../protocol/begin-session.ts'
import { importSecret, ready } from '../../protocol/crypto.ts'
import { certifyDevice } from '../../protocol/device.ts'
import type { EphemeralKey, FirstEnvelope } from '../../protocol/envelope.ts'
import { firstPrefix, readEnvelope } from '../../protocol/envelope.ts'
import { CryptoError } from '../../protocol/errors.ts'
import { offerOf } from '../../protocol/post-quantum.ts'
import { createOneTimePair, verifyOneTimePair } from '../../protocol/prekeys.ts'
import { NEVER_RODE } from '../../protocol/riding.ts'
import { Secret } from '../../protocol/secret.ts'
import type { Session } from '../../protocol/session.ts'
import { encryptMessage } from '../../protocol/session.ts'
import { encodeSession } from '../../protocol/session-codec.ts'
import { DAY, NOW, testPerson } from '../support/people.ts'
import { refusal } from '../support/refusals.ts'
import { expectNothingLeft, secretsIn, wipedBy } from '../support/secrets.ts'
import { Talker, there } from '../support/talkers.ts'

beforeAll(() => ready)

describe('classes', () => {
  test('with a one-time pair, which is spent', () => {
    const { ours, theirs } = strangers()
    ours.begin(theirs, { oneTime: true })
    const accepted = acceptSession(inputFor(theirs, ours.send()))
    expect(accepted.session.class).toEqual({ oneTime: true, postQuantum: true })
    expect(accepted.spent).toEqual([theirs.pair.keyPair.privateKey, theirs.pair.kem.seed])
  })

  test('on the last resort, which spends nothing even where a pair is at hand', () => {
    const { ours, theirs } = strangers()
    ours.begin(theirs)
    const accepted = acceptSession(inputFor(theirs, ours.send()))
    expect(accepted.session.class.oneTime).toBe(false)
    expect(accepted.spent).toEqual([])
    expect(accepted.theirs).toEqual(ours.person.device.certificate)
  })
})

describe('what the responder keeps', () => {
  test('not the private signed prekey, which stays usable', () => {
    const { ours, theirs } = strangers()
    ours.begin(theirs)
    const { session } = acceptSession(inputFor(theirs, ours.send()))
    const { privateKey } = theirs.person.signedPrekey.keyPair
    expect(secretsIn(session).has(privateKey)).toBe(false)
    const bytes = Secret.reveal(privateKey)
    expect(indexOf(encodeSession(session), bytes)).toBe(-1)

    const third = new Talker('third')
    third.begin(theirs)
    expect(theirs.receive(third.send())).toBe('opened')
  })

  test('nothing that the first step used up: a session holds its own keys only', () => {
    const { ours, theirs } = strangers()
    ours.begin(theirs)
    const { session } = acceptSession(inputFor(theirs, ours.send()))
    for (const secret of secretsIn(session)) expect(Secret.reveal(secret)).toHaveLength(32)
    expect(session.ratchet.sending.nextToSend).toBe(0)
    expect(session.ratchet.receiving?.nextToReceive).toBe(1)
  })
})

describe('refusals leave no trace', () => {
  test('any flipped bit of a first message', () => {
    const { ours, theirs } = strangers(false)
    ours.begin(theirs, { oneTime: true })
    const envelope = ours.send()
    const input = inputFor(theirs, envelope)
    for (let bit = 16; bit < envelope.length * 8; bit += 41) {
      const changed = envelope.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const accept = () => acceptSession({ ...input, envelope: first(changed) })
      expect(refusal(() => expectNothingLeft(accept, input))).toMatch(
        /^(DecodeError ERR_(MALFORMED|TOO_LARGE|TRUNCATED)|SessionError ERR_(NOT_AUTHENTIC|UNKNOWN_PREKEY))$/,
      )
    }
    // Prekeys, one-time pair and all, are as good as before.
    expect(acceptSession(input).session.class.oneTime).toBe(true)
  })

  test('a swapped body is found out after the handshake, before anything is asked', () => {
    const { ours, theirs } = strangers()
    ours.begin(theirs)
    const [one, two] = [first(ours.send()), first(ours.send())]
    const asked: number[] = []
    const input = inputFor(theirs, one.bytes)
    const bundleKnown = (sequence: number): boolean => asked.push(sequence) > 0
    const envelope = { ...one, body: two.body }
    expect(refused({ ...input, envelope, bundleKnown })).toBe('SessionError ERR_NOT_AUTHENTIC')
    expect(asked).toEqual([])
  })

  test('ids that are not of these prekeys', () => {
    const { ours, theirs } = strangers()
    ours.begin(theirs, { oneTime: true })
    const input = inputFor(theirs, ours.send())
    const { signed, kem, oneTime } = input.prekeys
    const wrong = [
      { signed: { ...signed, id: signed.id + 1 }, kem, oneTime },
      { signed, kem, oneTime: undefined },
      { signed, kem, oneTime: oneTime && { ...oneTime, id: oneTime.id + 1 } },
    ]
    for (const prekeys of wrong) {
      expect(refused({ ...input, prekeys })).toBe('SessionError ERR_UNKNOWN_PREKEY')
    }
  })

  test('a bundle that is not ours, after the body has opened', () => {
    const { ours, theirs } = strangers()
    ours.begin(theirs)
    const input = inputFor(theirs, ours.send())
    expect(refused({ ...input, bundleKnown: () => false })).toBe('SessionError ERR_UNKNOWN_PREKEY')
    expect(acceptSession(input).content).toBeDefined()
  })

  test('a bundle that is not ours, with all that the session would have kept', () => {
    const { ours, theirs } = strangers()
    ours.begin(theirs, { oneTime: true })
    const input = inputFor(theirs, ours.send())
    const { result } = wipedBy(() => acceptSession(input))
    const kept = [...secretsIn(result.session)].map(({ name }) => name).toSorted()
    const { names } = wipedBy(() => refused({ ...input, bundleKnown: () => false }))
    for (const name of kept) {
      expect(names).toContain(name)
      names.splice(names.indexOf(name), 1)
    }
  })

  test('what they are refused for is kept as the cause; a fault of ours comes out as it is', () => {
    const { ours, theirs } = strangers()
    ours.begin(theirs)
    const input = inputFor(theirs, ours.send())
    const { envelope } = input
    const wrong = { ...envelope, hiddenIdentity: envelope.hiddenIdentity.with(20, 0).with(21, 0) }
    expect(() => acceptSession({ ...input, envelope: wrong })).toThrow(
      expect.objectContaining({ code: 'ERR_NOT_AUTHENTIC', cause: expect.any(CryptoError) }),
    )
    const { signed } = input.prekeys
    const privateKey = importSecret('SignedPrekey', new Uint8Array(32))
    privateKey.wipe()
    const keyPair = { ...signed.keyPair, privateKey }
    const prekeys = { ...input.prekeys, signed: { ...signed, keyPair } }
    expect(() => acceptSession({ ...input, prekeys })).toThrow('SignedPrekey was wiped')
  })

  test('a device certificate that has lapsed, or was never valid', () => {
    const { ours, theirs } = strangers()
    ours.begin(theirs)
    const input = inputFor(theirs, ours.send())
    for (const now of [NOW + 181 * DAY, NOW - DAY]) {
      expect(refused({ ...input, now })).toBe('SessionError ERR_NOT_AUTHENTIC')
    }
  })

  test('somebody else’s certificate, or one for another key', () => {
    const { ours, theirs } = strangers()
    const { device, account } = ours.person
    const other = testPerson('other').device
    const certificates = [
      other.certificate,
      { ...device.certificate, bytes: other.certificate.bytes },
      certifyDevice(account, {
        ...device.certificate,
        identityKey: other.certificate.identityKey,
      }),
    ]
    for (const certificate of certificates) {
      const envelope = begin({ ...device, certificate }, theirs)
      expect(refused(inputFor(theirs, envelope))).toBe('SessionError ERR_NOT_AUTHENTIC')
    }
  })

  test('an ephemeral key of low order, or not canonical', () => {
    const { ours, theirs } = strangers()
    ours.begin(theirs)
    const honest = first(ours.send())
    for (const fill of [0x00, 0xff]) {
      const ephemeralKey = new Uint8Array(32).fill(fill) as EphemeralKey
      const prefix = firstPrefix({ ...honest, ephemeralKey })
      const envelope = { ...honest, ephemeralKey, prefix }
      expect(refused({ ...inputFor(theirs, honest.bytes), envelope })).toBe(
        'SessionError ERR_NOT_AUTHENTIC',
      )
    }
  })

  test('another responder, and the initiator itself', () => {
    const { ours, theirs } = strangers()
    const third = new Talker('third')
    ours.begin(theirs)
    const envelope = ours.send()
    for (const talker of [third, ours]) {
      const { prekeys } = inputFor(talker, envelope)
      const { signedPrekeyId, kemId } = first(envelope)
      const renamed = {
        signed: { ...prekeys.signed, id: signedPrekeyId },
        kem: { ...prekeys.kem, id: kemId },
      }
      expect(refused({ ...inputFor(talker, envelope), prekeys: renamed })).toBe(
        'SessionError ERR_NOT_AUTHENTIC',
      )
      expect(talker.receive(envelope)).toBe('ERR_UNKNOWN_PREKEY')
    }
  })

  test('a first message whose number is too far from the beginning', () => {
    const { ours, theirs } = strangers(false)
    ours.begin(theirs)
    const envelopes = Array.from({ length: 4002 }, () => ours.send())
    expect(theirs.receive(there(envelopes[4001]))).toBe('ERR_TOO_FAR_AHEAD')
    expect(theirs.sessions).toEqual([])
    expect(theirs.receive(there(envelopes[4000]))).toBe('opened')
    expect(theirs.receive(there(envelopes[0]))).toBe('opened')
  })
})

test('a part of the post-quantum ratchet in a first message is reported, not taken', () => {
  const { ours, theirs } = strangers()
  const made = ours.begin(theirs)
  const { epoch } = made.postQuantum
  if (!('nextStepKey' in epoch)) throw new Error('it has begun')
  const seed = importSecret('KemSeed', new Uint8Array(64).fill(9))
  const offering = {
    ...({ phase: 'offering', epoch, next: undefined, earlier: undefined, seed } as const),
    ...{ part: offerOf(seed, 1), riding: NEVER_RODE },
  }
  const { envelope } = encryptMessage({ ...made, postQuantum: offering }, utf8('hello'), ours)
  const accepted = acceptSession(inputFor(theirs, envelope))
  expect(accepted).toMatchObject({ diverged: true, session: { postQuantum: { phase: 'idle' } } })
})

test('a replayed first message makes no second session, also when the first is gone', () => {
  const { ours, theirs } = strangers()
  ours.begin(theirs)
  const envelope = ours.send()
  expect(theirs.receive(envelope)).toBe('opened')
  theirs.restart()
  expect(theirs.receive(envelope)).toBe('ERR_DUPLICATE')
  theirs.sessions = []
  expect(theirs.receive(envelope)).toBe('ERR_DUPLICATE')
})

describe('the initiator refuses', () => {
  test('a bundle or a pair that has lapsed', () => {
    const { ours, theirs } = strangers()
    const input = initiateInput(ours, theirs)
    expect(refusal(() => initiateSession({ ...input, now: NOW + 30 * DAY }))).toBe(
      'RecordError ERR_EXPIRED',
    )
    const oneTime = pairOf(theirs, { expiresAt: NOW + DAY })
    expect(refusal(() => initiateSession({ ...input, oneTime, now: NOW + DAY }))).toBe(
      'RecordError ERR_EXPIRED',
    )
    expect(initiateSession({ ...input, oneTime }).class.oneTime).toBe(true)
  })

  test('a pair of another account or device', () => {
    const { ours, theirs } = strangers()
    const input = initiateInput(ours, theirs)
    for (const oneTime of [pairOf(ours), pairOf(theirs, { device: 2 })]) {
      expect(refusal(() => initiateSession({ ...input, oneTime }))).toBe(
        'RecordError ERR_WRONG_ACCOUNT',
      )
    }
  })
})

test('the same randomness gives the same handshake, other randomness another', () => {
  const { ours, theirs } = strangers()
  const make = (talker: Talker): Session => initiateSession(initiateInput(talker, theirs))
  const again = new Talker('ours')
  expect(encodeSession(make(ours))).toEqual(encodeSession(make(again)))
  expect(encodeSession(make(ours))).not.toEqual(encodeSession(make(new Talker('ours'))))
})

/** The code of a refusal, which has left no secret behind. */
function refused(input: AcceptSessionInput): string {
  return refusal(() => expectNothingLeft(() => acceptSession(input), input))
}

function strangers(lawful = true): { readonly ours: Talker; readonly theirs: Talker } {
  return { ours: new Talker('ours', lawful), theirs: new Talker('theirs', lawful) }
}

function initiateInput(ours: Talker, theirs: Talker): Parameters<typeof initiateSession>[0] {
  const { device } = ours.person
  const { bundle } = theirs.person
  return { ours: device, theirs: bundle, ordinal: 1, seen: 0, now: NOW, random: ours.random }
}

function begin(device: Talker['person']['device'], theirs: Talker): Uint8Array {
  const session = initiateSession({ ...initiateInput(theirs, theirs), ours: device })
  return encryptMessage(session, utf8('hello'), { now: NOW, random: theirs.random }).envelope
}

function inputFor(talker: Talker, envelope: Uint8Array): AcceptSessionInput {
  const { device, signedPrekey, kemPrekey } = talker.person
  return {
    ours: device,
    prekeys: { signed: signedPrekey, kem: kemPrekey, oneTime: talker.pair },
    envelope: first(envelope),
    bundleKnown: () => true,
    now: NOW,
    random: talker.random,
  }
}

function pairOf(
  talker: Talker,
  overrides: { readonly device?: number; readonly expiresAt?: number } = {},
): ReturnType<typeof verifyOneTimePair> {
  const { account } = talker.person
  const { signed } = createOneTimePair({
    account,
    device: 1,
    mailbox: account.key,
    issuedAt: NOW,
    expiresAt: NOW + 60 * DAY,
    random: talker.random,
    ...overrides,
  })
  return verifyOneTimePair(signed, { account: account.key, now: NOW })
}

function first(bytes: Uint8Array): FirstEnvelope {
  const envelope = readEnvelope(bytes)
  if (envelope.kind !== 'first') throw new Error('not a first message')
  return envelope
}

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  return bytes.findIndex((_, at) => part.every((byte, i) => bytes[at + i] === byte))
}
