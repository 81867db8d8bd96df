/** Which records a range gives, and how the database is asked for them. */

export interface Range {
  /** First key to give (the last, with `reverse`), inclusive. Must start with the prefix. */
  readonly from?: string
  /** Damaged records do not count. */
  readonly limit?: number
  readonly reverse?: boolean
  /** Takes the key of a record that does not open, which is left out then. Without it, the range throws `ERR_CORRUPT`. */
  readonly damaged?: (key: string) => void
}

/** Values fetched at a time by an iterator, and the bytes it may hold for that. */
export const READ_AHEAD = 256
const READ_AHEAD_BYTES = 1024 * 1024

interface IteratorOptions {
  gte: string
  lt?: string
  lte?: string
  readonly reverse: boolean
  readonly highWaterMarkBytes: number
  readonly fillCache: boolean
}

/** For `iterator` of abstract-level. */
export function iteratorOptions(prefix: string, { from, reverse = false }: Range): IteratorOptions {
  const options: IteratorOptions = {
    gte: prefix,
    reverse,
    // LevelDB's own default of 16 KiB would make sixteen fetches of what one can do.
    highWaterMarkBytes: READ_AHEAD_BYTES,
    fillCache: false,
  }
  if (prefix !== '') options.lt = successor(prefix)
  if (from === undefined) return options
  if (!reverse) return { ...options, gte: from }
  delete options.lt
  return { ...options, lte: from }
}

/** The smallest string behind everything that starts with `prefix`; our keys end in ASCII. */
function successor(prefix: string): string {
  const last = prefix.length - 1
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1)
}
