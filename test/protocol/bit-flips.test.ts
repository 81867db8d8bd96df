/** Every bit of every field, flipped once: nothing that was changed on its way is taken for what was sent. */
import { beforeAll, describe, expect, test } from 'vitest'
import { verifyBundle } from '../../protocol/bundle.ts'
import { concat, equalBytes, fromHex, toHex, utf8 } from '../../protocol/bytes.ts'
import { continuityItems, provenBy } from '../../protocol/continuity.ts'
import { ready } from '../../protocol/crypto.ts'
import { verifyHandOut, verifyLogin } from '../../protocol/custody.ts'
import { openReceipt, verifyCustody } from '../../protocol/receipt.ts'
import { verifyDeviceCertificate } from '../../protocol/device.ts'
import { envelopeBodyDigest, readEnvelope } from '../../protocol/envelope.ts'
import { SessionError } from '../../protocol/errors.ts'
import { envelopeTag } from '../../protocol/header.ts'
import { decodeContactLink, decodeMailboxLink } from '../../protocol/link.ts'
import { openMessage } from '../../protocol/open-message.ts'
import { itemKinds } from '../../protocol/padding.ts'
import { verifyOneTimePair } from '../../protocol/prekeys.ts'
import type { Session } from '../../protocol/session.ts'
import { acceptSession } from '../../protocol/session.ts'
import { decodeSession, encodeSession, encodeSkippedKey } from '../../protocol/session-codec.ts'
import { decodeStatement, encodeStatement } from '../../protocol/statement.ts'
import { linkVectors } from '../make-vectors/formats.ts'
import { NOW, account, mailboxName, person } from '../make-vectors/people.ts'
import { recordVectors } from '../make-vectors/records.ts'
import { sessionVectors } from '../make-vectors/sessions.ts'
import { Transcript } from '../make-vectors/transcript.ts'
import { type ByteRange, eachFlip, expectEachFlip } from '../support/bit-flips.ts'
import { seededRandom } from '../support/random.ts'
import { outcome, refusal } from '../support/refusals.ts'

beforeAll(() => ready)

const OURS = /^(DecodeError|RecordError) ERR_/
const NOT_AUTHENTIC = /^SessionError ERR_NOT_AUTHENTIC$/
const time = { now: NOW + 5, random: seededRandom('bit flips') }

describe('a flipped bit is refused in', () => {
  const cases = {
    'a device certificate': () => {
      const { bytes } = recordVectors().certificate
      return [bytes, (signed: Uint8Array) => verifyDeviceCertificate(signed, NOW)] as const
    },
    'a one-time pair': () => {
      const { owner, oneTimePair } = recordVectors()
      const expected = { account: person('responder').account.key, now: NOW }
      expect(owner.account).toBe(toHex(expected.account))
      return [
        oneTimePair.bytes,
        (signed: Uint8Array) => verifyOneTimePair(signed, expected),
      ] as const
    },
    'a bundle': () => {
      const expected = { account: person('responder').account.key, now: NOW }
      const { bytes } = recordVectors().bundle
      return [bytes, (signed: Uint8Array) => verifyBundle(signed, expected)] as const
    },
    'a login': () => {
      const { bytes, fields } = recordVectors().login
      const { mailboxNonce, ownerNonce, instanceId } = fields
      const expected = {
        ...{ mailbox: account(mailboxName).key, mailboxNonce: fromHex(mailboxNonce) },
        ...{ ownerNonce: fromHex(ownerNonce), instanceId: fromHex(instanceId) },
      }
      return [bytes, (signed: Uint8Array) => verifyLogin(signed, expected)] as const
    },
    'a custody receipt': () => {
      const { receipt, expected } = custody()
      return [receipt, (signed: Uint8Array) => verifyCustody(signed, expected)] as const
    },
    'a custody receipt whose root is known': () => {
      const { receipt, expected } = custody()
      const { root } = openReceipt(fromHex(receipt), expected)
      return [receipt, (signed: Uint8Array) => openReceipt(signed, expected, root)] as const
    },
    'a hand-out note': () => {
      const { bytes } = recordVectors().handOut
      return [bytes, (signed: Uint8Array) => verifyHandOut(signed, notes())] as const
    },
  }

  test.each(Object.entries(cases))('%s', (_, make) => {
    const [text, read] = make()
    const bytes = fromHex(text)
    expectEachFlip(bytes, read, OURS)
    expect(read(bytes)).toBeDefined()
  })

  /** Letters are read in any case: bit 5 of a letter is no change. */
  test.each(['contacts', 'mailboxes'] as const)('a link, %s', (kind) => {
    const read = kind === 'contacts' ? decodeContactLink : decodeMailboxLink
    for (const { link } of linkVectors()[kind]) {
      eachFlip(utf8(link), [0, link.length], (changed, bit) => {
        const text = String.fromCharCode(...changed)
        if (text.toUpperCase() === link) return expect(read(text)).toEqual(read(link))
        expect(
          refusal(() => read(text)),
          `bit ${bit}`,
        ).toMatch(/^DecodeError /)
      })
    }
  })
})

/** The last of five. */
function custody() {
  const { receipt, envelopeDigest } = recordVectors().custody.promises[4] ?? expect.fail('five')
  return { receipt, expected: { ...notes(), envelopeDigest: fromHex(envelopeDigest) } }
}

function notes() {
  return { mailbox: account(mailboxName).key, owner: person('responder').account.key }
}

describe('a flipped bit of a first message is refused and leaves no trace, in', () => {
  const parts: Readonly<Record<string, readonly [length: number, refused: RegExp]>> = {
    'version and kind': [2, /^(DecodeError|SessionError) ERR_/],
    'prekey ids and flag': [13, /^(DecodeError ERR_MALFORMED|SessionError ERR_UNKNOWN_PREKEY)$/],
    'ephemeral key': [32, NOT_AUTHENTIC],
    'KEM ciphertext': [1088, NOT_AUTHENTIC],
    'length of the hidden identity': [2, /^(DecodeError|SessionError) ERR_/],
    'hidden identity': [374, NOT_AUTHENTIC],
    salt: [16, NOT_AUTHENTIC],
    tag: [8, NOT_AUTHENTIC],
    'sealed header': [60, NOT_AUTHENTIC],
    body: [272, NOT_AUTHENTIC],
  }
  const names = Object.keys(parts)

  test.each(names)('%s', (name) => {
    const lengths = Object.values(parts).map(([length]) => length)
    const from = lengths.slice(0, names.indexOf(name)).reduce((sum, length) => sum + length, 0)
    const [length = 0, refused = OURS] = parts[name] ?? []
    const talk = new Transcript('bit flips', 'one-time')
    const envelope = talk.envelope(talk.send('A', 'hello'))
    expect(envelope.length).toBe(lengths.reduce((sum, one) => sum + one, 0))
    expectEachFlip(envelope, accept, refused, [from, from + length])
    expect(accept(envelope)).toEqual(utf8('hello'))
  })
})

function accept(bytes: Uint8Array): Uint8Array {
  const { device, signedPrekey: signed, kemPrekey: kem, pair, bundle } = responder()
  const envelope = readEnvelope(bytes)
  if (envelope.kind !== 'first') throw new SessionError('ERR_NO_SESSION')
  const prekeys = { signed, kem, oneTime: pair }
  const bundleKnown = (sequence: number): boolean => sequence === bundle.sequence
  return acceptSession({ ours: device, prekeys, envelope, bundleKnown, ...time }).content
}

let held: ReturnType<typeof person> | undefined
const responder = (): ReturnType<typeof person> => (held ??= person('responder'))

/** B's session, and messages for it that have not come: of a retired chain, skipped, ahead, of the next chain; and one that has. */
function conversation() {
  const talk = new Transcript('bit flips', 'one-time')
  talk.receive('B', talk.send('A', 'begins'))
  talk.receive('A', talk.send('B', 'answers'))
  const retired = talk.send('A', 'retired')
  talk.receive('B', talk.send('A', 'ends it'))
  talk.receive('A', talk.send('B', 'turns'))
  const skipped = talk.send('A', 'skipped')
  const used = talk.send('A', 'used')
  talk.receive('B', used)
  const ahead = talk.send('A', 'ahead')
  talk.receive('A', talk.send('B', 'turns again'))
  const next = talk.send('A', 'next')
  const envelopes = { retired, skipped, ahead, next, used }
  return { talk, to: talk.session('B'), envelopes }
}

const KINDS = ['retired', 'skipped', 'ahead', 'next'] as const

/** The keys of the chain that a message is of. */
function chainKeys({ ratchet }: Session, kind: keyof ReturnType<typeof conversation>['envelopes']) {
  const { receiving, nextReceivingKeys, retired } = ratchet
  const keys = { retired: retired.at(-1)?.headerKeys, next: nextReceivingKeys }
  const found = kind === 'retired' || kind === 'next' ? keys[kind] : receiving?.headerKeys
  if (found === undefined) throw new Error('no such chain')
  return found
}

describe.each(KINDS)('a flipped bit of a message of a session, %s', (kind) => {
  test('is noise, and changes nothing', () => {
    const { talk, to, envelopes } = conversation()
    const envelope = talk.envelope(envelopes[kind])
    const before = toHex(encodeSession(to))
    const read = (bytes: Uint8Array): unknown => openMessage(to, readEnvelope(bytes), time)
    expectEachFlip(envelope, read, /^DecodeError ERR_/, [0, 2])
    expectEachFlip(envelope, read, /^SessionError ERR_NO_SESSION$/, [2, envelope.length])
    expect(toHex(encodeSession(to))).toBe(before)
    expect(openMessage(to, readEnvelope(envelope), time).content).toEqual(utf8(kind))
  })

  test('is refused where its maker knows how to tag it', () => {
    const { talk, to, envelopes } = conversation()
    const envelope = talk.envelope(envelopes[kind])
    const before = toHex(encodeSession(to))
    const keys = chainKeys(to, kind)
    const read = (bytes: Uint8Array): unknown => openMessage(to, tagged(bytes, keys), time)
    for (const range of [SALT, [26, envelope.length] as const]) {
      expectEachFlip(envelope, read, NOT_AUTHENTIC, range)
    }
    expect(toHex(encodeSession(to))).toBe(before)
    expect(openMessage(to, tagged(envelope, keys), time).content).toEqual(utf8(kind))
  })
})

/** After the prefix of two bytes. */
const SALT: ByteRange = [2, 18]

/** The envelope with the tag that these keys make for it. */
function tagged(bytes: Uint8Array, keys: ReturnType<typeof chainKeys>) {
  const { prefix, salt, sealedHeader, body } = readEnvelope(bytes)
  const tag = envelopeTag(keys, salt, envelopeBodyDigest(prefix, sealedHeader, body))
  return readEnvelope(concat(prefix, salt, tag, sealedHeader, body))
}

test('a flipped bit at a position that was used is noise, or with a right tag a divergence', () => {
  const { talk, to, envelopes } = conversation()
  const envelope = talk.envelope(envelopes.used)
  const read = (bytes: Uint8Array): unknown => openMessage(to, readEnvelope(bytes), time)
  expect(refusal(() => read(envelope))).toBe('SessionError ERR_DUPLICATE')
  expectEachFlip(envelope, read, /^SessionError ERR_NO_SESSION$/, [2, envelope.length])
  const retagged = (bytes: Uint8Array): unknown =>
    openMessage(to, tagged(bytes, chainKeys(to, 'used')), time)
  expectEachFlip(envelope, retagged, /^SessionError ERR_DIVERGED$/, [86, envelope.length])
})

test('a flipped bit of the handshake in a later message of it is refused', () => {
  const talk = new Transcript('bit flips', 'one-time')
  talk.receive('B', talk.send('A', 'begins'))
  const envelope = talk.envelope(talk.send('A', 'again'))
  const to = talk.session('B')
  const keys = chainKeys(to, 'ahead')
  const read = (bytes: Uint8Array): unknown => openMessage(to, tagged(bytes, keys), time)
  // Version and kind, ids and flag, then all that follows the ephemeral key.
  for (const range of [[0, 15] as const, [47, 1511] as const]) {
    expectEachFlip(envelope, read, /^(DecodeError ERR_|SessionError ERR_NOT_AUTHENTIC$)/, range)
  }
  expectEachFlip(envelope, read, /^SessionError ERR_NO_SESSION$/, [15, 47])
  expect(openMessage(to, tagged(envelope, keys), time).content).toEqual(utf8('again'))
})

describe('no bit is passed over in', () => {
  test('a statement', () => {
    const value = fromHex(sessionVectors().statement.value)
    eachFlip(value, [0, value.length], (changed) => {
      expectExactOrRefused(changed, () => encodeStatement(decodeStatement(changed)))
    })
  })

  test('a proof of continuity', () => {
    const { talk } = conversation()
    const [from, to] = [talk.session('A'), talk.session('B')]
    const session = new Transcript('bit flips, anew', 'last-resort').session('A')
    const item = proof(session, from)
    const proven = (value: Uint8Array): boolean =>
      provenBy(session, [{ kind: itemKinds.continuity, value }], [to]) !== undefined
    eachFlip(item, [0, item.length], (changed, bit) => {
      expect(proven(changed), `bit ${bit}`).toBe(false)
    })
    expect(proven(item)).toBe(true)
  })

  test('a stored session, and in the records beside it', () => {
    const { to } = conversation()
    const bytes = encodeSession(to)
    eachFlip(bytes, [0, bytes.length], (changed) => {
      expectExactOrRefused(changed, () => encodeSession(decodeSession(changed, [])))
    })
    const { retired, skipped } = to.ratchet
    const empty = encodeSession(new Transcript('bit flips', 'one-time').session('A'))
    for (const record of [retired[0], skipped[0], to.ratchet.marks[0]]) {
      if (record === undefined) throw new Error('no such record')
      const stored = encodeSkippedKey(record)
      eachFlip(stored, [0, stored.length], (changed) => {
        expectExactOrRefused(changed, () => {
          const { ratchet } = decodeSession(empty, [changed])
          const [read] = [...ratchet.skipped, ...ratchet.retired, ...ratchet.marks]
          return read === undefined ? new Uint8Array() : encodeSkippedKey(read)
        })
      })
    }
  })
})

function proof(session: Session, older: Session): Uint8Array {
  const [item] = continuityItems(session, [older, session])
  if (item === undefined) throw new Error('no proof')
  return item.value
}

/** What is not sealed by itself has no bit that a reader passes over: it says something else then, or nothing. */
function expectExactOrRefused(changed: Uint8Array, again: () => Uint8Array): void {
  const result = outcome(again)
  if (typeof result === 'string') expect(result).toMatch(/^DecodeError ERR_/)
  else expect(equalBytes(result, changed)).toBe(true)
}
