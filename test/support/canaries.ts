// Looks for values that must not show: in bytes and texts, in every form that a careless line of code would give them.
import { inspect } from 'node:util'
import { toBase32 } from '../../protocol/base32.ts'
import { toHex } from '../../protocol/bytes.ts'

/** A value that must not show, and what it is called when it does. */
export interface Canary {
  readonly name: string
  readonly bytes: Uint8Array
}

/** So many bytes of a secret, at its beginning or its end, count as a leak. */
const WINDOW = 12

const latin1 = new TextDecoder('latin1')

/** A text as a canary: in UTF-8 and in UTF-16. */
export function textCanaries(name: string, text: string): readonly Canary[] {
  const units = Uint8Array.from([...text].flatMap((letter) => [letter.charCodeAt(0), 0]))
  return [
    { name, bytes: new TextEncoder().encode(text) },
    { name: `${name} (utf-16)`, bytes: units },
  ]
}

/** Bytes as a text in which `includes` finds bytes. */
export function asText(bytes: Uint8Array): string {
  return latin1.decode(bytes)
}

/** Names of the canaries that are in the text, each with the form it has there. */
export function canariesIn(text: string, canaries: readonly Canary[]): readonly string[] {
  const lower = text.toLowerCase()
  const dense = lower.replaceAll(/[\s,:-]/g, '')
  const numbers = text.replaceAll(/\s+/g, '')
  const found = canaries.flatMap((canary) =>
    formsOf(canary)
      .filter(({ where, needle }) => ({ text, dense, numbers })[where].includes(needle))
      .map(({ form }) => `${canary.name} as ${form}`),
  )
  return [...new Set(found)]
}

/** The same for raw bytes only, and fast: many canaries in large files. */
export function rawIn(text: string, canaries: readonly Canary[]): readonly string[] {
  const names = new Map(
    canaries.flatMap(({ name, bytes }) =>
      windows(bytes).map((window) => [asText(window), name] as const),
    ),
  )
  const found = new Set<string>()
  for (let at = 0; at + WINDOW <= text.length; at++) {
    const name = names.get(text.slice(at, at + WINDOW))
    if (name !== undefined) found.add(`${name} as bytes`)
  }
  return [...found]
}

interface Form {
  readonly form: string
  readonly where: 'text' | 'dense' | 'numbers'
  readonly needle: string
}

function formsOf({ bytes }: Canary): readonly Form[] {
  return windows(bytes).flatMap((window) => [
    { form: 'bytes', where: 'text', needle: asText(window) },
    { form: 'hex', where: 'dense', needle: toHex(window) },
    { form: 'numbers', where: 'numbers', needle: [...window].join(',') },
    { form: 'fields', where: 'numbers', needle: fields(window, bytes) },
    ...[0, 1, 2].flatMap((phase) => base64Forms(window, phase)),
    ...[0, 1, 2, 3, 4].map((phase): Form => ({
      form: 'base32',
      where: 'dense',
      needle: base32(window, phase),
    })),
  ])
}

/** As JSON writes a typed array: with the index before each number. */
function fields(window: Uint8Array, bytes: Uint8Array): string {
  const offset = window.byteOffset - bytes.byteOffset
  return [...window].map((byte, at) => `"${offset + at}":${byte}`).join(',')
}

/** What of the window is sure to be seen when it begins so many bytes after a group of base64. */
function base64Forms(window: Uint8Array, phase: number): readonly Form[] {
  const padded = Uint8Array.from([...new Uint8Array(phase), ...window])
  const standard = btoa(String.fromCharCode(...padded))
  const needle = standard.slice(phase === 0 ? 0 : phase + 1, Math.floor((padded.length * 8) / 6))
  const url = needle.replaceAll('+', '-').replaceAll('/', '_')
  return [
    { form: 'base64', where: 'text', needle },
    { form: 'base64url', where: 'text', needle: url },
  ]
}

function base32(window: Uint8Array, phase: number): string {
  const padded = Uint8Array.from([...new Uint8Array(phase), ...window])
  const first = Math.ceil((phase * 8) / 5)
  return toBase32(padded)
    .slice(first, Math.floor((padded.length * 8) / 5))
    .toLowerCase()
}

/** Beginning and end; the whole where it is short. */
function windows(bytes: Uint8Array): readonly Uint8Array[] {
  if (bytes.length <= WINDOW) return [bytes]
  return [bytes.subarray(0, WINDOW), bytes.subarray(bytes.length - WINDOW)]
}

/** Everything that a log could make of a value: an error with its causes, an object with what it hides. */
export function shown(value: unknown): string {
  const deep = {
    depth: Infinity,
    showHidden: true,
    maxArrayLength: Infinity,
    maxStringLength: Infinity,
  }
  return [inspect(value, deep), json(value), String(value), ...clone(value), ...chain(value)].join(
    '\n',
  )
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return '' // it contains itself
  }
}

/** What another thread would get. */
function clone(value: unknown): readonly string[] {
  try {
    const copy: unknown = structuredClone(value)
    return [
      inspect(copy, { depth: Infinity, showHidden: true, maxArrayLength: Infinity }),
      json(copy),
    ]
  } catch {
    return [] // it cannot be sent
  }
}

/** Texts, stacks and own fields of an error and of everything that caused it. */
function chain(value: unknown): readonly string[] {
  if (!(value instanceof Error)) return []
  const own = Object.getOwnPropertyNames(value).map((name) => {
    const field: unknown = Reflect.get(value, name)
    return `${name} ${typeof field === 'string' ? field : json(field)}`
  })
  const inner: readonly unknown[] = value instanceof AggregateError ? value.errors : []
  return [value.message, value.stack ?? '', ...own, ...[value.cause, ...inner].flatMap(chain)]
}
