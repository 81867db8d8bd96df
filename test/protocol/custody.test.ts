import { describe, expect, test } from 'vitest'
import type { AccountKey } from '../../protocol/account.ts'
import { ready } from '../../protocol/crypto.ts'
import {
  MAX_SIGNED_NOTE_BYTES,
  signHandOut,
  signLogin,
  signRetirement,
  verifyHandOut,
  verifyLogin,
  verifyRetirement,
} from '../../protocol/custody.ts'
import {
  HandOutPayloadSchema,
  RetirementPayloadSchema,
} from '../../protocol/generated/mailbox_pb.ts'
import { domains } from '../../protocol/labels.ts'
import { encodeMessage } from '../../protocol/protobuf.ts'
import { sealEnvelope } from '../../protocol/signed-envelope.ts'
import { NOW, testAccount } from '../support/people.ts'
import { seededRandom } from '../support/random.ts'
import { expectExact, expectNoBitSpare, refusal } from '../support/refusals.ts'

await ready

const WRONG = 'RecordError ERR_WRONG_ACCOUNT'
const random = seededRandom('custody')
const mailbox = testAccount('mailbox')
const owner = testAccount('owner')
const other = testAccount('other')

const login = {
  mailbox: mailbox.key,
  mailboxNonce: random(16),
  ownerNonce: random(16),
  instanceId: random(16),
}
const handOut = { owner: owner.key, keyId: 0xfedcba98, at: NOW, nonce: random(16) }

const signedLogin = signLogin(owner, login)
const signedNote = signHandOut(mailbox, handOut)
const expectedNote = { mailbox: mailbox.key, owner: owner.key }

test('each comes back as it was signed', () => {
  expect(verifyLogin(signedLogin, login)).toEqual(owner.key)
  expect(verifyHandOut(signedNote, expectedNote)).toEqual(handOut)
  expect(verifyHandOut(signedNote, { ...expectedNote, ...handOut })).toEqual(handOut)
})

test('nothing but the exact bytes count', () => {
  for (const [bytes, verify] of [
    [signedLogin, (changed: Uint8Array) => verifyLogin(changed, login)],
    [signedNote, (changed: Uint8Array) => verifyHandOut(changed, expectedNote)],
  ] as const) {
    expectExact(bytes, verify)
    expectNoBitSpare(bytes, verify, 5)
  }
})

test.each(['mailboxNonce', 'ownerNonce', 'instanceId'] as const)(
  'a login with another %s is refused',
  (field) => {
    const changed = { ...login, [field]: random(16) }
    expect(refusal(() => verifyLogin(signedLogin, changed))).toBe(WRONG)
  },
)

test('a login at another mailbox or by another account is refused', () => {
  for (const change of [{ mailbox: other.key }, { account: other.key }]) {
    expect(refusal(() => verifyLogin(signedLogin, { ...login, ...change }))).toBe(WRONG)
  }
  expect(verifyLogin(signedLogin, { ...login, account: owner.key })).toBe(owner.key)
})

test('a note of another mailbox, for another owner, key or requester is refused', () => {
  for (const change of [
    { mailbox: other.key },
    { owner: other.key },
    { keyId: 1 },
    { nonce: random(16) },
  ]) {
    expect(refusal(() => verifyHandOut(signedNote, { ...expectedNote, ...change }))).toBe(WRONG)
  }
})

test('one kind of signature does not count for another', () => {
  expect(refusal(() => verifyHandOut(signedLogin, expectedNote))).toBe('DecodeError ERR_MALFORMED')
  expect(refusal(() => verifyLogin(signedNote, login))).toBe('DecodeError ERR_MALFORMED')
})

test('numbers above 2^53 - 1 are refused', () => {
  const never = encodeMessage(HandOutPayloadSchema, { ...handOut, at: 2n ** 53n })
  const note = sealEnvelope({ account: mailbox, domain: domains.handOut, payload: never })
  expect(refusal(() => verifyHandOut(note, expectedNote))).toBe('DecodeError ERR_MALFORMED')
})

test('a note does not change with the buffer it was read from', () => {
  const buffer = signedNote.slice()
  const read = verifyHandOut(buffer, expectedNote)
  buffer.fill(0)
  expect(read).toEqual(handOut)
})

test.each([
  ['a short nonce', { nonce: random(15) }],
  ['a short owner', { owner: owner.key.slice(1) as AccountKey }],
])('a note with %s is refused', (_, change) => {
  const note = signHandOut(mailbox, { ...handOut, ...change })
  expect(refusal(() => verifyHandOut(note, expectedNote))).toBe('DecodeError ERR_MALFORMED')
})

test('a note above the limit is refused', () => {
  const large = new Uint8Array(MAX_SIGNED_NOTE_BYTES + 1)
  expect(refusal(() => verifyHandOut(large, expectedNote))).toBe('DecodeError ERR_TOO_LARGE')
})

describe('a notice that a mailbox will end', () => {
  const next = testAccount('next')
  const address = Uint8Array.of(4, 127, 0, 0, 1, 6, 0x11, 0xf9)
  const notice = { successor: next.key, addresses: [address], at: 5 }

  test('names another mailbox, or none', () => {
    expect(verifyRetirement(signRetirement(mailbox, notice), mailbox.key)).toEqual(notice)
    const alone = { successor: undefined, addresses: [], at: 5 }
    expect(verifyRetirement(signRetirement(mailbox, alone), mailbox.key)).toEqual(alone)
  })

  test('with all the addresses it may have, does not change with the buffer it was read from', () => {
    const longest = { ...notice, addresses: [address, new Uint8Array(128).fill(1)] }
    const buffer = signRetirement(mailbox, longest)
    const read = verifyRetirement(buffer, mailbox.key)
    buffer.fill(0)
    expect(read).toEqual(longest)
  })

  test('by another mailbox, or signed for something else, is refused', () => {
    const signed = signRetirement(mailbox, notice)
    expect(refusal(() => verifyRetirement(signed, other.key))).toBe(WRONG)
    expect(refusal(() => verifyRetirement(signedNote, mailbox.key))).toBe(
      'DecodeError ERR_MALFORMED',
    )
    expect(refusal(() => verifyHandOut(signed, expectedNote))).toBe('DecodeError ERR_MALFORMED')
  })

  test.each([
    ['three addresses', { addresses: [address, address, address] }, 'ERR_TOO_LARGE'],
    ['an address of 129 bytes', { addresses: [new Uint8Array(129)] }, 'ERR_TOO_LARGE'],
    ['an empty address', { addresses: [new Uint8Array(0)] }, 'ERR_MALFORMED'],
    [
      'a name of 31 bytes',
      { successor: next.key.slice(1) as AccountKey, addresses: [] },
      'ERR_MALFORMED',
    ],
    ['addresses of nobody', { successor: undefined }, 'ERR_MALFORMED'],
  ])('with %s is refused by both sides', (_, change, code) => {
    const wrong = { ...notice, ...change }
    expect(refusal(() => signRetirement(mailbox, wrong))).toBe(`DecodeError ${code}`)
    const payload = encodeMessage(RetirementPayloadSchema, {
      ...{ successor: wrong.successor ?? new Uint8Array(0), addresses: [...wrong.addresses] },
      at: 5n,
    })
    const signed = sealEnvelope({ account: mailbox, domain: domains.retirement, payload })
    expect(refusal(() => verifyRetirement(signed, mailbox.key))).toBe(`DecodeError ${code}`)
  })

  test('of a mailbox whose name is no account is refused', () => {
    const payload = encodeMessage(RetirementPayloadSchema, {
      ...{ successor: new Uint8Array(32), addresses: [] },
      at: 5n,
    })
    const signed = sealEnvelope({ account: mailbox, domain: domains.retirement, payload })
    expect(refusal(() => verifyRetirement(signed, mailbox.key))).toBe('RecordError ERR_BAD_KEY')
  })
})
