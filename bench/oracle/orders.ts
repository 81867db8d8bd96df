/** What the benchmark of answers says to its processes, and the owners that it asks about. */

/** Who a deposit is for. No two of them may be told apart by how long the refusal takes. */
export const DEPOSIT_CASES = [
  /** Nobody's account. */
  'unknown',
  /** Was a member once. */
  'removed',
  'suspended',
  'full',
  /** The strangers' part of the box is full, and the owner has given out as many tokens as there may be. */
  'lane-full',
  /** The record of what the operator has decided does not open any more. */
  'damaged',
  /** Another account that is nobody's: how well a guesser does where there is nothing to learn. */
  'control',
] as const

/** Whose bundle is asked for. */
export const BUNDLE_CASES = [
  /** Nobody's account. */
  'unknown',
  /** A member who has none. */
  'missing',
  'expired',
  /** Its record does not open any more. */
  'damaged',
  /** As above. */
  'control',
] as const

export type DepositCase = (typeof DEPOSIT_CASES)[number]
export type BundleCase = (typeof BUNDLE_CASES)[number]

/** Of all cases the owner, in hexadecimal. */
export interface Owners {
  readonly deposit: Readonly<Record<DepositCase, string>>
  readonly bundle: Readonly<Record<BundleCase, string>>
}

export interface OracleMeeting {
  readonly peer: string
  readonly addresses: readonly string[]
  readonly owners: Owners
}

export interface HostOrder {
  /** Makes a mailbox in this folder with an owner of each kind, and serves. Answered with `OracleMeeting`. */
  readonly serve: string
}

export type AskerOrder =
  | { readonly meet: OracleMeeting }
  /** So many questions of each case, interleaved. Answered with `Times`. */
  | { readonly ask: 'deposit' | 'bundle'; readonly samples: number }

/** Milliseconds until the refusal, by case, in the order of the questions. */
export type Times = Readonly<Record<string, readonly number[]>>
