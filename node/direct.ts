// Streams of /sotto/direct/1 (docs/protocol.md, "Direct delivery"): envelopes one way, cumulative acknowledgements the other.
// The sender keeps a window of unacknowledged envelopes; the receiver acknowledges a run of frames once it is committed.

import { pipe } from 'it-pipe'
import { DecodeError } from '../protocol/errors.ts'
import type { Channel, Clock, Timer } from '../net/ports.ts'
import { timeoutError } from './deadline.ts'
import type { DirectFrame } from './direct-frames.ts'
import { decodeDirectFrame, encodeDirectFrame } from './direct-frames.ts'
import { decide, type Outcome } from './outcome.ts'

export { MAX_DIRECT_FRAME_BYTES, WINDOW } from './direct-frames.ts'

/** The sender closes a stream that is idle for a minute; one that does not keep to that is ended for it. */
const MAX_SILENCE = 180_000

export interface Settled {
  /** Orders of entries that the other side has committed. */
  readonly delivered: readonly number[]
  readonly refused: readonly { readonly order: number; readonly code: number }[]
}

/** The sending end of one stream. Numbers rise by one from 1; what is not acknowledged when it ends is sent again elsewhere. */
export class DirectSender {
  readonly #channel: Channel
  readonly #orders = new Map<number, number>()
  #next = 1
  #acknowledged = 0

  constructor(channel: Channel) {
    this.#channel = channel
  }

  get inFlight(): number {
    return this.#orders.size
  }

  /** Puts one envelope on the stream. */
  send(order: number, envelope: Uint8Array): void {
    const number = this.#next++
    this.#orders.set(number, order)
    this.#channel.send(encodeDirectFrame({ kind: 'deliver', number, envelope }))
  }

  /** Acknowledgements as they come; ends with the stream. Throws `DecodeError` when the peer breaks the rules. */
  async *settled(): AsyncGenerator<Settled, void, undefined> {
    for await (const frames of this.#channel.incoming) {
      for (const bytes of frames) yield this.#settle(decodeDirectFrame(bytes))
    }
  }

  #settle(frame: DirectFrame): Settled {
    if (frame.kind !== 'acknowledge') throw new DecodeError('ERR_MALFORMED')
    const { upTo: last, refusals } = frame
    if (last <= this.#acknowledged || last >= this.#next) throw new DecodeError('ERR_MALFORMED')
    const codes = new Map(refusals.map(({ number, code }) => [number, code]))
    const delivered: number[] = []
    const refused: { order: number; code: number }[] = []
    for (let number = this.#acknowledged + 1; number <= last; number++) {
      const order = this.#orders.get(number)
      this.#orders.delete(number)
      if (order === undefined) continue
      const code = codes.get(number)
      if (code === undefined) delivered.push(order)
      else refused.push({ order, code })
    }
    this.#acknowledged = last
    return { delivered, refused }
  }
}

/**
 * Reads envelopes from a stream until it ends, and acknowledges each run after `take` has dealt with it. Rejects with
 * `DecodeError` when the peer breaks the rules, with a `TimeoutError` when the stream brings nothing for long.
 */
export async function receiveDirect(channel: Channel, clock: Clock, take: Take): Promise<void> {
  await pipe(
    whileNotSilent(channel, clock),
    readRuns,
    (runs) => handleRuns(runs, take),
    (acknowledgements) => sendAll(channel, acknowledgements),
  )
}

/** Deals with envelopes that arrived together, in order: one outcome for each. */
export type Take = (envelopes: readonly Uint8Array[]) => Promise<readonly Outcome[]>

async function* whileNotSilent(
  channel: Channel,
  clock: Clock,
): AsyncGenerator<readonly Uint8Array[]> {
  const endLater = (): Timer =>
    clock.after(MAX_SILENCE, () => channel.abort(timeoutError(MAX_SILENCE)))
  let silence = endLater()
  try {
    for await (const frames of channel.incoming) {
      silence.cancel()
      yield frames
      silence = endLater()
    }
  } finally {
    silence.cancel()
  }
}

interface Run {
  /** Number of the last envelope. */
  readonly last: number
  readonly envelopes: readonly Uint8Array[]
}

async function* readRuns(runs: AsyncIterable<readonly Uint8Array[]>): AsyncGenerator<Run> {
  let last = 0
  for await (const frames of runs) {
    const delivered = frames.map((bytes) => deliverOf(decodeDirectFrame(bytes)))
    for (const { number } of delivered) {
      if (number !== ++last) throw new DecodeError('ERR_MALFORMED')
    }
    yield { last, envelopes: delivered.map(({ envelope }) => envelope) }
  }
}

async function* handleRuns(runs: AsyncIterable<Run>, take: Take): AsyncGenerator<Uint8Array> {
  for await (const { last, envelopes } of runs) yield acknowledgement(last, await take(envelopes))
}

async function sendAll(channel: Channel, frames: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const frame of frames) {
    channel.send(frame)
    await channel.drained()
  }
}

function acknowledgement(last: number, outcomes: readonly Outcome[]): Uint8Array {
  const first = last - outcomes.length + 1
  const refusals = outcomes.flatMap((outcome, index) => {
    const code = decide(outcome).direct
    return code === undefined ? [] : [{ number: first + index, code }]
  })
  return encodeDirectFrame({ kind: 'acknowledge', upTo: last, refusals })
}

function deliverOf(frame: DirectFrame): DirectFrame & { readonly kind: 'deliver' } {
  if (frame.kind !== 'deliver') throw new DecodeError('ERR_MALFORMED')
  return frame
}
