// Comparing without a test framework.

import { Refusal } from '../refusal.ts'
import type { RefusalReason } from '../refusal.ts'

export function assert(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what)
}

/** Compares numbers, texts, truths and lists of them. */
export function equal(found: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)]
  assert(a === b, `${what}: ${a} instead of ${b}`)
}

/** Why it was refused; undefined when it was not. Everything else is thrown. */
export async function refusalOf(asked: Promise<unknown>): Promise<RefusalReason | undefined> {
  try {
    await asked
    return undefined
  } catch (cause) {
    if (cause instanceof Refusal) return cause.reason
    throw cause
  }
}
