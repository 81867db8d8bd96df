// What a back end has to give to be tested: front ends that can be opened, read, and killed at any write.

import type { MailboxStore, StoreLimits } from '../store.ts'

/** One process that uses the store. */
export interface FrontEnd {
  /** Started. */
  readonly store: MailboxStore
  /** How often it has asked the back end for anything. */
  readonly reads: () => number
  /** The process dies at its nth write from now, with 1 at the next: this one still happens or not, and no other does. */
  readonly dieAt: (write: number, happens: boolean) => void
  readonly isDead: () => boolean
  /** Ends it as it stands. */
  readonly crash: () => Promise<void>
}

/** A back end with nothing in it. */
export interface StoreSubject {
  /** How many front ends may be open at once. */
  readonly frontEnds: number
  readonly open: () => Promise<FrontEnd>
  /** Damages what is kept of the oldest envelope that waits anywhere. */
  readonly damageMail: () => Promise<void>
  /** All that the back end keeps, for whatever reason. */
  readonly kept: () => Promise<{ readonly entries: number; readonly bytes: number }>
  readonly close: () => Promise<void>
}

export interface StoreContractInit {
  /** Of whatever runs the tests. */
  readonly test: (name: string, run: () => Promise<void>) => void
  readonly factory: (limits: StoreLimits) => Promise<StoreSubject>
  /** Random histories to run. @default 40 */
  readonly histories?: number
}
