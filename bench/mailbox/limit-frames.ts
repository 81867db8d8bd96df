/** What the two sides of `limit` send: frames and records as long as ours. */
import { systemClock } from '../../net/platform/clock.ts'
import { ENVELOPE_BYTES } from './orders.ts'
import type { Channel } from '../../net/ports.ts'

export const LIMIT_PROTOCOL = '/bench/mailbox-limit/1'
export const FRAME = { maxFrameBytes: 512 * 1024, clock: systemClock }

/** Unacknowledged envelopes of a drain. */
export const WINDOW = 256

/** Bytes of our frames and sealed records: docs/mailbox.md. */
export const SIZES = {
  deposit: ENVELOPE_BYTES + 60,
  /** Of a deposit, before its envelope. */
  head: 60,
  /** Of a stored envelope, and the seal around it. */
  itemHeader: 37 + 40,
  storedReceipt: 41 + 40,
  expiry: 30 + 40,
  counters: 81 + 40,
}

/** Of a receipt that was signed with so many others, 32 at most. */
export function receiptBytes(together: number): number {
  return 242 + 32 * Math.ceil(Math.log2(Math.min(32, together)))
}

/** Answers an acknowledgement. */
export const ACKNOWLEDGED = new Uint8Array(4)

/** The next frame is sent with about so many bytes. */
const RUN_BYTES = 192 * 1024

const ID_BYTES = 8

/** Envelopes with ids, gathered into frames. */
export class Runs {
  #parts: Uint8Array[] = []
  #bytes = 0

  /** True when it is enough for a frame. */
  add(id: number, envelope: Uint8Array): boolean {
    const number = new Uint8Array(ID_BYTES)
    new DataView(number.buffer).setBigUint64(0, BigInt(id), true)
    this.#parts.push(number, envelope)
    this.#bytes += ID_BYTES + envelope.length
    return this.#bytes >= RUN_BYTES
  }

  send(channel: Channel): void {
    if (this.#parts.length > 0) channel.send(Buffer.concat(this.#parts))
    this.#parts = []
    this.#bytes = 0
  }
}

export interface Item {
  readonly id: bigint
  readonly envelope: Uint8Array
}

/** The envelopes of a frame, as views of it. */
export function itemsOf(frame: Uint8Array): readonly Item[] {
  const view = new DataView(frame.buffer, frame.byteOffset)
  const items: Item[] = []
  const step = ID_BYTES + ENVELOPE_BYTES
  for (let at = 0; at < frame.length; at += step) {
    const envelope = frame.subarray(at + ID_BYTES, at + step)
    items.push({ id: view.getBigUint64(at, true), envelope })
  }
  return items
}
