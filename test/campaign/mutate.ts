/** Changes to bytes that know nothing of their format. */
import { concat } from '../../protocol/bytes.ts'
import type { Dice } from './dice.ts'

type Change = (bytes: Uint8Array, dice: Dice, others: readonly Uint8Array[]) => Uint8Array

/** One to four changes, one after the other. `others` are what may be spliced in. */
export function mutateBytes(
  bytes: Uint8Array,
  dice: Dice,
  others: readonly Uint8Array[],
): Uint8Array {
  let changed = bytes
  const times = 1 + dice.below(dice.onceIn(3) ? 4 : 1)
  for (let i = 0; i < times; i += 1) changed = dice.pick(CHANGES)(changed, dice, others)
  return changed
}

const CHANGES: readonly Change[] = [
  flipBit,
  flipBit,
  setByte,
  cutEnd,
  cutStart,
  append,
  insert,
  remove,
  repeat,
  swap,
  splice,
  editInteger,
  editInteger,
  editVarint,
  fill,
]

function at(bytes: Uint8Array, dice: Dice): number {
  return dice.below(bytes.length + 1)
}

function flipBit(bytes: Uint8Array, dice: Dice): Uint8Array {
  return withByte(bytes, dice, (byte) => byte ^ (1 << dice.below(8)))
}

function setByte(bytes: Uint8Array, dice: Dice): Uint8Array {
  return withByte(bytes, dice, () => dice.pick([0, 1, 2, 0x7f, 0x80, 0xff, dice.below(256)]))
}

function withByte(bytes: Uint8Array, dice: Dice, change: (byte: number) => number): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(change(0))
  const index = dice.below(bytes.length)
  return bytes.with(index, change(bytes[index] ?? 0))
}

function cutEnd(bytes: Uint8Array, dice: Dice): Uint8Array {
  return bytes.slice(0, dice.onceIn(2) ? at(bytes, dice) : Math.max(0, bytes.length - 1))
}

function cutStart(bytes: Uint8Array, dice: Dice): Uint8Array {
  return bytes.slice(dice.onceIn(2) ? at(bytes, dice) : 1)
}

function append(bytes: Uint8Array, dice: Dice): Uint8Array {
  return concat(bytes, dice.onceIn(2) ? Uint8Array.of(0) : dice.bytes(1 + dice.length(64)))
}

function insert(bytes: Uint8Array, dice: Dice): Uint8Array {
  const index = at(bytes, dice)
  return concat(bytes.slice(0, index), dice.bytes(1 + dice.length(40)), bytes.slice(index))
}

function remove(bytes: Uint8Array, dice: Dice): Uint8Array {
  const [from, to] = range(bytes, dice)
  return concat(bytes.slice(0, from), bytes.slice(to))
}

function repeat(bytes: Uint8Array, dice: Dice): Uint8Array {
  const [from, to] = range(bytes, dice)
  return concat(bytes.slice(0, to), bytes.slice(from, to), bytes.slice(to))
}

function swap(bytes: Uint8Array, dice: Dice): Uint8Array {
  const [from, to] = range(bytes, dice)
  const middle = from + dice.below(to - from + 1)
  return concat(
    ...[bytes.slice(0, from), bytes.slice(middle, to), bytes.slice(from, middle), bytes.slice(to)],
  )
}

function splice(bytes: Uint8Array, dice: Dice, others: readonly Uint8Array[]): Uint8Array {
  const other = dice.pick(others)
  const [from, to] = range(other, dice)
  const index = at(bytes, dice)
  const end = dice.onceIn(2) ? index : Math.min(bytes.length, index + to - from)
  return concat(bytes.slice(0, index), other.slice(from, to), bytes.slice(end))
}

/** What may be a length or a counter: one, two, four or eight bytes become a number near it, or a limit. */
function editInteger(bytes: Uint8Array, dice: Dice): Uint8Array {
  const size = dice.pick([1, 2, 4, 8])
  if (bytes.length < size) return append(bytes, dice)
  const changed = bytes.slice()
  const index = dice.below(bytes.length - size + 1)
  let value = 0n
  for (const byte of bytes.subarray(index, index + size)) value = value * 256n + BigInt(byte)
  const near = [value + 1n, value - 1n, value * 2n, value / 2n]
  let rest = BigInt.asUintN(8 * size, dice.onceIn(2) ? dice.pick(near) : dice.edge())
  for (let i = size - 1; i >= 0; i -= 1) {
    changed[index + i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return changed
}

/** What may be a varint becomes another one, or the same one with bytes too many. */
function editVarint(bytes: Uint8Array, dice: Dice): Uint8Array {
  const index = at(bytes, dice)
  let end = index
  while (end < bytes.length && (bytes[end] ?? 0) > 0x7f) end += 1
  const whole = dice.onceIn(2) ? dice.edge() : BigInt(dice.below(40))
  return concat(bytes.slice(0, index), varint(whole, dice), bytes.slice(end + 1))
}

/** LEB128, sometimes longer than it has to be. */
export function varint(value: bigint | number, dice: Dice): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 0x7fffffffn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  let small = Number(rest)
  for (; small > 0x7f; small >>>= 7) bytes.push((small & 0x7f) | 0x80)
  bytes.push(small)
  if (!dice.onceIn(16)) return Uint8Array.from(bytes)
  const last = bytes.length - 1
  const more = Array.from({ length: 1 + dice.below(10) }, () => 0x80)
  return Uint8Array.from([...bytes.slice(0, last), (bytes[last] ?? 0) | 0x80, ...more, 0])
}

function fill(bytes: Uint8Array, dice: Dice): Uint8Array {
  const [from, to] = range(bytes, dice)
  return bytes.slice().fill(dice.pick([0, 0xff]), from, to)
}

function range(bytes: Uint8Array, dice: Dice): readonly [number, number] {
  const from = at(bytes, dice)
  return [from, Math.min(bytes.length, from + dice.length(64))]
}
