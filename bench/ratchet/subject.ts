/** What a ratchet must be able to do to be measured. Messages are opaque: each subject understands its own. */

/** One end of a session. */
export interface Side {
  encrypt(plaintext: Uint8Array): unknown
  decrypt(message: unknown): unknown
  /** Length of a message as it is sent. Of base64, what it stands for. */
  bytesOf(message: unknown): number
  /** Only where contents are padded: the same without the padding; undefined for a message with more than the content in its body. */
  unpaddedBytesOf?(message: unknown, plaintext: Uint8Array): number | undefined
  /** Length of what has to be stored to go on with the session. */
  storedBytes(): number | Promise<number>
  /** Only where more is stored beside the session: length of all of it together. */
  allStoredBytes?(): number
}

export interface Pair {
  readonly ours: Side
  readonly theirs: Side
  /** The first message, as the initiator sent it. */
  readonly first: unknown
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
