/** Links and safety numbers: docs/protocol.md, "Links" and "Safety number". */
import { ascii, demand, order, same } from './bytes.ts'
import { G, checkAccount } from './primitives.ts'
import { Message, type Value, write } from './protobuf.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

export interface ContactLink {
  readonly account: Uint8Array
  readonly mailboxes: readonly { readonly account: Uint8Array; readonly address: Uint8Array }[]
  readonly addresses: readonly Uint8Array[]
}

export interface MailboxLink {
  readonly account: Uint8Array
  readonly addresses: readonly Uint8Array[]
  /** Empty where there is none. */
  readonly joinSecret: Uint8Array
}

type Fields = Readonly<Record<number, Value>>

export function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  const groups = bits.match(/.{1,5}/g) ?? []
  return groups.map((group) => ALPHABET[Number.parseInt(group.padEnd(5, '0'), 2)]).join('')
}

export function unbase32(text: string): Uint8Array {
  const values = [...text.toUpperCase()].map((letter) => ALPHABET.indexOf(letter))
  demand(!values.includes(-1), 'ERR_MALFORMED')
  const bits = values.map((value) => value.toString(2).padStart(5, '0')).join('')
  const whole = bits.match(/.{8}/g) ?? []
  const bytes = Uint8Array.from(whole, (group) => Number.parseInt(group, 2))
  demand(base32(bytes) === text.toUpperCase(), 'ERR_NOT_CANONICAL')
  return bytes
}

function makeLink(prefix: string, fields: Fields): string {
  const checksum = G(16, undefined, 'link', ascii(prefix), write(fields)).slice(0, 4)
  return prefix + base32(write({ ...fields, 15: checksum }))
}

function readLink<T>(
  prefix: string,
  limit: number,
  text: string,
  shape: { readonly read: (message: Message) => T; readonly fields: (link: T) => Fields },
): T {
  demand(text.length <= limit, 'ERR_TOO_LARGE')
  const start = text.slice(0, prefix.length).toUpperCase()
  demand(start.startsWith(prefix.slice(0, 8)), 'ERR_MALFORMED')
  demand(start === prefix, 'ERR_UNKNOWN_VERSION')
  const message = new Message(unbase32(text.slice(prefix.length)))
  const link = shape.read(message)
  const fields = shape.fields(link)
  message.exactly({ ...fields, 15: message.bytes(15) })
  const checksum = G(16, undefined, 'link', ascii(prefix), write(fields)).slice(0, 4)
  demand(same(checksum, message.bytes(15)), 'ERR_CHECKSUM')
  return link
}

function contactFields({ account, mailboxes, addresses }: ContactLink): Fields {
  const written = mailboxes.map((one) => write({ 1: one.account, 2: one.address }))
  return { 1: account, 2: written, 3: addresses }
}

export function writeContactLink(link: ContactLink): string {
  return makeLink('SOTTO:C/1/', contactFields(link))
}

export function readContactLink(text: string): ContactLink {
  const link = readLink('SOTTO:C/1/', 176, text, {
    read: (message): ContactLink => ({
      account: message.bytes(1),
      mailboxes: message.list(2).map((bytes) => {
        const inner = new Message(bytes)
        return { account: inner.bytes(1), address: inner.bytes(2) }
      }),
      addresses: message.list(3),
    }),
    fields: contactFields,
  })
  demand(link.mailboxes.length <= 2 && link.addresses.length <= 2, 'ERR_TOO_LARGE')
  for (const key of [link.account, ...link.mailboxes.map((one) => one.account)]) checkAccount(key)
  return link
}

function mailboxFields({ account, addresses, joinSecret }: MailboxLink): Fields {
  return { 1: account, 2: addresses, 3: joinSecret }
}

export function writeMailboxLink(link: MailboxLink): string {
  return makeLink('SOTTO:M/1/', mailboxFields(link))
}

export function readMailboxLink(text: string): MailboxLink {
  const link = readLink('SOTTO:M/1/', 320, text, {
    read: (message): MailboxLink => ({
      account: message.bytes(1),
      addresses: message.list(2),
      joinSecret: message.bytes(3),
    }),
    fields: mailboxFields,
  })
  demand(link.addresses.length <= 2 && link.joinSecret.length <= 32, 'ERR_TOO_LARGE')
  checkAccount(link.account)
  return link
}

export function safetyNumber(one: Uint8Array, other: Uint8Array): string {
  return [one, other].toSorted(order).map(digits).join('')
}

function digits(account: Uint8Array): string {
  const s = G(64, undefined, 'safety', account)
  const groups = [0, 1, 2, 3, 4, 5].map((i) => {
    const value = s.slice(5 * i, 5 * i + 5).reduce((sum, byte) => sum * 256 + byte, 0)
    return String(value % 100_000).padStart(5, '0')
  })
  return groups.join('')
}
