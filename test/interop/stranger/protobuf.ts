/** As much protobuf as sotto's messages need: varints and byte strings, written in order, read exactly. Later versions may bring other types. */
import { Refusal, ascii, demand, join, same } from './bytes.ts'

export type Value = number | string | Uint8Array | readonly Uint8Array[] | undefined

export interface Field {
  readonly number: number
  readonly value: number | Uint8Array
  /** As it stood in the message, with its key. */
  readonly raw: Uint8Array
}

/** Bytes of the wire types of fixed length, which only later versions may use. */
const FIXED: Readonly<Record<number, number>> = { 1: 8, 5: 4 }

export function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Uint8Array.from([...bytes, rest])
}

/** Fields in the order of their numbers; a default value is left out, `present` writes an empty one. */
export function write(fields: Readonly<Record<number, Value>>): Uint8Array {
  return join(...Object.entries(fields).flatMap(([number, value]) => field(Number(number), value)))
}

function field(number: number, value: Value): readonly Uint8Array[] {
  if (typeof value === 'number') {
    return value === 0 ? [] : [varint(number * 8), varint(value)]
  }
  if (value === undefined) return []
  if (typeof value === 'string') return field(number, ascii(value))
  if (value instanceof Uint8Array) return value.length === 0 ? [] : present(number, value)
  return value.flatMap((item) => present(number, item))
}

function present(number: number, value: Uint8Array): readonly Uint8Array[] {
  return [varint(number * 8 + 2), varint(value.length), value]
}

/** All fields of a message in their order, of whatever number. */
export function fieldsOf(bytes: Uint8Array): readonly Field[] {
  const fields: Field[] = []
  let at = 0
  const next = (): number => {
    let value = 0n
    for (let i = 0n; i < 10n; i += 1n) {
      const byte = bytes[at]
      demand(byte !== undefined, 'ERR_MALFORMED')
      at += 1
      value |= BigInt(byte & 127) << (7n * i)
      if (byte < 128) {
        demand(value <= BigInt(Number.MAX_SAFE_INTEGER), 'ERR_MALFORMED')
        return Number(value)
      }
    }
    throw new Refusal('ERR_MALFORMED')
  }
  while (at < bytes.length) {
    const start = at
    const key = next()
    let value: number | Uint8Array = 0
    if (key % 8 === 0) value = next()
    else {
      const length = key % 8 === 2 ? next() : FIXED[key % 8]
      demand(length !== undefined && length <= bytes.length - at, 'ERR_MALFORMED')
      value = bytes.slice(at, at + length)
      at += length
    }
    fields.push({ number: Math.floor(key / 8), value, raw: bytes.slice(start, at) })
  }
  return fields
}

/** Typed access to the fields of one message; a missing one is its default. */
export class Message {
  readonly #fields: readonly Field[]

  constructor(bytes: Uint8Array) {
    this.#fields = fieldsOf(bytes)
  }

  has(number: number): boolean {
    return this.#fields.some((one) => one.number === number)
  }

  /** Whether there is a field of a later version. */
  hasAbove(number: number): boolean {
    return this.#fields.some((one) => one.number > number)
  }

  int(number: number): number {
    const value = this.#fields.findLast((one) => one.number === number)?.value ?? 0
    demand(typeof value === 'number', 'ERR_MALFORMED')
    return value
  }

  /** A number of 32 bits. */
  int32(number: number): number {
    const value = this.int(number)
    demand(value < 2 ** 32, 'ERR_MALFORMED')
    return value
  }

  bytes(number: number): Uint8Array {
    return this.list(number).at(-1) ?? new Uint8Array()
  }

  text(number: number): string {
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.bytes(number))
    } catch {
      throw new Refusal('ERR_MALFORMED')
    }
  }

  list(number: number): readonly Uint8Array[] {
    return this.#fields
      .filter((one) => one.number === number)
      .map(({ value }) => {
        demand(typeof value !== 'number', 'ERR_MALFORMED')
        return value
      })
  }

  /**
   * Refuses unless these fields, written again, are the message. Fields numbered above `last` are of a
   * later version and may stand behind them.
   */
  exactly(fields: Readonly<Record<number, Value>>, last = Infinity): void {
    const later = this.#fields.findIndex((one) => one.number > last)
    const known = later < 0 ? this.#fields : this.#fields.slice(0, later)
    demand(
      this.#fields.slice(known.length).every((one) => one.number > last),
      'ERR_NOT_CANONICAL',
    )
    demand(same(write(fields), join(...known.map((one) => one.raw))), 'ERR_NOT_CANONICAL')
  }
}
