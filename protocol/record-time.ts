// The window in which a signed record counts.

import { RecordError } from './errors.ts'

/** A record may be issued this far in the future of the reader's clock: 10 minutes. */
export const MAX_CLOCK_SKEW = 10 * 60_000

/** Issue and expiry in Unix milliseconds. */
export interface Validity {
  readonly issuedAt: number
  readonly expiresAt: number
}

/** Throws `RecordError` ERR_NOT_YET_VALID or ERR_EXPIRED; a record that ends before it begins is expired. */
export function checkValidity(record: Validity, now: number): void {
  if (record.issuedAt > now + MAX_CLOCK_SKEW) throw new RecordError('ERR_NOT_YET_VALID')
  if (record.expiresAt <= now || record.expiresAt <= record.issuedAt) {
    throw new RecordError('ERR_EXPIRED')
  }
}
