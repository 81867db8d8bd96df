// Fields of stored records, checked as they are read. Throws `DecodeError` ERR_MALFORMED.

import { importSecret } from './crypto.ts'
import { DecodeError } from './errors.ts'
import type { Secret } from './secret.ts'

/** A copy, so that wiping the secret leaves the stored bytes to their owner, and the other way. */
export function secret<Name extends string>(
  name: Name,
  bytes: Uint8Array,
  length = 32,
): Secret<Name> {
  return importSecret(name, sized(bytes, length).slice())
}

/** A field that must be there. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new DecodeError('ERR_MALFORMED')
  return value
}

/** A field of exactly this length. */
export function sized(bytes: Uint8Array, length: number): Uint8Array {
  demand(bytes.length === length)
  return bytes
}

/** A rule that what we wrote keeps. */
export function demand(condition: boolean): void {
  if (!condition) throw new DecodeError('ERR_MALFORMED')
}
