/** Vectors of formats without keys of a session: contents, padded bodies, links, safety numbers. */
import { concat, fromHex, u16, u32, u8, utf8 } from '../../protocol/bytes.ts'
import type { Content, ContentBody } from '../../protocol/content.ts'
import { createMessageId, decodeContent, encodeContent } from '../../protocol/content.ts'
import type { ContactLink, MailboxLink } from '../../protocol/link.ts'
import {
  decodeContactLink,
  decodeMailboxLink,
  encodeContactLink,
  encodeMailboxLink,
} from '../../protocol/link.ts'
import type { Item } from '../../protocol/padding.ts'
import { decodeBody, encodeBody, itemKinds, padme } from '../../protocol/padding.ts'
import { safetyNumber } from '../../protocol/safety-number.ts'
import { seededRandom } from '../support/random.ts'
import { ADDRESSES, NOW, account } from './people.ts'
import { hex, there } from './values.ts'

/** The file `content.json`. A new kind goes to the end: what is there must not change. */
export function contentVectors() {
  const ids = [1, 2, 3].map((i) => createMessageId(seededRandom(`vectors id ${i}`)))
  const ranges = [
    { first: 1, last: 1 },
    { first: 4, last: 70_000 },
  ]
  const bodies: readonly ContentBody[] = [
    { kind: 'text', text: 'Grüße 👋\n' },
    { kind: 'text', text: '' },
    { kind: 'text', text: 'x'.repeat(300) },
    { kind: 'delivery-receipt', messageIds: ids },
    { kind: 'read-receipt', messageIds: ids.slice(1) },
    { kind: 'profile', name: 'Zoë' },
    { kind: 'control' },
    { kind: 'missing', ranges },
    { kind: 'lost', ranges: ranges.slice(1) },
    { kind: 'profile', name: 'Zoë', deliveryTokens: { revision: NOW, tokens: mailboxTokens() } },
    { kind: 'profile', name: '', deliveryTokens: { revision: 1, tokens: [] } },
    { kind: 'missing', ranges, fetched: mailboxMarks() },
  ]
  const contents = bodies.map((body, i): Content => {
    const counter = body.kind === 'text' ? 2 ** 53 - 1 - i : 0
    const messageId = createMessageId(seededRandom(`vectors content ${i}`))
    return { messageId, counter, seen: 300 * i, sentAt: NOW + i, body }
  })
  const later = concat(encodeContent(there(contents[0])), fromHex('fa070141')) // field 127
  return {
    contents: contents.map((content) => ({
      ...contentFields(content),
      bytes: hex(encodeContent(content)),
    })),
    ofALaterVersion: { ...contentFields(decodeContent(later)), bytes: hex(later) },
  }
}

function mailboxTokens() {
  return ['one', 'two'].map((name) => ({
    mailbox: account(`mailbox ${name}`).key,
    token: seededRandom(`vectors token ${name}`)(32),
  }))
}

function mailboxMarks() {
  return ['one', 'two'].map((name, i) => ({
    mailbox: account(`mailbox ${name}`).key,
    counter: 40 + i,
  }))
}

function saidFields(body: ContentBody) {
  if ('messageIds' in body) return { ...body, messageIds: body.messageIds.map(hex) }
  if (body.kind === 'missing') {
    const { kind, ranges, fetched } = body
    if (fetched === undefined) return { kind, ranges }
    const marks = fetched.map(({ mailbox, counter }) => ({ mailbox: hex(mailbox), counter }))
    return { kind, ranges, fetched: marks }
  }
  if (body.kind !== 'profile') return body
  const { kind, name, deliveryTokens: said } = body
  if (said === undefined) return { kind, name }
  const tokens = said.tokens.map(({ mailbox, token }) => ({
    mailbox: hex(mailbox),
    token: hex(token),
  }))
  return { kind, name, deliveryTokens: { revision: said.revision, tokens } }
}

function contentFields({ messageId, body, ...numbers }: Content) {
  const said = saidFields(body)
  return { messageId: hex(messageId), ...numbers, body: said }
}

/** The file `padding.json`. */
export function paddingVectors() {
  const lengths = [0, 1, 255, 256, 257, 272, 273, 511, 512, 513, 1000, 1025, 2500, 65_536, 131_070]
  return {
    padme: lengths.map((length) => ({ length, padded: padme(length) })),
    bodies: [...wellFormed(), ...malformed()].map(([name, padded]) => {
      const { content, items, malformed: isMalformed } = decodeBody(padded)
      const shown = items.map(({ kind, value }) => ({ kind, value: hex(value) }))
      return {
        name,
        content: hex(content),
        items: shown,
        malformed: isMalformed,
        padded: hex(padded),
      }
    }),
  }
}

type NamedBody = readonly [string, Uint8Array]

const CONTENT = utf8('content')

function item(kind: Item['kind'], length: number, byte = 0xa0 + kind): Item {
  return { kind, value: new Uint8Array(length).fill(byte) }
}

function wellFormed(): readonly NamedBody[] {
  const { offer, answer, statement, continuity, handOutNote } = itemKinds
  const bodies: readonly (readonly [string, Uint8Array, readonly Item[]])[] = [
    ['nothing', new Uint8Array(), []],
    ['a content alone', CONTENT, []],
    ['the longest content that 256 bytes hold', new Uint8Array(252).fill(1), []],
    ['a byte more', new Uint8Array(253).fill(1), []],
    ['a statement', CONTENT, [item(statement, 32)]],
    ['two proofs of continuity', CONTENT, [item(continuity, 36, 1), item(continuity, 36, 2)]],
    [
      'an empty note and one of every other kind',
      CONTENT,
      [
        ...[item(offer, 1188), item(answer, 1188), item(statement, 32)],
        ...[item(continuity, 36), item(handOutNote, 0)],
      ],
    ],
    ['the longest note', CONTENT, [item(handOutNote, 512)]],
  ]
  return bodies.map(([name, content, items]) => [name, encodeBody(content, items)])
}

/** Bodies whose items, or some of them, are ignored. */
function malformed(): readonly NamedBody[] {
  const { statement, continuity, handOutNote } = itemKinds
  const raw = (kind: number, length: number, value = length): Uint8Array =>
    concat(u8(kind), u16(length), new Uint8Array(value).fill(0xb0))
  const bodies: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['an item of an unknown kind, which is skipped', [raw(77, 5), raw(statement, 32)]],
    ['a statement of 31 bytes beside a note', [raw(statement, 31), raw(handOutNote, 3)]],
    ['two statements beside a note', [raw(statement, 32), raw(statement, 32), raw(handOutNote, 3)]],
    ['three proofs of continuity', [1, 2, 3].map(() => raw(continuity, 36))],
    ['a note of 513 bytes', [raw(handOutNote, 513)]],
    ['an item that runs over the end', [raw(statement, 32), raw(handOutNote, 60_000, 3)]],
    ['a byte after the end of the items', [raw(statement, 32), u8(0), u8(1)]],
  ]
  return bodies.map(([name, items]) => {
    const body = concat(u32(CONTENT.length), CONTENT, ...items)
    const padded = new Uint8Array(padme(body.length))
    padded.set(body)
    return [name, padded]
  })
}

/** The file `links.json`. */
export function linkVectors() {
  const [tcp, dns] = ADDRESSES
  const [key, ...keys] = ['linked', 'first mailbox', 'second mailbox'].map((n) => account(n).key)
  const mailboxes = keys.map((mailbox) => ({ account: mailbox, address: there(tcp) }))
  const own = { account: there(key), mailboxes: [], addresses: [] }
  const contacts: readonly ContactLink[] = [
    own,
    { ...own, addresses: [there(dns)] },
    { ...own, mailboxes: mailboxes.slice(0, 1), addresses: [there(tcp)] },
    { ...own, mailboxes, addresses: ADDRESSES }, // too much for a link
  ]
  const joinSecret = seededRandom('vectors join secret')(32)
  const ways: readonly MailboxLink[] = [
    { account: there(key), addresses: [there(tcp)] },
    { account: there(key), addresses: ADDRESSES, joinSecret },
  ]
  return {
    contacts: contacts.map((link) => contactLink(encodeContactLink(link))),
    mailboxes: ways.map((link) => mailboxLink(encodeMailboxLink(link))),
  }
}

function contactLink(link: string) {
  const { account: key, mailboxes, addresses } = decodeContactLink(link)
  const named = mailboxes.map((one) => ({ account: hex(one.account), address: hex(one.address) }))
  return { link, account: hex(key), mailboxes: named, addresses: addresses.map(hex) }
}

function mailboxLink(link: string) {
  const { account: key, addresses, joinSecret } = decodeMailboxLink(link)
  const secret = joinSecret === undefined ? {} : { joinSecret: hex(joinSecret) }
  return { link, account: hex(key), addresses: addresses.map(hex), ...secret }
}

/** The file `safety-numbers.json`. */
export function safetyVectors() {
  const keys = ['one', 'two', 'three', 'four'].map((name) => account(name).key)
  const pairs = keys.flatMap((a, i) => keys.slice(i).map((b) => [a, b] as const))
  return {
    pairs: pairs.map(([a, b]) => ({ accounts: [hex(a), hex(b)], number: safetyNumber(a, b) })),
  }
}
