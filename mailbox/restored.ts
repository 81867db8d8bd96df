// When this mailbox was brought back from a backup: what it did between the backup and that moment, it has forgotten.

import { concat, u64, u8 } from '../protocol/bytes.ts'
import { DecodeError } from '../protocol/errors.ts'
import { MAX_CLOCK_SKEW } from '../protocol/record-time.ts'
import { reader } from '../protocol/reader.ts'
import type { MailboxStore } from './store.ts'

const VERSION = 1

/** `u8 1 ‖ u64 Unix ms` */
export function encodeRestored(at: number): Uint8Array {
  return concat(u8(VERSION), u64(at))
}

/** Throws `DecodeError`. */
export function decodeRestored(value: Uint8Array): number {
  const from = reader(value)
  if (from.u8() !== VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
  const at = from.u64()
  from.end()
  return at
}

/** What the mailbox knows of its last restore. */
export class Restored {
  readonly #store: MailboxStore
  #at = 0

  constructor(store: MailboxStore) {
    this.#store = store
  }

  /** Unix ms; 0 when it was never restored. */
  get at(): number {
    return this.#at
  }

  async load(): Promise<void> {
    const value = await this.#store.setting('restored')
    this.#at = value === undefined ? 0 : decodeRestored(value)
  }

  /**
   * Whether a one-time pair with this issue time may have been on the shelf before, and handed out: its owner's clock may be ahead
   * of ours by so much.
   */
  hasForgotten(issuedAt: number): boolean {
    return this.#at > 0 && issuedAt <= this.#at + MAX_CLOCK_SKEW
  }
}
