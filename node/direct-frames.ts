// The bytes of the frames of /sotto/direct/1 (docs/protocol.md, "Direct delivery"). What they mean is in `direct.ts`.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { MAX_ENVELOPE_BYTES } from '../protocol/envelope.ts'
import { DecodeError } from '../protocol/errors.ts'
import { DirectFrameSchema, type DirectFrame as Message } from '../protocol/generated/direct_pb.ts'
import { toInteger } from '../protocol/protobuf.ts'

/** One frame of either direction. */
export type DirectFrame =
  | { readonly kind: 'deliver'; readonly number: number; readonly envelope: Uint8Array }
  | {
      readonly kind: 'acknowledge'
      readonly upTo: number
      readonly refusals: readonly Refused[]
    }

/** An envelope that was not committed, and the code that says why. */
export interface Refused {
  readonly number: number
  readonly code: number
}

/** An envelope with its number and the fields around it. */
export const MAX_DIRECT_FRAME_BYTES = MAX_ENVELOPE_BYTES + 64

/** Unacknowledged envelopes on one stream, and so refusals in one acknowledgement. */
export const WINDOW = 256

export function encodeDirectFrame(frame: DirectFrame): Uint8Array {
  return toBinary(DirectFrameSchema, create(DirectFrameSchema, { frame: fieldsOf(frame) }))
}

/**
 * Reads a frame; fields of later versions are passed over. Throws `DecodeError`: ERR_TOO_LARGE for more refusals than a window
 * has envelopes, else ERR_MALFORMED. The envelope is a view.
 */
export function decodeDirectFrame(bytes: Uint8Array): DirectFrame {
  const { frame } = parse(bytes)
  switch (frame.case) {
    case 'deliver': {
      const { number, envelope } = frame.value
      return { kind: 'deliver', number: toInteger(number), envelope }
    }
    case 'acknowledge': {
      const { upTo, refusals } = frame.value
      if (refusals.length > WINDOW) throw new DecodeError('ERR_TOO_LARGE')
      const refused = refusals.map(({ number, code }) => ({ number: toInteger(number), code }))
      return { kind: 'acknowledge', upTo: toInteger(upTo), refusals: refused }
    }
    case undefined:
      throw new DecodeError('ERR_MALFORMED')
  }
}

function parse(bytes: Uint8Array): Message {
  try {
    return fromBinary(DirectFrameSchema, bytes, { readUnknownFields: false })
  } catch (cause) {
    throw new DecodeError('ERR_MALFORMED', { cause })
  }
}

function fieldsOf(frame: DirectFrame) {
  if (frame.kind === 'deliver') {
    const { number, envelope } = frame
    return { case: 'deliver' as const, value: { number: BigInt(number), envelope } }
  }
  const refusals = frame.refusals.map(({ number, code }) => ({ number: BigInt(number), code }))
  return { case: 'acknowledge' as const, value: { upTo: BigInt(frame.upTo), refusals } }
}
