/**
 * The file of the epoch keys, before it is sealed: one of the few places where secrets become bytes.
 *
 *   u8 version = 1 ‖ u64 since, Unix ms ‖ u8 flags ‖ key[32] of now ‖ key[32] before, if flags has 1
 *
 * Flags: 1 the key before is still needed, 2 so is the data key, under which everything was before there were epochs.
 */
import { concat, u64, u8 } from '../protocol/bytes.ts'
import { importSecret } from '../protocol/crypto.ts'
import { DecodeError } from '../protocol/errors.ts'
import { reader } from '../protocol/reader.ts'
import { Secret } from '../protocol/secret.ts'

export type EpochKey = Secret<'EpochKey'>

export interface Epochs {
  /** Unix ms when `current` was made. */
  readonly since: number
  readonly current: EpochKey
  /** The key before, while records may be under it. */
  readonly previous: EpochKey | undefined
  /** Records may be under the data key. */
  readonly beforeEpochs: boolean
}

const VERSION = 1
const KEY_BYTES = 32
const HAS_PREVIOUS = 1
const BEFORE_EPOCHS = 2

/** Secret bytes: seal them at once, and overwrite them. */
export function encodeEpochs({ since, current, previous, beforeEpochs }: Epochs): Uint8Array {
  const flags = (previous === undefined ? 0 : HAS_PREVIOUS) + (beforeEpochs ? BEFORE_EPOCHS : 0)
  const rest = previous === undefined ? new Uint8Array(0) : Secret.reveal(previous)
  return concat(u8(VERSION), u64(since), u8(flags), Secret.reveal(current), rest)
}

/** Overwrites `bytes`. Throws `DecodeError`. */
export function decodeEpochs(bytes: Uint8Array): Epochs {
  try {
    const from = reader(bytes)
    if (from.u8() !== VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
    const since = from.u64()
    const flags = from.u8()
    if (flags > HAS_PREVIOUS + BEFORE_EPOCHS) throw new DecodeError('ERR_MALFORMED')
    const hasPrevious = (flags & HAS_PREVIOUS) !== 0
    if (from.left !== KEY_BYTES * (hasPrevious ? 2 : 1)) throw new DecodeError('ERR_MALFORMED')
    const take = (): EpochKey => importSecret('EpochKey', from.take(KEY_BYTES).slice())
    const current = take()
    const previous = hasPrevious ? take() : undefined
    return { since, current, previous, beforeEpochs: (flags & BEFORE_EPOCHS) !== 0 }
  } finally {
    bytes.fill(0)
  }
}
