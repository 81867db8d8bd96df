/** What the flood benchmark says to its processes. */
import type { PeerName } from '../../net/ports.ts'

/** To the node that is flooded. */
export type ReceiverOrder =
  /** Starts it with its store in this folder. Answered with `Target`. */
  | { readonly start: string }
  /** Answered with the milliseconds of processor time since the process began. */
  | { readonly cpu: true }
  /** Answered with `Memory`. */
  | { readonly memory: true }

/** In bytes. */
export interface Memory {
  readonly resident: number
  /** What is left of the heap after a collection, with what hangs on it. */
  readonly held: number
}

/** How others find it. */
export interface Target {
  readonly peer: PeerName
  readonly addresses: readonly string[]
  readonly link: string
}

/** To its contact. */
export type ContactOrder =
  /** Starts a node with its store in this folder; both sides accept each other. */
  | { readonly start: string; readonly link: string }
  /** Answered with the milliseconds that each message took. */
  | { readonly send: number; readonly perSecond: number }

/** To the forgers. */
export type ForgerOrder =
  /** Makes the identities and their forgeries, and connects. */
  | { readonly start: Target; readonly identities: number }
  /** Answered when they have begun. */
  | { readonly flood: number }
  /** Answered with `Refusals` when the last of the flood is answered. */
  | { readonly stop: true }

/** What became of one flood. */
export interface Refusals {
  readonly seconds: number
  readonly sent: number
  /** By the code that the sender hears. */
  readonly cannotOpen: number
  readonly notAllowed: number
  readonly tryLater: number
  /** Confirmed: there should be none. */
  readonly taken: number
  /** Cut off with their stream. */
  readonly unanswered: number
}
