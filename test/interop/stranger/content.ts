/** What a message says: docs/protocol.md, "Content". */
import { ascii, demand, hex } from './bytes.ts'
import { Message, type Value, write } from './protobuf.ts'

export type Said =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'delivered' | 'read'; readonly ids: readonly Uint8Array[] }
  | { readonly kind: 'profile'; readonly name: string; readonly delivery?: Delivery }
  | { readonly kind: 'control' }
  | { readonly kind: 'missing'; readonly ranges: readonly Range[]; readonly fetched?: Fetched }
  | { readonly kind: 'lost'; readonly ranges: readonly Range[] }
  | { readonly kind: 'unknown' }

/** Delivery tokens, each for the mailbox of an account. */
export interface Delivery {
  readonly revision: number
  readonly tokens: readonly (readonly [mailbox: Uint8Array, token: Uint8Array])[]
}

/** How far mailboxes have come. */
export type Fetched = readonly (readonly [mailbox: Uint8Array, counter: number])[]

/** Counters from the first to the last. */
export type Range = readonly [first: number, last: number]

export interface Content {
  readonly id: Uint8Array
  readonly counter: number
  readonly seen: number
  readonly sentAt: number
  readonly said: Said
}

function fieldsOf(content: Content, kind: number | undefined, said: Uint8Array) {
  const { id, counter, seen, sentAt } = content
  const head: Readonly<Record<number, Value>> = { 1: id, 2: counter, 3: seen, 4: sentAt }
  return kind === undefined ? head : { ...head, [kind]: [said] }
}

const KINDS = {
  ...{ text: 5, delivered: 6, read: 7, profile: 8, control: 9, missing: 10, lost: 11 },
  unknown: undefined,
}

/** The highest field of the message of a kind, where it is not 1. */
const LAST_FIELD: Partial<Readonly<Record<Said['kind'], number>>> = {
  ...{ control: 0, profile: 2, missing: 2 },
}

/** The message in the field of the kind. */
function saidFields(said: Said): Readonly<Record<number, Value>> {
  switch (said.kind) {
    case 'text':
      return { 1: said.text }
    case 'delivered':
    case 'read':
      return { 1: said.ids }
    case 'profile':
      return { 1: said.name, 2: said.delivery && [writeDelivery(said.delivery)] }
    case 'missing':
      return { 1: pairs(said.ranges), 2: pairs(said.fetched ?? []) }
    case 'lost':
      return { 1: pairs(said.ranges) }
    case 'control':
    case 'unknown':
      return {}
  }
}

function pairs(list: readonly (readonly [Value, Value])[]): readonly Uint8Array[] {
  return list.map(([one, two]) => write({ 1: one, 2: two }))
}

function writeDelivery({ revision, tokens }: Delivery): Uint8Array {
  const list = tokens.map(([mailbox, token]) => write({ 1: mailbox, 2: token }))
  return write({ 1: revision, 2: list })
}

export function writeContent(content: Content): Uint8Array {
  return write(fieldsOf(content, KINDS[content.said.kind], write(saidFields(content.said))))
}

export function readContent(bytes: Uint8Array): Content {
  demand(bytes.length <= 65 * 1024, 'ERR_TOO_LARGE')
  const message = new Message(bytes)
  const kinds = [5, 6, 7, 8, 9, 10, 11].filter((number) => message.has(number))
  demand(kinds.length <= 1, 'ERR_MALFORMED')
  const content: Content = {
    id: message.bytes(1),
    counter: message.int(2),
    seen: message.int(3),
    sentAt: message.int(4),
    said: readSaid(kinds[0], message),
  }
  const kind = kinds[0]
  const said = kind === undefined ? new Uint8Array() : message.bytes(kind)
  message.exactly(fieldsOf(content, kind, said), 11)
  const inner = new Message(said)
  // Ranges, marks and delivery tokens are messages of their own and were read exactly as such.
  const fields = 'ranges' in content.said ? { 1: inner.list(1) } : saidFields(content.said)
  const lists = ['profile', 'missing'].includes(content.said.kind)
  const nested = lists ? { 2: inner.list(2) } : {}
  inner.exactly({ ...fields, ...nested }, LAST_FIELD[content.said.kind] ?? 1)
  demand(content.id.length === 16, 'ERR_MALFORMED')
  return content
}

function readSaid(kind: number | undefined, message: Message): Said {
  if (kind === undefined) {
    demand(message.hasAbove(11), 'ERR_MALFORMED')
    return { kind: 'unknown' }
  }
  const inner = new Message(message.bytes(kind))
  if (kind === 5) {
    demand(inner.bytes(1).length <= 64 * 1024, 'ERR_TOO_LARGE')
    return { kind: 'text', text: inner.text(1) }
  }
  if (kind === 8) {
    demand(ascii(inner.text(1)).length <= 256, 'ERR_TOO_LARGE')
    const delivery = inner.has(2) ? { delivery: readDelivery(inner.bytes(2)) } : {}
    demand(inner.list(2).length <= 1, 'ERR_NOT_CANONICAL')
    return { kind: 'profile', name: inner.text(1), ...delivery }
  }
  if (kind === 9) return { kind: 'control' }
  if (kind === 11) return { kind: 'lost', ranges: readRanges(inner) }
  if (kind === 10) {
    const fetched = inner.has(2) ? { fetched: readFetched(inner) } : {}
    return { kind: 'missing', ranges: readRanges(inner), ...fetched }
  }
  const ids = inner.list(1)
  demand(ids.length >= 1 && ids.length <= 64, 'ERR_MALFORMED')
  demand(
    ids.every((id) => id.length === 16),
    'ERR_MALFORMED',
  )
  return { kind: kind === 6 ? 'delivered' : 'read', ids }
}

function readDelivery(bytes: Uint8Array): Delivery {
  const message = new Message(bytes)
  message.exactly({ 1: message.int(1), 2: message.list(2) }, 2)
  const parts = message.list(2).map((one) => new Message(one))
  demand(parts.length <= 8, 'ERR_TOO_LARGE')
  demand(message.int(1) >= 1, 'ERR_MALFORMED')
  const tokens = parts.map((part) => {
    const [mailbox, token] = [part.bytes(1), part.bytes(2)]
    part.exactly({ 1: mailbox, 2: token }, 2)
    demand(mailbox.length === 32 && token.length === 32, 'ERR_MALFORMED')
    return [mailbox, token] as const
  })
  demand(new Set(tokens.map(([mailbox]) => hex(mailbox))).size === tokens.length, 'ERR_MALFORMED')
  return { revision: message.int(1), tokens }
}

function readFetched(inner: Message): Fetched {
  const parts = inner.list(2).map((bytes) => new Message(bytes))
  demand(parts.length <= 8, 'ERR_TOO_LARGE')
  const marks = parts.map((part) => {
    const [mailbox, counter] = [part.bytes(1), part.int(2)]
    part.exactly({ 1: mailbox, 2: counter }, 2)
    demand(mailbox.length === 32 && counter >= 1, 'ERR_MALFORMED')
    return [mailbox, counter] as const
  })
  demand(new Set(marks.map(([mailbox]) => hex(mailbox))).size === marks.length, 'ERR_MALFORMED')
  return marks
}

function readRanges(inner: Message): readonly Range[] {
  const parts = inner.list(1).map((bytes) => new Message(bytes))
  demand(parts.length >= 1, 'ERR_MALFORMED')
  demand(parts.length <= 64, 'ERR_TOO_LARGE')
  const ranges = parts.map((part): Range => [part.int(1), part.int(2)])
  for (const [i, [first, last]] of ranges.entries()) {
    parts[i]?.exactly({ 1: first, 2: last }, 2)
    demand(first >= 1 && last >= first, 'ERR_MALFORMED')
    demand(i === 0 || first > (ranges[i - 1]?.[1] ?? 0) + 1, 'ERR_MALFORMED')
  }
  return ranges
}
