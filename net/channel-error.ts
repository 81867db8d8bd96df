export type ChannelErrorCode =
  | 'ERR_TRUNCATED' // cut inside a frame, or the connection was lost
  | 'ERR_FRAME_TOO_LARGE'
  | 'ERR_MALFORMED' // a length that is not a canonical varint
  | 'ERR_CLOSED' // used after close, or refused by the peer on opening
  | 'ERR_OVERFLOW' // the sender did not wait for `drained`, or too much was sent that could not be read yet

/** A channel ended otherwise than by the peer's close between two frames. */
export class ChannelError extends Error {
  static override readonly name = 'ChannelError'
  override readonly name = 'ChannelError'
  readonly code: ChannelErrorCode

  constructor(code: ChannelErrorCode, options?: ErrorOptions) {
    super(code, options)
    this.code = code
  }
}

/** Libraries reject with events and other things that are no errors; nothing of ours should pass those on. */
export function toError(reason: unknown): Error {
  if (reason instanceof Error) return reason
  if (typeof reason === 'object' && reason !== null) {
    if ('error' in reason && reason.error instanceof Error) return reason.error
    if ('type' in reason && typeof reason.type === 'string') return new Error(reason.type)
  }
  return new Error(String(reason))
}
