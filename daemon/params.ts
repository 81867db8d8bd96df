// Small checks for what arrives as parameters: named fields only, each bounded, unknown ones refused.

import { SottoError } from '../node/errors.ts'

/** Turns one field's value into its type or throws INVALID_ARGUMENT naming the field. */
export type Check<T> = (value: unknown, field: string) => T

type Checked<Checks> = {
  readonly [K in keyof Checks]: Checks[K] extends Check<infer T> ? T : never
}

/** Reads named parameters. No parameters count as an empty object. Throws SottoError INVALID_ARGUMENT. */
export function readParams<Checks extends Readonly<Record<string, Check<unknown>>>>(
  params: unknown,
  checks: Checks,
): Checked<Checks> {
  const given = params ?? {}
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw invalid('parameters are named: send an object')
  }
  const names = Object.keys(checks)
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(checks, name)) throw unknownField(name, names)
  }
  const values = given as Readonly<Record<string, unknown>>
  const read = names.map((name) => [name, checks[name]?.(values[name], name)] as const)
  return Object.fromEntries(read) as Checked<Checks>
}

/** A string of 1 to `maxLength` UTF-16 units. */
export function text(maxLength: number): Check<string> {
  return (value, field) => {
    if (typeof value !== 'string' || value === '') throw invalid(`${field} must be a text`)
    if (value.length > maxLength) {
      throw new SottoError('TOO_LARGE', `${field} is longer than ${maxLength} characters`)
    }
    return value
  }
}

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number): Check<number> {
  return (value, field) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
      throw invalid(`${field} must be a whole number from ${min} to ${max}`)
    }
    return value
  }
}

/** `true` or `false`. */
export const flag: Check<boolean> = (value, field) => {
  if (typeof value !== 'boolean') throw invalid(`${field} must be true or false`)
  return value
}

/** One of a few words. */
export function oneOf<const T extends string>(...words: readonly T[]): Check<T> {
  return (value, field) => {
    const word = words.find((candidate) => candidate === value)
    if (word === undefined) throw invalid(`${field} must be one of ${words.join(', ')}`)
    return word
  }
}

/** One of two kinds. */
export function either<A, B>(first: Check<A>, second: Check<B>): Check<A | B> {
  return (value, field) => {
    try {
      return first(value, field)
    } catch {
      // Not the first kind: the second check names the problem.
      return second(value, field)
    }
  }
}

/** A list of at most `maxItems`. */
export function listOf<T>(check: Check<T>, maxItems: number): Check<readonly T[]> {
  return (value, field) => {
    if (!Array.isArray(value) || value.length > maxItems) {
      throw invalid(`${field} must be a list of at most ${maxItems}`)
    }
    return value.map((item: unknown, index) => check(item, `${field}[${index}]`))
  }
}

/** A field that may be absent. */
export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, field) => (value === undefined ? undefined : check(value, field))
}

function invalid(message: string): SottoError {
  return new SottoError('INVALID_ARGUMENT', message)
}

function unknownField(name: string, known: readonly string[]): SottoError {
  const hint = known.length === 0 ? 'this method takes none' : `known: ${known.join(', ')}`
  return new SottoError('INVALID_ARGUMENT', `unknown field ${JSON.stringify(name.slice(0, 64))}`, {
    hint,
  })
}
