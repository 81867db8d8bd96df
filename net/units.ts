// Amounts as people write them.

/** Milliseconds per unit: `500ms 90s 15m 6h 7d`. */
const TIMES: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

const SIZES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
}

/** No wait of ours is longer than a year. */
const MAX_MS = 366 * 86_400_000

/** Milliseconds of a duration such as `30s`, or undefined when it is not one. A number without a unit is not a duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text.trim())
  const unit = TIMES[match?.[2] ?? '']
  if (match === null || unit === undefined) return undefined
  const ms = Math.round(Number(match[1]) * unit)
  return ms <= MAX_MS ? ms : undefined
}

/** Bytes of a size such as `50MiB`, or undefined when it is not one. Units are binary: MB is refused, as it means two things. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,3})?)(B|KiB|MiB|GiB|TiB)$/.exec(text.trim())
  const unit = SIZES[match?.[2] ?? '']
  if (match === null || unit === undefined) return undefined
  const bytes = Math.round(Number(match[1]) * unit)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
