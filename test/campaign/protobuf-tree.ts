/** Changes to protobuf messages that keep them messages: fields that are missing, doubled, moved, renumbered, or of other types. */
import type { Dice } from './dice.ts'
import { mutateBytes, varint } from './mutate.ts'

interface Field {
  readonly number: number
  /** 0 varint, 1 eight bytes, 2 bytes, 3 and 4 group, 5 four bytes. */
  readonly wire: number
  readonly value: bigint | Uint8Array | readonly Field[]
}

/** A message like this one, and yet another. What is no message is changed as bytes. */
export function mutateMessage(
  bytes: Uint8Array,
  dice: Dice,
  others: readonly Uint8Array[],
): Uint8Array {
  const fields = parse(bytes)
  if (fields === undefined) return mutateBytes(bytes, dice, others)
  let changed = fields
  const times = 1 + dice.below(dice.onceIn(3) ? 4 : 1)
  for (let i = 0; i < times; i += 1) changed = change(changed, dice, others)
  return encode(changed, dice)
}

function change(fields: readonly Field[], dice: Dice, others: readonly Uint8Array[]) {
  const index = dice.below(fields.length)
  const field = fields[index]
  if (field === undefined) return [randomField(dice, 2)]
  switch (dice.below(9)) {
    case 0:
      return fields.toSpliced(index, 1)
    case 1:
      return fields.toSpliced(index, 0, field)
    case 2:
      return fields.toSpliced(index, 1).toSpliced(dice.below(fields.length), 0, field)
    case 3:
      return fields.with(index, { ...field, number: dice.pick(NUMBERS) })
    case 4:
      return fields.with(index, { ...randomField(dice, 2), number: field.number })
    case 5:
      return fields.toSpliced(dice.below(fields.length + 1), 0, randomField(dice, 2))
    case 6:
      return fields.flatMap((one) => (one === field ? repeated(one, dice) : [one]))
    default:
      return fields.with(index, { ...field, ...changedValue(field, dice, others) })
  }
}

/** Many of one field: what has a limit should refuse it. */
function repeated(field: Field, dice: Dice): readonly Field[] {
  return Array.from({ length: dice.length(dice.onceIn(8) ? 300 : 8) }, () => field)
}

function changedValue(
  { wire, value }: Field,
  dice: Dice,
  others: readonly Uint8Array[],
): Pick<Field, 'wire' | 'value'> {
  if (typeof value === 'bigint') {
    const near = [value + 1n, value > 0n ? value - 1n : 0n, dice.edge(), dice.edge()]
    return { wire, value: dice.pick(near) }
  }
  if (value instanceof Uint8Array) return { wire, value: changedBytes(value, dice, others) }
  return { wire, value: change(value, dice, others) }
}

function changedBytes(bytes: Uint8Array, dice: Dice, others: readonly Uint8Array[]): Uint8Array {
  switch (dice.below(4)) {
    case 0:
      return new Uint8Array(dice.length(4 * bytes.length + 64))
    case 1:
      return dice.bytes(bytes.length)
    default:
      return mutateBytes(bytes, dice, others)
  }
}

const NUMBERS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 17, 100, 536_870_911]

function randomField(dice: Dice, depth: number): Field {
  const number = dice.pick(NUMBERS)
  switch (dice.below(depth > 0 ? 6 : 4)) {
    case 0:
      return { number, wire: 0, value: dice.edge() }
    case 1:
      return { number, wire: 1, value: dice.bytes(8) }
    case 2:
      return { number, wire: 5, value: dice.bytes(4) }
    case 3:
      return { number, wire: 2, value: dice.bytes(dice.length(80)) }
    case 4:
      return { number, wire: 3, value: [randomField(dice, depth - 1)] }
    default:
      return { number, wire: 2, value: [randomField(dice, depth - 1), randomField(dice, 0)] }
  }
}

/** The fields of bytes that read as a message to their end. Bytes within that do so too are messages. */
function parse(bytes: Uint8Array): readonly Field[] | undefined {
  const fields: Field[] = []
  let offset = 0
  const readVarint = (): bigint | undefined => {
    let value = 0n
    for (let shift = 0n; offset < bytes.length && shift < 70n; shift += 7n) {
      const byte = bytes[offset] ?? 0
      offset += 1
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return undefined
  }
  while (offset < bytes.length) {
    const tag = readVarint()
    if (tag === undefined || tag < 8n || tag > 2n ** 32n) return undefined
    const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)]
    if (wire === 0) {
      const value = readVarint()
      if (value === undefined) return undefined
      fields.push({ number, wire, value })
      continue
    }
    const length = wire === 2 ? Number(readVarint() ?? -1n) : ({ 1: 8, 5: 4 }[wire] ?? -1)
    if (length < 0 || length > bytes.length - offset) return undefined
    const value = bytes.slice(offset, offset + length)
    offset += length
    const inner = wire === 2 && length > 1 ? parse(value) : undefined
    fields.push({ number, wire, value: inner ?? value })
  }
  return fields.length === 0 ? undefined : fields
}

function encode(fields: readonly Field[], dice: Dice): Uint8Array {
  return joined(fields.flatMap((field) => encodeField(field, dice)))
}

/** Like `concat`, for more parts than a call has room for. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

function encodeField({ number, wire, value }: Field, dice: Dice): readonly Uint8Array[] {
  const tag = varint(number * 8 + wire, dice)
  if (typeof value === 'bigint') return [tag, varint(value, dice)]
  const bytes = value instanceof Uint8Array ? value : encode(value, dice)
  if (wire === 3) return [tag, bytes, varint(number * 8 + 4, dice)]
  if (wire !== 2) return [tag, bytes]
  // A length that lies, now and then.
  const length = dice.onceIn(40) ? dice.edge() : bytes.length
  return [tag, varint(length, dice), bytes]
}
