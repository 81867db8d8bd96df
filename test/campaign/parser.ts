/** What a campaign knows of a parser, and the laws that every input is held to. */
import { equalBytes, toHex } from '../../protocol/bytes.ts'
import type { Dice } from './dice.ts'
import { mutateJson } from './json-tree.ts'
import { mutateBytes } from './mutate.ts'
import { mutateMessage } from './protobuf-tree.ts'

type ErrorClass = abstract new (...args: never[]) => Error

/** One function that reads what came from outside, and how it is held to its word. */
export interface Parser<Value = unknown> {
  /** What it reads; unique. */
  readonly name: string
  /** The exported functions that this exercises, as `folder name`. */
  readonly covers: readonly string[]
  /** What inputs look like inside: how they are changed so that they stay plausible. */
  readonly shape: 'bytes' | 'protobuf' | 'json'
  /** Inputs that are good. */
  readonly examples: readonly Uint8Array[]
  /** Random bytes are no longer than this. @default 2048 */
  readonly maxBytes?: number
  /** The only errors it may throw. */
  readonly errors: readonly ErrorClass[]
  readonly read: (input: Uint8Array) => Value | Promise<Value>
  /** The bytes of a value. */
  readonly write?: (value: Value) => Uint8Array
  /**
   * What an accepted input must be besides: `exact` is what `write` gives for it; `authentic` is one of the examples.
   */
  readonly accepted?: 'exact' | 'authentic'
}

/** Keeps the type of the value between `read` and `write`. */
export function parser<Value>(entry: Parser<Value>): Parser {
  const { write, ...rest } = entry
  return write === undefined ? rest : { ...rest, write: (value) => write(value as Value) }
}

/** An input that a parser did not deal with as it should. */
export class CampaignError extends Error {
  override readonly name = 'CampaignError'
}

/** The input with a number. */
export function makeInput(entry: Parser, dice: Dice): Uint8Array {
  const { examples, maxBytes = 2048 } = entry
  const roll = dice.below(20)
  if (roll === 0) return dice.pick(examples).slice()
  if (roll < 4 || examples.length === 0) return dice.bytes(dice.length(maxBytes))
  const example = dice.pick(examples)
  if (roll < 11 || entry.shape === 'bytes') return mutateBytes(example, dice, examples)
  return entry.shape === 'json'
    ? mutateJson(example, dice, examples)
    : mutateMessage(example, dice, examples)
}

/** Whether the parser accepted the input. Throws `CampaignError` where it broke a law. */
export async function holdToLaws(entry: Parser, input: Uint8Array): Promise<boolean> {
  const value = await attempt(entry, input.slice())
  if (value === REFUSED) return false
  if (entry.accepted === 'authentic' && !entry.examples.some((one) => equalBytes(one, input))) {
    throw new CampaignError('accepted what nobody made')
  }
  if (entry.write === undefined) return true
  const written = writeOf(entry, value)
  if (entry.accepted === 'exact' && !equalBytes(written, input)) {
    throw new CampaignError(`is written as ${toHex(written)}`)
  }
  const again = await attempt(entry, written.slice())
  if (again === REFUSED) throw new CampaignError('refuses what it wrote')
  if (!equalBytes(writeOf(entry, again), written)) throw new CampaignError('is written in two ways')
  return true
}

function writeOf({ write }: Parser, value: unknown): Uint8Array {
  try {
    return write?.(value) ?? new Uint8Array()
  } catch (cause) {
    throw new CampaignError('cannot be written', { cause })
  }
}

const REFUSED = Symbol('refused')

async function attempt(entry: Parser, input: Uint8Array): Promise<unknown> {
  try {
    const value = entry.read(input)
    return value instanceof Promise ? await value : value
  } catch (error) {
    if (entry.errors.some((known) => error instanceof known)) return REFUSED
    if (error instanceof CampaignError) throw error
    throw new CampaignError('threw an error that is not its own', { cause: error })
  }
}
