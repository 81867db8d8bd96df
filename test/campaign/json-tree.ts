/** Changes to JSON documents that keep them JSON, most of the time. */
import { fromUtf8, utf8 } from '../../protocol/bytes.ts'
import type { Dice } from './dice.ts'
import { mutateBytes } from './mutate.ts'

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** A document like this one, and yet another. */
export function mutateJson(
  bytes: Uint8Array,
  dice: Dice,
  others: readonly Uint8Array[],
): Uint8Array {
  if (dice.onceIn(5)) return mutateBytes(bytes, dice, others)
  try {
    return utf8(JSON.stringify(changed(JSON.parse(fromUtf8(bytes)) as Json, dice, 4)))
  } catch {
    return mutateBytes(bytes, dice, others) // it was no document
  }
}

function changed(value: Json, dice: Dice, depth: number): Json {
  if (dice.onceIn(8)) return randomJson(dice, depth)
  if (typeof value === 'string') return dice.onceIn(3) ? randomText(dice) : value
  if (typeof value === 'number') return dice.onceIn(3) ? randomNumber(dice) : value
  if (value === null || typeof value === 'boolean') return value
  const entries: (readonly [string, Json])[] = Object.entries(value)
  const index = dice.below(entries.length + 1)
  const [key, inner] = entries[index] ?? [dice.pick(KEYS), randomJson(dice, depth - 1)]
  const next = changedEntries(entries, index, [key, inner], dice, depth)
  if (Array.isArray(value)) return next.map(([, item]) => item)
  return Object.fromEntries(next)
}

function changedEntries(
  entries: readonly (readonly [string, Json])[],
  index: number,
  [key, inner]: readonly [string, Json],
  dice: Dice,
  depth: number,
): readonly (readonly [string, Json])[] {
  switch (dice.below(5)) {
    case 0:
      return entries.toSpliced(index, 1)
    case 1:
      return entries.toSpliced(index, 1, [dice.pick(KEYS), inner])
    case 2:
      return entries.toSpliced(index, 0, [dice.pick(KEYS), randomJson(dice, depth - 1)])
    default:
      return entries.toSpliced(index, 1, [key, changed(inner, dice, depth - 1)])
  }
}

const KEYS = [
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', 'id', 'method', 'params'],
  ...['jsonrpc', 'error', 'result', 'code', 'data', 'contact', 'to', 'text', 'limit', 'ids', '0'],
]

function randomJson(dice: Dice, depth: number): Json {
  switch (dice.below(depth > 0 ? 8 : 5)) {
    case 0:
      return null
    case 1:
      return dice.onceIn(2)
    case 2:
      return randomNumber(dice)
    case 3:
    case 4:
      return randomText(dice)
    case 5:
      return Array.from({ length: dice.length(20) }, () => randomJson(dice, depth - 1))
    default:
      return Object.fromEntries(
        Array.from({ length: dice.below(4) }, () => [dice.pick(KEYS), randomJson(dice, depth - 1)]),
      )
  }
}

function randomNumber(dice: Dice): number {
  const edge = Number(dice.edge())
  return dice.pick([edge, -edge, edge + 0.5, 1e308, -0, 1e-7])
}

/** Words that mean something somewhere, control and bidirectional characters, halves of pairs. */
function randomText(dice: Dice): string {
  const units = Array.from({ length: dice.length(400) }, () => {
    return dice.pick([0x61, 0x20, 0x0a, 0x1b, 0x202e, 0xd800, 0xdfff, 0x0301, dice.below(0x10000)])
  })
  return dice.onceIn(2) ? dice.pick(KEYS) : String.fromCharCode(...units)
}
