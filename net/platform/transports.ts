/** How every libp2p node of sotto's connects: TCP and WebSockets, Noise, Yamux. */
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { yamux } from '@libp2p/yamux'
import { noiseInOnePiece } from './noise.ts'
import type { Libp2pOptions } from 'libp2p'

const MAX_STREAMS = 128

/** Below the read buffer of a stream, or a reader that pauses would be cut off by a fast sender. */
const STREAM_WINDOW_BYTES = 1024 * 1024

/** A writer that never waits loses the stream instead of the memory. */
const STREAM_WRITE_BYTES = 8 * 1024 * 1024

/** A part of libp2p's options. */
export function transports(): Required<
  Pick<Libp2pOptions, 'transports' | 'connectionEncrypters' | 'streamMuxers'>
> {
  return {
    transports: [tcp(), webSockets()],
    connectionEncrypters: [noiseInOnePiece()],
    streamMuxers: [
      yamux({
        maxInboundStreams: MAX_STREAMS,
        maxOutboundStreams: MAX_STREAMS,
        streamOptions: {
          maxStreamWindowSize: STREAM_WINDOW_BYTES,
          maxWriteBufferLength: STREAM_WRITE_BYTES,
        },
      }),
    ],
  }
}
