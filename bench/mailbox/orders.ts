/** What the mailbox benchmark says to its processes. */

/** Bytes of each envelope. */
export const ENVELOPE_BYTES = 1024

/** To the mailbox of a subject. */
export type ServerOrder =
  /** Starts it with its store in this folder. Answered with what a client has to know. */
  { readonly serve: string }

/** To those who leave mail, and to the one who drains. */
export type ClientOrder =
  /** Becomes the owner of a queue, with a store in this folder. Answered with what a depositor has to know. */
  | { readonly collect: string; readonly folder: string }
  /** Becomes the depositors. */
  | { readonly leave: string }
  /** Answered with `Deposited`. */
  | { readonly deposit: number; readonly depositors: number }
  /** Answered with the seconds until so many are stored here and deleted there. */
  | { readonly drain: number }

export interface Deposited {
  readonly seconds: number
  /** Milliseconds that each took, from the request until the answer that it is on the disk. */
  readonly times: readonly number[]
}

/** Leaves one envelope; resolves when the mailbox has answered for it. */
export type Leave = (envelope: Uint8Array) => Promise<void>

/** Resolves when so many envelopes are on the disk here and deleted there. */
export type Drain = (count: number) => Promise<void>

/** The clients of one subject. */
export interface Clients {
  /** Makes the queue. `found` is what the depositors have to know. */
  readonly collect: (
    meeting: string,
    folder: string,
  ) => Promise<{ readonly found: string; readonly drain: Drain }>
  readonly leave: (found: string) => Promise<Leave>
}

/** To the owners whose number makes a mailbox large. Answered when everything is done. */
export type OwnersOrder =
  /** Each joins and goes, and gets so many envelopes. */
  | { readonly meeting: string; readonly owners: number; readonly envelopes: number }
  /** Each joins, fetches, and stays. */
  | { readonly meeting: string; readonly owners: number }
