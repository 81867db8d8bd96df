/** What a ratchet must be able to do to be measured. Messages are opaque: each subject understands its own. */

/** One end of a session. */
export interface Side {
  encrypt(plaintext: Uint8Array): unknown
  decrypt(message: unknown): unknown
}

export interface Pair {
  readonly ours: Side
  readonly theirs: Side
  /** The first message as the responder opened it. */
  readonly opened: Uint8Array
  /** Frees what garbage collection does not. */
  end?(): void
}

/** A responder whose keys are made and published, and an initiator who has the bundle. */
export interface Prepared {
  /** From the bundle to the first message opened by the responder. */
  setUp(first: Uint8Array): Promise<Pair>
}

export interface Subject {
  readonly name: string
  /** How many messages and set-ups make a sample of a few tenths of a second. */
  readonly pace: { readonly oneWay: number; readonly pingPong: number; readonly setUp: number }
  /** False when it keeps too few skipped keys to open 1000 messages in reverse. */
  readonly opensReversed: boolean
  /** Long-term and one-time keys of both; not on the clock. */
  prepare(): Promise<Prepared>
}
