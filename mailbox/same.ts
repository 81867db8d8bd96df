// Whether something is still what it was.

import { equalBytes } from '../protocol/bytes.ts'

/** Whether both are missing, or have the same bytes. */
export function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b)
}
