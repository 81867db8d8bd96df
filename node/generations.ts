// How often each session of a contact was written, in a record of its own beside them: an old copy of a session that a damaged
// database gives back opens like a sound one, and would use positions twice.

import { concat, fromHex, toHex, u64, u8 } from '../protocol/bytes.ts'
import { DecodeError } from '../protocol/errors.ts'
import { reader } from '../protocol/reader.ts'

/** By the hex of the session's id. */
export type Generations = ReadonlyMap<string, number>

export const NO_GENERATIONS: Generations = new Map()

const VERSION = 1
const SESSION_ID_BYTES = 32

/** `u8 1 ‖` of each session `id[32] ‖ u64 generation` */
export function encodeGenerations(generations: Generations): Uint8Array {
  const entries = [...generations].map(([id, generation]) => concat(fromHex(id), u64(generation)))
  return concat(u8(VERSION), ...entries)
}

/** What cannot be read says nothing of any session, and then none of them is believed. */
export function readGenerations(value: Uint8Array | undefined): Generations {
  if (value === undefined) return NO_GENERATIONS
  try {
    const from = reader(value)
    if (from.u8() !== VERSION) return NO_GENERATIONS
    const generations = new Map<string, number>()
    while (from.left > 0) generations.set(toHex(from.take(SESSION_ID_BYTES)), from.u64())
    return generations
  } catch (cause) {
    if (cause instanceof DecodeError) return NO_GENERATIONS
    throw cause
  }
}

/** The value of a session's record: `u64 generation ‖ session`. Takes over the session's bytes and overwrites them. */
export function withGeneration(generation: number, session: Uint8Array): Uint8Array {
  const value = concat(u64(generation), session)
  session.fill(0)
  return value
}

/** The inverse of `withGeneration`. Throws `DecodeError`. */
export function splitGeneration(value: Uint8Array): {
  readonly generation: number
  readonly session: Uint8Array
} {
  const from = reader(value)
  return { generation: from.u64(), session: from.rest() }
}
