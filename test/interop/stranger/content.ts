/** What a message says: docs/protocol.md, "Content". */
import { ascii, demand } from './bytes.ts'
import { Message, type Value, write } from './protobuf.ts'

export type Said =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'delivered' | 'read'; readonly ids: readonly Uint8Array[] }
  | { readonly kind: 'profile'; readonly name: string }
  | { readonly kind: 'control' }
  | { readonly kind: 'unknown' }

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

const KINDS = { text: 5, delivered: 6, read: 7, profile: 8, control: 9, unknown: undefined }

/** The message in the field of the kind. */
function saidFields(said: Said): Readonly<Record<number, Value>> {
  switch (said.kind) {
    case 'text':
      return { 1: said.text }
    case 'delivered':
    case 'read':
      return { 1: said.ids }
    case 'profile':
      return { 1: said.name }
    case 'control':
    case 'unknown':
      return {}
  }
}

export function writeContent(content: Content): Uint8Array {
  return write(fieldsOf(content, KINDS[content.said.kind], write(saidFields(content.said))))
}

export function readContent(bytes: Uint8Array): Content {
  demand(bytes.length <= 65 * 1024, 'ERR_TOO_LARGE')
  const message = new Message(bytes)
  const kinds = [5, 6, 7, 8, 9].filter((number) => message.has(number))
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
  message.exactly(fieldsOf(content, kind, said), 9)
  new Message(said).exactly(saidFields(content.said), content.said.kind === 'control' ? 0 : 1)
  demand(content.id.length === 16, 'ERR_MALFORMED')
  return content
}

function readSaid(kind: number | undefined, message: Message): Said {
  if (kind === undefined) {
    demand(message.hasAbove(9), 'ERR_MALFORMED')
    return { kind: 'unknown' }
  }
  const inner = new Message(message.bytes(kind))
  if (kind === 5) {
    demand(inner.bytes(1).length <= 64 * 1024, 'ERR_TOO_LARGE')
    return { kind: 'text', text: inner.text(1) }
  }
  if (kind === 8) {
    demand(ascii(inner.text(1)).length <= 256, 'ERR_TOO_LARGE')
    return { kind: 'profile', name: inner.text(1) }
  }
  if (kind === 9) return { kind: 'control' }
  const ids = inner.list(1)
  demand(ids.length >= 1 && ids.length <= 64, 'ERR_MALFORMED')
  demand(
    ids.every((id) => id.length === 16),
    'ERR_MALFORMED',
  )
  return { kind: kind === 6 ? 'delivered' : 'read', ids }
}
