import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromBase32, toBase32 } from '../../protocol/base32.ts'
import { concat, fromHex, utf8 } from '../../protocol/bytes.ts'
import { hash, ready } from '../../protocol/crypto.ts'
import { CryptoError } from '../../protocol/errors.ts'
import { ContactLinkSchema, MailboxLinkSchema } from '../../protocol/generated/link_pb.ts'
import {
  CONTACT_LINK_PREFIX,
  decodeContactLink,
  decodeMailboxLink,
  encodeContactLink,
  encodeMailboxLink,
  MAILBOX_LINK_PREFIX,
  MAX_CONTACT_LINK_CHARACTERS,
} from '../../protocol/link.ts'
import { encodeMessage } from '../../protocol/protobuf.ts'
import { testAccount } from '../support/people.ts'
import { causeOf, refusal } from '../support/refusals.ts'

await ready

const account = testAccount('link').key
const mailbox = testAccount('mailbox').key
const ip4 = fromHex('047f000001060fa1')
const ip6 = concat(fromHex('29'), new Uint8Array(16).fill(0x20), fromHex('060fa1'))
const dns = concat(fromHex('36'), fromHex('14'), utf8('mailbox.example.name'), fromHex('060fa1'))

const contact = { account, mailboxes: [{ account: mailbox, address: ip4 }], addresses: [ip4] }
const link = encodeContactLink(contact)
const mailboxLink = {
  account: mailbox,
  addresses: [ip4, dns],
  joinSecret: new Uint8Array(16).fill(7),
}

/** A link over any fields, with a right checksum. */
function contactWith(fields: object, sum?: Uint8Array): string {
  const body = encodeMessage(ContactLinkSchema, fields)
  const checksum = sum ?? hash(16, 'link', utf8(CONTACT_LINK_PREFIX), body).slice(0, 4)
  return CONTACT_LINK_PREFIX + toBase32(encodeMessage(ContactLinkSchema, { ...fields, checksum }))
}

function mailboxWith(fields: object): string {
  const body = encodeMessage(MailboxLinkSchema, fields)
  const checksum = hash(16, 'link', utf8(MAILBOX_LINK_PREFIX), body).slice(0, 4)
  return MAILBOX_LINK_PREFIX + toBase32(encodeMessage(MailboxLinkSchema, { ...fields, checksum }))
}

test('a contact link comes back, in any case', () => {
  expect(decodeContactLink(link)).toEqual(contact)
  expect(decodeContactLink(link.toLowerCase())).toEqual(contact)
  expect(contactWith(contact)).toBe(link)
})

test('a mailbox link comes back, with and without a join secret', () => {
  expect(decodeMailboxLink(encodeMailboxLink(mailboxLink))).toEqual(mailboxLink)
  const open = { account: mailbox, addresses: [] }
  expect(decodeMailboxLink(encodeMailboxLink(open).toLowerCase())).toEqual(open)
  expect(mailboxWith(mailboxLink)).toBe(encodeMailboxLink(mailboxLink))
})

test('a link fits the compact mode of a QR code', () => {
  expect(link).toMatch(/^[0-9A-Z $%*+\-./:]+$/)
  expect(encodeMailboxLink(mailboxLink)).toMatch(/^[0-9A-Z $%*+\-./:]+$/)
})

test('a contact link never has more than 176 characters; hints that do not fit are left out', () => {
  const address = fc.constantFrom(ip4, ip6, dns, new Uint8Array(200))
  const box = address.map((value) => ({ account: mailbox, address: value }))
  fc.assert(
    fc.property(
      fc.array(box, { maxLength: 4 }),
      fc.array(address, { maxLength: 4 }),
      (mailboxes, addresses) => {
        const text = encodeContactLink({ account, mailboxes, addresses })
        expect(text.length).toBeLessThanOrEqual(MAX_CONTACT_LINK_CHARACTERS)
        const read = decodeContactLink(text)
        expect(read.account).toEqual(account)
        expect(mailboxes).toEqual(expect.arrayContaining([...read.mailboxes]))
        expect(addresses).toEqual(expect.arrayContaining([...read.addresses]))
        const first = mailboxes[0]?.address.length ?? 200
        expect(read.mailboxes.length > 0 || first > 30).toBe(true)
      },
    ),
  )
})

test('every shortened or lengthened link is refused', () => {
  for (let length = 0; length < link.length; length += 1) {
    expect(refusal(() => decodeContactLink(link.slice(0, length)))).toMatch(/^DecodeError/)
  }
  for (const tail of ['A', 'AA', '7', ' ', '=']) {
    expect(refusal(() => decodeContactLink(link + tail))).toMatch(/^DecodeError/)
  }
})

test('every mistyped character is refused', () => {
  for (let i = CONTACT_LINK_PREFIX.length; i < link.length; i += 1) {
    const wrong = link[i] === 'A' ? 'B' : 'A'
    const changed = link.slice(0, i) + wrong + link.slice(i + 1)
    expect(refusal(() => decodeContactLink(changed))).toMatch(/^DecodeError/)
  }
})

test('a wrong checksum is told', () => {
  const changed = contactWith(contact, new Uint8Array(4))
  expect(refusal(() => decodeContactLink(changed))).toBe('DecodeError ERR_CHECKSUM')
  const bytes = fromBase32(encodeMailboxLink(mailboxLink).slice(MAILBOX_LINK_PREFIX.length))
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
  expect(refusal(() => decodeMailboxLink(MAILBOX_LINK_PREFIX + toBase32(bytes)))).toBe(
    'DecodeError ERR_CHECKSUM',
  )
})

test('one kind of link is not read as the other', () => {
  expect(refusal(() => decodeMailboxLink(link))).toBe('DecodeError ERR_MALFORMED')
  expect(refusal(() => decodeContactLink(encodeMailboxLink(mailboxLink)))).toBe(
    'DecodeError ERR_MALFORMED',
  )
  const body = encodeContactLink({ account, mailboxes: [], addresses: [] })
  const renamed = body.replace(CONTACT_LINK_PREFIX, MAILBOX_LINK_PREFIX)
  expect(refusal(() => decodeMailboxLink(renamed))).toBe('DecodeError ERR_CHECKSUM')
})

test('a link of another version is told', () => {
  expect(refusal(() => decodeContactLink('sotto:c/2/abcd'))).toBe('DecodeError ERR_UNKNOWN_VERSION')
  expect(refusal(() => decodeMailboxLink('SOTTO:M/9/'))).toBe('DecodeError ERR_UNKNOWN_VERSION')
  expect(refusal(() => decodeContactLink('https://example.org'))).toBe('DecodeError ERR_MALFORMED')
})

const box = { account: mailbox, address: ip4 }
test.each([
  ['an account that is no key', { account: new Uint8Array(32) }, 'ERR_MALFORMED'],
  ['no account', {}, 'ERR_MALFORMED'],
  ['a mailbox that is no key', { account, mailboxes: [{ ...box, account: ip4 }] }, 'ERR_MALFORMED'],
  ['three own addresses', { account, addresses: [ip4, ip4, ip4] }, 'ERR_TOO_LARGE'],
])('%s is refused', (_, fields, code) => {
  expect(refusal(() => decodeContactLink(contactWith(fields)))).toBe(`DecodeError ${code}`)
})

test('why an account is no key is in the cause', () => {
  const wrong = contactWith({ account: new Uint8Array(32) })
  expect(causeOf(() => decodeContactLink(wrong))).toBeInstanceOf(CryptoError)
})

test('a third mailbox is refused', () => {
  // Three whole ones would be too long to be looked at.
  const text = contactWith({ account, mailboxes: [{}, {}, {}] })
  expect(text.length).toBeLessThan(MAX_CONTACT_LINK_CHARACTERS)
  expect(refusal(() => decodeContactLink(text))).toBe('DecodeError ERR_TOO_LARGE')
})

test('what is too long is neither written nor read', () => {
  expect(refusal(() => decodeContactLink(link.padEnd(177, 'A')))).toBe('DecodeError ERR_TOO_LARGE')
  // Nothing of 176 characters is base32, which is another matter.
  expect(refusal(() => decodeContactLink(link.padEnd(176, 'A')))).toBe(
    'DecodeError ERR_NOT_CANONICAL',
  )
  const tooLarge = [
    { ...mailboxLink, addresses: [ip4, ip4, ip4] },
    { ...mailboxLink, addresses: [new Uint8Array(200)] },
    { ...mailboxLink, joinSecret: new Uint8Array(33) },
  ]
  for (const fields of tooLarge) {
    expect(refusal(() => encodeMailboxLink(fields))).toBe('DecodeError ERR_TOO_LARGE')
    expect(refusal(() => decodeMailboxLink(mailboxWith(fields)))).toBe('DecodeError ERR_TOO_LARGE')
  }
})
