/** Envelopes and padded bodies: docs/protocol.md, "Envelope" and "Padded body". */
import { Layout, demand, join, repeated, u16, u32, u8 } from './bytes.ts'
import { G } from './primitives.ts'

const MAX_ENVELOPE = 128 * 1024
export const SESSION_PREFIX = Uint8Array.of(1, 1)

export interface FirstPrefix {
  readonly spkId: number
  readonly kemId: number
  readonly hasOpk: boolean
  readonly opkId: number
  readonly ephemeralKey: Uint8Array
  readonly kemCiphertext: Uint8Array
  readonly hiddenIdentity: Uint8Array
}

export interface Envelope {
  readonly prefix: Uint8Array
  readonly first: FirstPrefix | undefined
  readonly salt: Uint8Array
  readonly tag: Uint8Array
  readonly sealedHeader: Uint8Array
  readonly body: Uint8Array
  /** What the tag is made over, and the mark of the position. */
  readonly digest: Uint8Array
}

export interface Item {
  readonly kind: number
  readonly value: Uint8Array
}

export function writeFirstPrefix(prefix: FirstPrefix): Uint8Array {
  const { spkId, kemId, hasOpk, opkId, ephemeralKey, kemCiphertext, hiddenIdentity } = prefix
  return join(
    ...[u8(1), u8(2), u32(spkId), u32(kemId), u8(hasOpk ? 1 : 0), u32(opkId)],
    ...[ephemeralKey, kemCiphertext, u16(hiddenIdentity.length), hiddenIdentity],
  )
}

function readFirstPrefix(layout: Layout): FirstPrefix {
  const [spkId, kemId, hasOpk, opkId] = [4, 4, 1, 4].map((length) => layout.int(length))
  demand(spkId !== undefined && kemId !== undefined && opkId !== undefined, 'ERR_MALFORMED')
  demand(hasOpk === 0 || hasOpk === 1, 'ERR_MALFORMED')
  demand(hasOpk === 1 ? opkId === kemId && opkId !== 0 : opkId === 0, 'ERR_MALFORMED')
  const [ephemeralKey, kemCiphertext] = [layout.take(32), layout.take(1088)]
  const length = layout.int(2)
  demand(length > 158 && length <= 414, 'ERR_MALFORMED')
  const hiddenIdentity = layout.take(length)
  return { spkId, kemId, hasOpk: hasOpk === 1, opkId, ephemeralKey, kemCiphertext, hiddenIdentity }
}

export function readEnvelope(bytes: Uint8Array): Envelope {
  demand(bytes.length <= MAX_ENVELOPE, 'ERR_TOO_LARGE')
  const layout = new Layout(bytes)
  demand(layout.int(1) === 1, 'ERR_UNKNOWN_VERSION')
  const kind = layout.int(1)
  demand(kind === 1 || kind === 2, 'ERR_UNKNOWN_VERSION')
  const first = kind === 2 ? readFirstPrefix(layout) : undefined
  const prefix = bytes.slice(0, layout.at)
  const [salt, tag, sealedHeader] = [layout.take(16), layout.take(8), layout.take(60)]
  demand(layout.left >= 272, 'ERR_TRUNCATED')
  const body = layout.take(layout.left)
  const digest = bodyDigest(prefix, sealedHeader, body)
  return { prefix, first, salt, tag, sealedHeader, body, digest }
}

/** `prefix ‖ salt ‖ tag ‖ EH ‖ body`, with the tag made here. */
export function writeEnvelope(
  tagKey: Uint8Array,
  parts: Omit<Envelope, 'first' | 'tag' | 'digest'>,
): Uint8Array {
  const { prefix, salt, sealedHeader, body } = parts
  const tag = makeTag(tagKey, salt, bodyDigest(prefix, sealedHeader, body))
  const envelope = join(prefix, salt, tag, sealedHeader, body)
  demand(envelope.length <= MAX_ENVELOPE, 'ERR_TOO_LARGE')
  return envelope
}

function bodyDigest(prefix: Uint8Array, sealedHeader: Uint8Array, body: Uint8Array): Uint8Array {
  return G(32, undefined, 'tag body', prefix, sealedHeader, body)
}

export function makeTag(tagKey: Uint8Array, salt: Uint8Array, digest: Uint8Array): Uint8Array {
  return G(16, tagKey, 'tag', salt, digest).slice(0, 8)
}

/** "Custody": what a mailbox signs that it has. */
export function envelopeDigest(envelope: Uint8Array): Uint8Array {
  return G(32, undefined, 'envelope', envelope)
}

/** mailbox.md, "Deposits and custody": the root to which a receipt leads, and the rest of it. */
export function readReceipt(receipt: Uint8Array) {
  const from = new Layout(receipt)
  demand(from.int(1) === 1, 'ERR_UNKNOWN_VERSION')
  const promise = from.take(72)
  const [depth, position] = [from.int(1), from.int(1)]
  demand(depth <= 8 && position >> depth === 0, 'ERR_MALFORMED')
  let root = G(32, undefined, 'custody leaf', promise)
  for (let level = 0; level < depth; level++) {
    const beside = from.take(32)
    const isRight = ((position >> level) & 1) === 1
    const [left, right] = isRight ? [beside, root] : [root, beside]
    root = G(32, undefined, 'custody node', left, right)
  }
  const [digest, owner] = [promise.subarray(0, 32), promise.subarray(32, 64)]
  return {
    digest,
    owner,
    keptUntil: new Layout(promise.subarray(64)).int(8),
    root,
    signed: from.take(from.left),
  }
}

export function padme(n: number): number {
  if (n <= 256) return 256
  const e = Math.floor(Math.log2(n))
  const unit = 2 ** (e - (Math.floor(Math.log2(e)) + 1))
  return Math.ceil(n / unit) * unit
}

export function writeBody(content: Uint8Array, items: readonly Item[]): Uint8Array {
  const parts = items.flatMap(({ kind, value }) => [u8(kind), u16(value.length), value])
  const raw = join(u32(content.length), content, ...parts)
  return join(raw, repeated(0, padme(raw.length) - raw.length))
}

/** Bytes and number of the items of each kind that is known: at least, at most, how many. */
const RULES: Readonly<Record<number, readonly [number, number, number]>> = {
  1: [1188, 1188, 1],
  2: [1188, 1188, 1],
  3: [32, 32, 1],
  4: [36, 36, 2],
  5: [0, 512, 1],
  6: [16, 16, 1],
}

export interface Body {
  readonly content: Uint8Array
  /** Those of known kinds that keep to the rules. */
  readonly items: readonly Item[]
  /** Whether there was something that does not. */
  readonly malformed: boolean
}

export function readBody(padded: Uint8Array): Body {
  const layout = new Layout(padded)
  const length = layout.int(4)
  demand(length <= layout.left, 'ERR_NOT_AUTHENTIC')
  const content = layout.take(length)
  const all = readItems(layout)
  const known = (all ?? []).filter(({ kind }) => RULES[kind] !== undefined)
  const fitting = known.filter(({ kind, value }) => {
    const [least = 0, most = 0] = RULES[kind] ?? []
    return value.length >= least && value.length <= most
  })
  const items = fitting.filter(({ kind }) => {
    const [, , times = 0] = RULES[kind] ?? []
    return known.filter((one) => one.kind === kind).length <= times
  })
  return { content, items, malformed: all === undefined || items.length < known.length }
}

/** Nothing at all where an item runs over the end, or what follows the last is not zero. */
function readItems(layout: Layout): readonly Item[] | undefined {
  const items: Item[] = []
  while (layout.left > 0) {
    const kind = layout.int(1)
    if (kind === 0) {
      return layout.take(layout.left).every((byte) => byte === 0) ? items : undefined
    }
    if (layout.left < 2) return undefined
    const length = layout.int(2)
    if (length > layout.left) return undefined
    items.push({ kind, value: layout.take(length) })
  }
  return items
}
