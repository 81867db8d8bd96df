/**
 * /sotto/bundle/1: the owner serves its own signed bundle. One frame from the server, then the end on both sides; without a
 * bundle, the end at once. The reader verifies: nothing is trusted for having come from the owner's own connection.
 */
import { ChannelError } from './channel-error.ts'
import { BUNDLE_PROTOCOL } from './names.ts'
import { MAX_BUNDLE_BYTES } from '../protocol/bundle.ts'
import type { PeerName, Wire } from './ports.ts'

/** Of one peer at a time: more than a well-behaved reader needs. */
const MAX_CHANNELS = 4

/** A reader has nothing to say. */
const MAX_REQUEST_BYTES = 0

export interface FetchOptions {
  readonly addresses?: readonly string[] | undefined
  readonly signal: AbortSignal
}

/** Serves what `current` gives at the time of each request. Ended by `wire.unhandle(BUNDLE_PROTOCOL)`. */
export function serveBundle(wire: Wire, current: () => Uint8Array | undefined): Promise<void> {
  return wire.handle(
    BUNDLE_PROTOCOL,
    { maxFrameBytes: MAX_REQUEST_BYTES, maxChannels: MAX_CHANNELS },
    async (channel) => {
      const bundle = current()
      if (bundle !== undefined) channel.send(bundle)
      await channel.close()
    },
  )
}

/**
 * The bytes that the peer serves as its bundle, not verified. Rejects with the reason of `signal`, the dial's error, or
 * `ChannelError` (`ERR_CLOSED` when the peer has none).
 */
export async function fetchBundle(
  wire: Wire,
  peer: PeerName,
  { addresses, signal }: FetchOptions,
): Promise<Uint8Array> {
  const maxFrameBytes = MAX_BUNDLE_BYTES
  const channel = await wire.open(peer, BUNDLE_PROTOCOL, { addresses, maxFrameBytes, signal })
  const onAbort = (): void => channel.abort(toReason(signal))
  signal.addEventListener('abort', onAbort)
  try {
    signal.throwIfAborted()
    for await (const [bundle] of channel.incoming) {
      if (bundle !== undefined) return bundle
    }
    throw new ChannelError('ERR_CLOSED')
  } finally {
    signal.removeEventListener('abort', onAbort)
    await channel.close()
  }
}

function toReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new ChannelError('ERR_CLOSED')
}
