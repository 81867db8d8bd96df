import { describe, expect, test } from 'vitest'
import { accountKey } from '../../protocol/account.ts'
import { ready } from '../../protocol/crypto.ts'
import {
  decodeContactLink,
  decodeMailboxLink,
  encodeContactLink,
  encodeMailboxLink,
} from '../../protocol/link.ts'
import { safetyNumber } from '../../protocol/safety-number.ts'
import { repeated, unhex } from './stranger/bytes.ts'
import * as links from './stranger/links.ts'
import { signingPair } from './stranger/primitives.ts'
import { verdict } from './support.ts'

await ready

function changedLetter(link: string, at: number): string {
  return link.slice(0, at) + (link[at] === 'A' ? 'B' : 'A') + link.slice(at + 1)
}

describe('links', () => {
  const keys = [1, 2, 3].map((seed) => accountKey(signingPair(repeated(seed, 32)).public))
  const [account, box, another] = keys
  if (account === undefined || box === undefined || another === undefined) throw new Error()
  const address = unhex('047f000001060fa1')
  const contact = { account, mailboxes: [{ account: box, address }], addresses: [address] }
  const mailbox = { account: box, addresses: [address], joinSecret: repeated(7, 16) }

  test('have the same characters, and are read by both in any case', () => {
    const contactLink = encodeContactLink(contact)
    expect(links.writeContactLink(contact)).toBe(contactLink)
    expect(links.readContactLink(contactLink.toLowerCase())).toEqual(contact)
    expect(decodeContactLink(links.writeContactLink(contact).toLowerCase())).toEqual(contact)
    const mailboxLink = encodeMailboxLink(mailbox)
    expect(links.writeMailboxLink(mailbox)).toBe(mailboxLink)
    expect(links.readMailboxLink(mailboxLink.toLowerCase())).toEqual(mailbox)
    const open = { ...mailbox, joinSecret: new Uint8Array() }
    const { joinSecret: _, ...ours } = mailbox
    expect(links.writeMailboxLink(open)).toBe(encodeMailboxLink(ours))
    expect(decodeMailboxLink(links.writeMailboxLink(open))).toEqual(ours)
  })

  const strangeMailboxes: Readonly<Record<string, links.MailboxLink>> = {
    'a join secret of 33 bytes': { ...mailbox, joinSecret: repeated(7, 33) },
    'three addresses': { ...mailbox, addresses: [address, address, address] },
    'an account that is none': { ...mailbox, account: repeated(0, 32) },
    'too many characters': { ...mailbox, addresses: [repeated(1, 150)] },
  }

  test.each(Object.entries(strangeMailboxes))('to a mailbox with %s are refused', (_, strange) => {
    const link = links.writeMailboxLink(strange)
    expect(verdict(() => decodeMailboxLink(link))).toBe('refused')
    expect(verdict(() => links.readMailboxLink(link))).toBe('refused')
  })

  const one = links.writeContactLink(contact)
  const strange: Readonly<Record<string, string>> = {
    'a link': one,
    'no hints': links.writeContactLink({ account, mailboxes: [], addresses: [] }),
    'another version': one.replace('C/1', 'C/2'),
    'another kind': one.replace('C/1', 'M/1'),
    'a letter of the account changed': changedLetter(one, 30),
    'a letter of the address changed': changedLetter(one, one.length - 15),
    'a letter of the checksum changed': changedLetter(one, one.length - 4),
    'a letter more': `${one}A`,
    'a letter less': one.slice(0, -1),
    'a space behind': `${one} `,
    'padding behind': `${one}=`,
    'a letter that is none of base32': `${one.slice(0, -1)}1`,
    'three mailboxes': links.writeContactLink({
      ...{ account, addresses: [] },
      mailboxes: [box, another, account].map((key) => ({ account: key, address: unhex('04') })),
    }),
    'three addresses': links.writeContactLink({
      ...{ account, mailboxes: [], addresses: [1, 2, 3].map((byte) => Uint8Array.of(byte)) },
    }),
    'an account that is none': links.writeContactLink({ ...contact, account: repeated(0, 32) }),
    'too many characters': links.writeContactLink({ ...contact, addresses: [repeated(1, 100)] }),
    'a prefix of something else': one.replace('SOTTO', 'OTTOS'),
    'the prefix alone': 'SOTTO:C/1/',
    nothing: '',
  }

  test.each(Object.entries(strange))('with %s are the same to both', (name, link) => {
    const ours = verdict(() => decodeContactLink(link))
    expect(verdict(() => links.readContactLink(link))).toBe(ours)
    if (name.includes('changed')) expect(ours).toBe('refused')
  })
})

test('the safety number is the same at both sides', () => {
  for (let seed = 1; seed < 20; seed += 1) {
    const keys = [seed, seed + 20].map((byte) => signingPair(repeated(byte, 32)).public)
    const [a = new Uint8Array(), b = new Uint8Array()] = keys
    expect(links.safetyNumber(b, a)).toBe(safetyNumber(accountKey(a), accountKey(b)))
  }
})
