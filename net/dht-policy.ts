/**
 * What a node of ours stores and serves in the DHT (docs/protocol.md, "Prekey bundle"), whatever the library above checks or
 * forgets: signed bundles only, under their own key, never an older one over a newer one, and no more than a bounded number.
 */
import { MAX_BUNDLE_BYTES, bundleKey, verifyBundle } from '../protocol/bundle.ts'
import { equalBytes, toHex } from '../protocol/bytes.ts'
import { DecodeError, RecordError } from '../protocol/errors.ts'
import type { VerifiedBundle } from '../protocol/bundle.ts'
import type { Clock } from './ports.ts'

/** Values lapse in the DHT this long after they were received; owners and mailboxes publish them again long before. */
export const RECORD_LIFETIME_MS = 48 * 60 * 60 * 1000

/** `/sotto/` and 32 bytes. */
const MAX_KEY_BYTES = 64

/** Keys whose newest bundle is remembered as checked: a record is checked on arrival and again on storing. */
const MAX_CHECKED = 256

/**
 * Checks records and compares them. Both are pure but for a small memory of what was checked, which spares the second and
 * third check of the same bytes.
 */
export class RecordPolicy {
  readonly #clock: Clock
  readonly #checked = new Map<string, VerifiedBundle>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Throws `DecodeError` or `RecordError` unless `value` is a valid bundle of the account that `key` stands for. */
  validate(key: Uint8Array, value: Uint8Array): VerifiedBundle {
    if (key.length > MAX_KEY_BYTES || value.length > MAX_BUNDLE_BYTES) {
      throw new DecodeError('ERR_TOO_LARGE')
    }
    return this.#verify(key, value)
  }

  /**
   * Throws `RecordError` ERR_OLD_SEQUENCE when `next` may not take the place of `held`: a lower sequence, or the same one with
   * other bytes. What is held but no longer valid gives way to anything valid.
   */
  checkOrder(key: Uint8Array, next: VerifiedBundle, held: Uint8Array): void {
    const current = this.#valid(key, held)
    if (current === undefined || next.sequence > current.sequence) return
    if (next.sequence === current.sequence && equalBytes(next.bytes, held)) return
    throw new RecordError('ERR_OLD_SEQUENCE')
  }

  /** Index of the valid value with the highest sequence; of equals, the first. 0 if none is valid. */
  select(key: Uint8Array, values: readonly Uint8Array[]): number {
    let best = 0
    let highest = -1
    values.forEach((value, at) => {
      const sequence = this.#valid(key, value)?.sequence ?? -1
      if (sequence <= highest) return
      best = at
      highest = sequence
    })
    return best
  }

  #valid(key: Uint8Array, value: Uint8Array): VerifiedBundle | undefined {
    try {
      return this.validate(key, value)
    } catch {
      return undefined // not valid, for whatever reason
    }
  }

  #verify(key: Uint8Array, value: Uint8Array): VerifiedBundle {
    const now = this.#clock.now()
    const name = toHex(key)
    const known = this.#checked.get(name)
    if (known !== undefined && equalBytes(known.bytes, value) && isCurrent(known, now)) return known
    const bundle = verifyBundle(value, { now })
    if (!equalBytes(bundleKey(bundle.account), key)) throw new RecordError('ERR_WRONG_ACCOUNT')
    this.#checked.delete(name)
    this.#checked.set(name, bundle)
    for (const oldest of this.#checked.keys()) {
      if (this.#checked.size <= MAX_CHECKED) break
      this.#checked.delete(oldest)
    }
    return bundle
  }
}

function isCurrent(bundle: VerifiedBundle, now: number): boolean {
  return now >= bundle.issuedAt && now < bundle.expiresAt && now < bundle.certificate.expiresAt
}
